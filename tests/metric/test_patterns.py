from dataclasses import replace
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from metric_samples import as_simulated, half_weights, make_sample, make_task, single

from surveyeval.data.sample import State
from surveyeval.metric._patterns import PatternTable, expected_coverage, rarefied
from surveyeval.metric.heterogeneity import Coverage, Novelty, PilotCopies, Simpson, StructureRatio, UniquePatterns

TASK = make_task()
TASK_ITEMS = [one.model_dump(exclude_none=True) for one in TASK.spec.items]
HUMAN = make_sample(TASK, 200, 1, weighted=False)
SIMULATED = as_simulated(HUMAN, 2, task=TASK)


def patterns(sample, mask):
    rows = np.column_stack([sample.answers[name] for name in TASK.patterns])
    return [tuple(row) for row in rows[(mask > 0) & (rows >= 0).all(axis=1)].tolist()]


@pytest.mark.parametrize("counts", [[3, 2, 1, 1], [1, 1, 1], [5], [2, 0, 2, 3]])
def test_rarefaction_equals_the_mean_over_all_subsets(counts):
    people = np.repeat(np.arange(len(counts)), counts)
    for size in range(1, len(people) + 1):
        exact = np.mean([len(set(people[list(chosen)])) for chosen in combinations(range(len(people)), size)])
        assert rarefied(np.array([counts]), np.array([size]))[0] == pytest.approx(exact)


@pytest.mark.parametrize("n", [2, 4, 5])
def test_expected_coverage_is_unbiased(n):
    law = np.array([0.5, 0.3, 0.2])
    for m in range(1, n):
        truth = np.sum(law * (1 - (1 - law) ** m))
        mean = 0.0
        for sample in product(range(3), repeat=n):
            counts = np.bincount(sample, minlength=3)[None, :]
            mean += np.prod(law[list(sample)]) * expected_coverage(counts, np.array([m]))[0]
        assert mean == pytest.approx(truth)


def test_expected_coverage_at_full_size_is_good_turing():
    assert expected_coverage(np.array([[4, 2, 1, 1, 1]]), np.array([99]))[0] == pytest.approx(1 - 3 / 9)


def test_pattern_metrics_agree_with_sets():
    left, right = half_weights(HUMAN, 1, 5)
    people, rows = patterns(HUMAN, left[0]), patterns(SIMULATED, right[0])

    def value(metric, **where):
        return single(
            metric.compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0), metric.spec.name, **where
        )

    assert value(Coverage()) == pytest.approx(np.mean([p in set(rows) for p in people]))
    assert value(Novelty()) == pytest.approx(np.mean([p not in set(people) for p in rows]))
    different = np.mean([a != b for a, b in combinations(rows, 2)])
    assert value(Simpson()) == pytest.approx(different)
    size, rng = min(len(people), len(rows)), np.random.default_rng(0)
    drawn = [len({rows[i] for i in rng.permutation(len(rows))[:size]}) for _ in range(4000)]
    assert value(UniquePatterns()) == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(4000) + 1e-9)


def test_two_samples_of_one_law_reach_the_coverage_target_on_average():
    metric, errors = Coverage(), []
    for seed in range(60):
        human = make_sample(TASK, 120, 2 * seed, missing=0.0)
        other = make_sample(TASK, 120, 2 * seed + 1, missing=0.0)
        ones = np.ones((1, 120))
        covered = metric.compare(TASK, human, other, human, {}).values(ones, ones, 0).value[0, 0]
        counts = PatternTable(human, TASK.patterns, [5, 3, 3], np.zeros(120, int)).counts(ones)
        errors.append(covered - expected_coverage(counts, np.array([120]))[0])
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(60) + 0.005


def test_shuffled_patterns_have_the_expected_number():
    arm = (HUMAN.arm == "b").astype(np.int64)
    table = PatternTable(HUMAN, TASK.patterns, [5, 3, 3], arm)
    left, _ = half_weights(HUMAN, 1, 6)
    ours = table.shuffled_unique(left, 0, 400)[0]
    rng, rows = np.random.default_rng(1), np.column_stack([HUMAN.answers[name] for name in TASK.patterns])
    keep = (left[0] > 0) & (rows >= 0).all(axis=1)
    found = []
    for _ in range(400):
        shuffled = rows[keep].copy()
        for a in (0, 1):
            within = np.flatnonzero(arm[keep] == a)
            for j in range(3):
                shuffled[within, j] = shuffled[rng.permutation(within), j]
        seen = {tuple(row) for row in shuffled.tolist()}
        found.append(len(seen))
    assert ours == pytest.approx(np.mean(found), abs=5 * np.std(found) / np.sqrt(200))


