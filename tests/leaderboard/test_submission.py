"""What leaves this machine, and what does not."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest

from surveyeval import api
from surveyeval.board.check import check_submission
from surveyeval.board.scrub import SECRET, command_of, scrubber
from surveyeval.board.small_cells import suppressed_estimates, suppressed_tables
from surveyeval.board.submission import PARTS, Submission, export_run, make_submission, open_submission
from surveyeval.engine.run import Run
from surveyeval.errors import ConfigError, RunError
from surveyeval.model.strings import parse_model_string
from tests.leaderboard.made import changed, renamed, reread


def test_an_export_has_fixed_members_and_the_same_bytes_every_time(runs: list[Run], tmp_path: Path) -> None:
    first, second = (export_run(runs[0], tmp_path / name) for name in ("a.zip", "b.zip"))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == ["submission.json", *PARTS.values()]


def test_zip_and_json_hold_the_same_and_pass_every_check(runs: list[Run], tmp_path: Path) -> None:
    for name in ("a.zip", "a.json"):
        read = open_submission(export_run(runs[2], tmp_path / name))
        checked = check_submission(read)
        assert checked.problems == ()
        said = " ".join(checked.confirmed)
        for words in (
            "hashes of the parts: 6",
            "identity of the run",
            "recovered, from",
            "adjusted p-values",
            "card, rendered anew",
        ):
            assert words in said
        assert "label swaps" in " ".join(checked.open)


def test_nothing_of_a_respondent_or_of_this_machine_is_in_it(runs: list[Run], submission: Submission) -> None:
    text = submission.to_bytes(as_json=True).decode()
    assert '"respondent"' not in text
    assert str(runs[2].folder) not in text
    assert str(Path.home()) not in text
    assert set(submission.parts) == set(PARTS)
    assert "responses" not in submission.manifest


def test_people_of_a_share_are_ten_or_none_and_follow_from_nothing_else(
    runs: list[Run], submission: Submission
) -> None:
    by_item = defaultdict(list)
    for row in submission.parts["tables"]["distributions"]:
        by_item[row["item"]].append(row)
    hidden = 0
    for rows in by_item.values():
        counts = [round(row["human"] * row["n_human"]) for row in rows if row["human"] is not None]
        assert all(count == 0 or count >= 10 for count in counts)
        missing = len(rows) - len(counts)
        hidden += missing
        assert missing != 1  # the others would tell it
        assert all((row["human"] is None) == (row["simulated"] is None) for row in rows)
    assert hidden > 0
    assert all(row["n"] >= 10 for row in submission.parts["tables"]["groups"])


def _share(arm: str, option: str, share: float, n: int) -> dict[str, object]:
    return {"item": "vote", "arm": arm, "option": option, "human": share, "human_low": share, "human_high": share, "simulated": 0.5, "n_human": n}  # fmt: skip


def _tables(**own: object) -> dict[str, object]:
    arms = [{"arm": "a", "n": 60, "n_eff": 60.0}, {"arm": "b", "n": 40, "n_eff": 40.0}]
    empty: dict[str, object] = {
        name: [] for name in ("distributions", "coherence", "groups", "states", "means", "coefficients")
    }
    return {"sizes": {"arms": arms, "n_human": 100}, **empty, **own}


def test_a_small_cell_of_one_arm_takes_the_item_of_all_arms_with_it() -> None:
    shares = [
        _share("", "x", 0.5, 100),
        _share("", "y", 0.5, 100),
        _share("a", "x", 0.9, 60),
        _share("a", "y", 0.1, 60),
    ]
    kept, changed_rows = suppressed_tables(_tables(distributions=shares))
    assert [row["human"] for row in kept["distributions"]] == [0.5, 0.5, None, None]
    assert changed_rows == 2
    assert shares[2]["human"] == 0.9  # what was given is as it was


def test_a_mean_does_not_tell_the_shares_that_are_hidden() -> None:
    shares = [_share("", "1", 4 / 497, 497), _share("", "2", 493 / 497, 497)]
    means = [
        {"item": item, "arm": "", "human": 2 - 4 / 497, "simulated": 1.5, "n_human": 497} for item in ("vote", "other")
    ]
    bounds = [
        {"item": "vote", "measure": measure, "option": "1", "low": 0.0, "high": 0.1}
        for measure in ("share", "wasserstein")
    ]
    kept, _ = suppressed_tables(_tables(distributions=shares, means=means, bounds=bounds))
    assert [row["human"] for row in kept["distributions"]] == [None, None]
    assert [row["item"] for row in kept["means"]] == ["other"]
    assert [row["measure"] for row in kept["bounds"]] == ["wasserstein"]


def test_people_are_counted_and_not_their_weights() -> None:
    """Three people of weight 5 are three people."""
    shares = [{**_share("", "x", 0.15, 100), "count": 3}, {**_share("", "y", 0.85, 100), "count": 97}]
    kept, _ = suppressed_tables(_tables(distributions=shares))
    assert [(row["human"], row["count"]) for row in kept["distributions"]] == [(None, None)] * 2


def test_one_small_group_takes_the_next_smallest_with_it_and_small_counts_go() -> None:
    groups = [{"subgroup": "age", "group": name, "n": n} for name, n in (("young", 4), ("old", 30), ("middle", 66))]
    states = [{"item": "vote", "side": side, "state": state, "count": n} for side, state, n in (("people", "answered", 97), ("people", "refused", 3), ("simulation", "answered", 100))]  # fmt: skip
    coherence = [{"rule": "r", "arm": "", "side": side, "n": 100.0, "follows": 92.0, "contradicts": 8.0, "undetermined": 0.0, "missing": 0.0} for side in ("people", "simulation")]  # fmt: skip
    kept, _ = suppressed_tables(_tables(groups=groups, states=states, coherence=coherence))
    assert [row["group"] for row in kept["groups"]] == ["middle"]
    assert [row["side"] for row in kept["states"]] == ["simulation"]
    assert kept["coherence"] == []


def test_checks_and_retests_that_tell_of_a_few_people_go() -> None:
    def attention(item: str, passed: int) -> list[dict[str, object]]:
        return [
            {"item": item, "side": side, "answered": 100, "passed": passed, "unanswered": 0}
            for side in ("people", "simulation")
        ]

    def retest(item: str, n: int, agreement: float) -> list[dict[str, object]]:
        return [{"item": item, "side": side, "n": n, "agreement": agreement} for side in ("people", "simulation")]

    kept, _ = suppressed_tables(
        _tables(attention=[*attention("few fail", 95), *attention("many", 80)],
                retest=[*retest("few differ", 50, 0.9), *retest("many", 50, 0.5), *retest("few asked", 5, 0.8)])
    )  # fmt: skip
    for name in ("attention", "retest"):
        assert [row["item"] for row in kept[name]] == ["many", "many"]


def test_an_arm_of_fewer_than_ten_people_keeps_the_run_at_home(runs: list[Run], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(runs[0].folder, folder)
    tables = json.loads((folder / "tables.json").read_text())
    tables["sizes"]["arms"][0]["n"] = 9
    (folder / "tables.json").write_text(json.dumps(tables))
    with pytest.raises(RunError, match="fewer than 10 test people in all"):
        make_submission(Run(folder))
    site = api.leaderboard([folder, runs[2]], output=tmp_path / "site")
    assert any("fewer than 10 test people" in note for note in site.notes)


def test_estimates_of_small_groups_keep_their_row_and_lose_their_numbers() -> None:
    row = {"quantity": "estimate", "axis": "subgroups", "group": "age=young", "arm": "", "status": "ok", "reason": "", "flags": "", "value": 0.3, "n_human": 100.0, "n_eff": None}  # fmt: skip
    tables = _tables(groups=[{"subgroup": "age", "group": "young", "n": 4}])
    (found,), changed_rows = suppressed_estimates([row], tables)
    assert (found["value"], found["status"], changed_rows) == (None, "too_small", 1)
    half = {**row, "group": "", "quantity": "matched", "n_human": 9.0}  # 9 people in a half are 18 people
    assert suppressed_estimates([half], tables)[0] == [half]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("read /home/me/study/answers.csv and stop", "read answers.csv and stop"),
        ("file:/home/me/study/answers.csv", "file:answers.csv"),
        ("in ~/study/x.csv, or ~me/y/z.csv", "in x.csv, or z.csv"),
        (r"C:\Users\me\answers.csv", "answers.csv"),
        (
            "yes and/or no; 3/4 of people; https://example.org/a/b?id=1",
            "yes and/or no; 3/4 of people; https://example.org/a/b?id=1",
        ),
        ("https://me:pass@example.org/a", "https://example.org/a"),
        ("http://127.0.0.1:8000/v1", "http://private/v1"),
        ("http://gpu-box:8000/v1", "http://private/v1"),
        ("api_key=abcdef123", f"api_key={SECRET}"),
        ("sent with Bearer abcdefghijkl", f"sent with {SECRET}"),
        ("sk-abcdefghijklmnop1234", SECRET),
        ("hf_abcdefghijklmnop1234", SECRET),
    ],
)
def test_paths_private_addresses_and_keys_are_taken_out_of_any_text(text: str, expected: str) -> None:
    scrub = scrubber({"model": {"name": "m", "string": "baseline:cell"}})
    assert scrub(text) == expected
    assert scrub(scrub(text)) == expected


def test_a_model_string_with_a_folder_is_named_by_its_last_part_everywhere() -> None:
    manifest = {
        "task": {"name": "mine"},
        "model": {"name": "lora:adapters/secret-project/x", "string": "lora:adapters/secret-project/x?dtype=float32"},
        "command": "surveyeval run --task studies/mine/task.yaml --model 'a=lora:adapters/secret-project/x' --data mine=in/rows.csv",
    }
    scrub = scrubber(manifest)
    assert scrub("lora:adapters/secret-project/x is closest") == "lora:x is closest"
    assert command_of(manifest, scrub) == "surveyeval run --task mine --model a=lora:x --data mine=rows.csv"


def test_the_address_of_a_private_server_is_taken_out_without_its_scheme_too() -> None:
    model = {"name": "openai:big", "string": "openai:big", "fingerprint": {"details": {"server": "gpu7.lab.internal:8000/v1"}}}  # fmt: skip
    scrub = scrubber({"task": {"name": "mine"}, "model": model})
    assert "gpu7" not in scrub("asked of gpu7.lab.internal:8000/v1, on a date")


def test_values_of_further_request_fields_and_parameters_of_addresses_stay_here(
    runs: list[Run], tmp_path: Path
) -> None:
    """Of a run that was made when such options were still taken: its identity is what it was, and the check passes."""
    folder, secret = tmp_path / "run", "SuperSecretKey12345678"
    shutil.copytree(runs[2].folder, folder)
    extra = {"headers": {"X-Auth": secret}, "effort": f"a&b?{secret}%26"}
    written = json.dumps(extra).replace("%", "%25").replace("&", "%26")
    string = f"openai:toy?base_url=https://h.example.org/v1;key={secret}&extra={written}&top_logprobs=5"
    inner = f"scripted:swapped?inner={string.replace('%', '%25').replace('&', '%26')}"
    for one in (string, inner):
        manifest = json.loads((runs[2].folder / "manifest.json").read_text())
        manifest["model"]["string"] = one
        manifest["model"]["fingerprint"]["details"] = {
            "server": "h.example.org/v1",
            "extra": extra,
            "inner": {"extra": extra},
        }
        manifest["command"] = f"surveyeval run --task anes96 --model 'toy={one}'"
        manifest["notes"].append(f"asked as {one}")
        (folder / "manifest.json").write_text(json.dumps(manifest))
        read = open_submission(export_run(Run(folder), tmp_path / "a.json"))
        with zipfile.ZipFile(export_run(Run(folder), tmp_path / "a.zip")) as archive:
            texts = [archive.read(name).decode() for name in archive.namelist()]
        assert not [text for text in [*texts, (tmp_path / "a.json").read_text()] if secret in text]
        model = read.manifest["model"]
        assert model["fingerprint"]["details"]["extra"] == {"headers": SECRET, "effort": SECRET}
        assert model["fingerprint"]["details"]["inner"]["extra"] == {"headers": SECRET, "effort": SECRET}
        parsed = parse_model_string(model["string"])
        if one is inner:
            assert parsed.reference == "swapped"
            parsed = parse_model_string(parsed.options["inner"])
        assert json.loads(parsed.options["extra"]) == {"headers": SECRET, "effort": SECRET}
        assert parsed.options["top_logprobs"] == "5"
        assert parsed.options["base_url"] == "https://h.example.org/v1"
        assert "X-Auth" not in json.dumps(read.parts)
        assert "what stood in them is left out" in read.manifest["notes"][-1]
        assert read.manifest["identity"] == manifest["identity"]
        assert check_submission(read).problems == ()


def test_a_run_that_is_not_scored_and_another_kind_of_file_are_refused(runs: list[Run], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no submission"):
        export_run(runs[0], tmp_path / "x.tar")
    folder = tmp_path / "run"
    folder.mkdir()
    manifest = {**runs[0].manifest, "status": "simulated"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunError, match="not scored"):
        make_submission(Run(folder))


def test_the_check_finds_what_was_changed(submission: Submission, tmp_path: Path) -> None:
    def better(parts: dict[str, object]) -> None:
        row = next(
            row for row in parts["metrics"]["estimates"]
            if row["quantity"] == "recovered" and row["value"] is not None and row["direction"] == "lower"
        )  # fmt: skip
        row["value"], row["low"], row["high"] = row["value"] + 0.01, row["low"] - 1, row["high"] + 1

    def nearer(parts: dict[str, object]) -> None:
        for row in parts["metrics"]["estimates"]:
            if (row["quantity"], row["metric"], row["headline"]) == ("matched", "js_distance", True):
                row["value"] = row["low"]

    def significant(parts: dict[str, object]) -> None:
        row = next(row for row in parts["metrics"]["estimates"] if row["p_adjusted"] is not None)
        row["p_adjusted"] = 0.999 if row["p_adjusted"] < 0.5 else 0.001

    def equal(parts: dict[str, object]) -> None:
        row = next(
            row for row in parts["metrics"]["estimates"] if row["quantity"] == "equivalence" and not row["flags"]
        )
        row["flags"] = "equivalent"

    def other_people(parts: dict[str, object]) -> None:
        parts["manifest"]["split"]["test_ids"] = "0" * 64

    def other_blocks(parts: dict[str, object]) -> None:
        parts["manifest"]["plan"]["hash"] = "0" * 64

    def no_blocks(parts: dict[str, object]) -> None:
        parts["manifest"]["plan"] = "none"

    def one_person(parts: dict[str, object]) -> None:
        row = parts["tables"]["distributions"][0]
        row["human"], row["n_human"], row["count"] = 1 / row["n_human"], row["n_human"], 1

    def path(parts: dict[str, object]) -> None:
        parts["manifest"]["notes"].append("from /home/me/study/x.csv")

    for change, words in (
        (better, "recovered, from model, reference and floor"),
        (nearer, "excess, from its two sides"),
        (significant, "adjusted p-values"),
        (equal, "equivalence"),
        (other_people, "the test people in the identity"),
        (other_blocks, "the plan in the identity"),
        (no_blocks, "the plan in the identity"),
        (one_person, "shows 1 people"),
        (path, "holds a path"),
    ):
        checked = check_submission(reread(changed(submission, change), tmp_path / "x.zip"))
        assert any(words in problem for problem in checked.problems), (change.__name__, checked.problems)
    unhashed = changed(submission, better, hashed=False)
    assert any("metrics is not what its hash" in one for one in check_submission(unhashed).problems)


def test_another_model_under_its_own_identity_passes(submission: Submission) -> None:
    other = changed(submission, lambda parts: renamed(parts, "other"))
    assert check_submission(other).problems == ()


def test_people_of_a_weighted_share_are_counted_by_the_check_too(submission: Submission) -> None:
    """Twelve people of little weight have a share of nine of a hundred, and are twelve people."""

    def weighted(parts: dict[str, object]) -> None:
        parts["tables"]["sizes"]["weighted"] = True
        row = next(row for row in parts["tables"]["distributions"] if row["human"] is not None)
        row |= {"human": 5 / row["n_human"], "count": 12}

    assert not any(
        "people" in one and "shows" in one for one in check_submission(changed(submission, weighted)).problems
    )