def test_structure_is_seen_when_answers_hang_together():
    option = np.arange(HUMAN.n) % 3
    bound = HUMAN.with_answers({item.name: option % item.k for item in TASK.items})
    ones = np.ones((1, HUMAN.n))
    values = StructureRatio().compare(TASK, HUMAN, bound, HUMAN, {}).values(ones, ones, 0)
    assert values.value[0, 0] == pytest.approx(3 / 27, abs=0.02)


def test_not_asked_is_a_symbol_and_other_gaps_are_not():
    answers = {item.name: np.array([0, 0, -1, -1]) for item in TASK.items}
    states = {
        item.name: np.array([State.ANSWERED, State.ANSWERED, State.NOT_ASKED, State.REFUSED], dtype=np.int8)
        for item in TASK.items
    }
    sample = HUMAN.take(np.arange(4)).with_answers(answers, states=states)
    table = PatternTable(sample, TASK.patterns, [5, 3, 3], np.zeros(4, int))
    assert table.complete.tolist() == [True, True, True, False]
    assert sorted(table.counts(np.ones((1, 4)))[0]) == [1, 2]


def test_many_items_do_not_overflow():
    items = [
        {
            "name": f"q{j}",
            "role": "belief",
            "kind": "ordinal",
            "question": "?",
            "options": {str(k): str(k) for k in range(11)},
        }
        for j in range(24)
    ]
    task = make_task(items=items, patterns=[item["name"] for item in items], coherence=[])
    human = make_sample(task, 50, 3, missing=0.0)
    twice = human.take(np.concatenate([np.arange(50), np.arange(50)]))
    ones = np.ones((1, 50))
    values = UniquePatterns().compare(task, human, human, human, {}).values(ones, ones, 0)
    assert values.value[0, 0] == 50
    assert "uninformative" in values.flags[values.keys[0]]
    both = StructureRatio().compare(task, twice, twice, human, {}).values(np.ones((1, 100)), np.ones((1, 100)), 0)
    assert both.value[0, 0] == pytest.approx(0.5)


def test_a_copy_of_the_pilot_is_seen():
    pilot = HUMAN.take(np.arange(100))
    rows = HUMAN.with_answers(pilot.take(np.arange(200) % 100).answers)
    ones = np.ones((1, 200))
    assert PilotCopies().compare(TASK, HUMAN, rows, pilot, {}).values(ones, ones, 0).value[0, 0] == 1.0


def test_copies_of_the_pilot_are_not_counted_where_the_people_are_the_pilot_of_other_folds():
    apart = replace(HUMAN, respondent=np.array([f"other {name}" for name in HUMAN.respondent], dtype=object))
    w = np.ones((1, HUMAN.n))
    for pilot, status in ((HUMAN, "not_applicable"), (apart, None)):
        values = PilotCopies().compare(TASK, HUMAN, SIMULATED, pilot, {}).values(w, w, 0)
        assert values.status.get(values.keys[0], (None,))[0] == status


def test_bins_group_answers_in_patterns_and_nowhere_else():
    binned = [dict(one) for one in TASK_ITEMS]
    binned[0]["bins"], binned[2]["bins"] = [3, 5], [1]  # of 1 to 5, and of 0, 1, 4
    task = make_task(items=binned)
    groups = {"trust": [0, 0, 1, 1, 2], "place": [0, 1, 2], "risk": [0, 1, 1]}
    left, right = half_weights(HUMAN, 1, 8)

    def grouped(sample, mask):
        rows = [
            tuple(groups[name][k] for name, k in zip(TASK.patterns, row, strict=True)) for row in patterns(sample, mask)
        ]
        return sorted(rows)

    people, rows = grouped(HUMAN, left[0]), grouped(SIMULATED, right[0])

    def value(metric, pilot=HUMAN):
        return single(metric.compare(task, HUMAN, SIMULATED, pilot, {}).values(left, right, 0), metric.spec.name)

    assert value(Coverage()) == pytest.approx(np.mean([one in set(rows) for one in people]))
    assert value(Novelty()) == pytest.approx(np.mean([one not in set(people) for one in rows]))
    assert value(Simpson()) == pytest.approx(np.mean([a != b for a, b in combinations(rows, 2)]))
    counts = np.array([[rows.count(one) for one in sorted(set(rows))]])
    size = np.array([min(len(people), len(rows))])
    n, h = counts.sum(), size[0]
    exact = sum(1 - comb(n - c, h) / comb(n, h) for c in counts[0])
    assert value(UniquePatterns()) == pytest.approx(exact)
    assert value(UniquePatterns()) < single(
        UniquePatterns().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0), "unique_patterns"
    )
    # exact repetitions are of answers, not of groups of them
    pilot = HUMAN.take(np.arange(40))
    plain = PilotCopies().compare(TASK, HUMAN, SIMULATED, pilot, {}).values(left, right, 0)
    assert value(PilotCopies(), pilot) == plain.value[0, 0]


def test_possible_patterns_are_counted_in_groups():
    binned = [dict(one) for one in TASK_ITEMS]
    binned[0]["bins"], binned[2]["bins"] = [3], [4]
    task = make_task(items=binned)  # 2 x 3 x 2 = 12 patterns, which 80 people fill, while 45 they do not
    some, ones = HUMAN.take(np.arange(80)), np.ones((1, 80))
    assert len(set(patterns(some, ones[0]))) < 0.9 * 45
    values = UniquePatterns().compare(task, some, some, some, {}).values(ones, ones, 0)
    assert "uninformative" in values.flags[values.keys[0]]
    assert not UniquePatterns().compare(TASK, some, some, some, {}).values(ones, ones, 0).flags


WIDE = make_task(
    items=[
        {"name": f"q{j}", "role": "belief", "kind": "ordinal", "question": "?", "options": {str(k): str(k) for k in range(9)}}
        for j in range(4)
    ],
    patterns=[f"q{j}" for j in range(4)],
    coherence=[],
)  # fmt: skip
PEOPLE = make_sample(WIDE, 200, 5, weighted=False, missing=0.0)


def wide(change):
    """Simulated rows: a matrix of zeros that `change` writes into."""
    answers = np.zeros((200, 4), dtype=np.int64)
    change(answers)
    return PEOPLE.with_answers({f"q{j}": answers[:, j] for j in range(4)})


def structure_status(rows):
    ones = np.ones((1, 200))
    values = StructureRatio().compare(WIDE, PEOPLE, rows, PEOPLE, {}).values(ones, ones, 0)
    return *values.status.get(values.keys[0], ("ok", "")), "collapsed" in values.flags.get(values.keys[0], ())


def test_structure_has_no_value_where_shuffling_can_change_nothing():
    def one_item(answers):
        answers[:, 2] = np.arange(200) % 9

    def by_arm(answers):
        answers[PEOPLE.arm == "b"] = (1, 2, 3, 4)

    for change in (lambda answers: None, one_item, by_arm):
        status, reason, flagged = structure_status(wide(change))
        assert (status, flagged) == ("not_estimable", True)
        assert "shuffling changes nothing" in reason


def test_structure_has_no_value_for_fewer_than_a_tenth_of_peoples_patterns_before_and_after_shuffling():
    n_people = len({tuple(row) for row in np.column_stack([PEOPLE.answers[f"q{j}"] for j in range(4)]).tolist()})
    assert n_people > 100

    def deviants(answers):  # each from another item: four items with one other answer make at most 16 patterns
        answers[np.arange(4), np.arange(4)] = 1

    status, reason, flagged = structure_status(wide(deviants))
    assert (status, flagged) == ("not_estimable", True)
    assert f"less than a tenth of people's {n_people}" in reason

    def bound(answers):  # nine patterns too, that shuffling tears apart: structure, and no collapse
        answers[:] = (np.arange(200) % 9)[:, None]

    assert structure_status(wide(bound)) == ("ok", "", False)

    def independent(answers):
        answers[:] = np.random.default_rng(1).integers(0, 9, (200, 4))

    assert structure_status(wide(independent)) == ("ok", "", False)


def test_few_complete_rows_are_no_collapse():
    """25 people in their own place have at most 25 patterns, of however many people have."""
    rows = PEOPLE.with_answers({f"q{j}": np.where(np.arange(200) < 25, PEOPLE.answers[f"q{j}"], -1) for j in range(4)})
    assert structure_status(rows)[2] is False
