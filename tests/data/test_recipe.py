"""Recipes, with a web that answers from memory: pooch and requests are the real ones."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from surveyeval.data.address import parse_address
from surveyeval.data.recipe import RecipeSource, data_cache
from surveyeval.data.sources import CheckedSource, open_source
from surveyeval.errors import DataError
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task

CONTENT = b"person,vote\na,1\nb,0\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://example.org/v1/answers.csv"
Answer = tuple[int, dict[str, str], bytes] | Exception


class Web(HTTPAdapter):
    """Answers by address; counts what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:  # type: ignore[override]
        assert request.url is not None
        self.asked.append(request.url)
        answer = self.answers.get(request.url, requests.ConnectionError("no route"))
        if isinstance(answer, Exception):
            raise answer
        status, headers, content = answer
        raw = HTTPResponse(io.BytesIO(content), headers, status, preload_content=False)
        return self.build_response(request, raw)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    web = Web()
    monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: web)
    return web


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SURVEYEVAL_DATA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "votes").mkdir()
    return tmp_path / "votes"


def problem(folder: Path, url: str = URL, sha256: str | None = SHA256) -> str:
    with pytest.raises(DataError) as caught:
        open_source(f"recipe:{url}", folder, sha256=sha256)
    return str(caught.value)


def test_downloaded_once_checked_and_kept(
    web: Web, cache: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.answers[URL] = (200, {"content-length": str(len(CONTENT))}, CONTENT)
    table = open_source(f"recipe:{URL}", folder, sha256=SHA256)
    assert table.frame.to_numpy().tolist() == [["a", "1"], ["b", "0"]]
    assert (table.sha256, table.name, table.line(1)) == (SHA256, "answers.csv", 3)
    assert [path.relative_to(cache) for path in cache.rglob("*.*")] == [Path("votes/answers.csv")]
    assert "downloading answers.csv from example.org" in capsys.readouterr().err
    again = open_source(f"recipe:{URL}", folder, sha256=SHA256)
    assert again.frame.equals(table.frame)
    assert web.asked == [URL]


@pytest.mark.parametrize("place", ["votes/answers.csv", "answers.csv"])
def test_placed_by_hand(web: Web, cache: Path, folder: Path, place: str) -> None:
    (cache / place).parent.mkdir(parents=True)
    (cache / place).write_bytes(CONTENT)
    assert len(open_source(f"recipe:{URL}", folder, sha256=SHA256).frame) == 2
    assert web.asked == []


def test_another_file_is_refused_and_named(web: Web, cache: Path, folder: Path) -> None:
    path = cache / "votes" / "answers.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"person,vote\na,0\n")
    message = problem(folder)
    assert str(path) in message
    assert f"the task says {SHA256}" in message
    assert "move this file away" in message
    assert path.read_bytes() == b"person,vote\na,0\n"
    assert web.asked == []


def test_a_file_of_another_task_is_not_in_the_way(web: Web, cache: Path, folder: Path) -> None:
    cache.mkdir()
    (cache / "answers.csv").write_bytes(b"x\n1\n")
    web.answers[URL] = (200, {}, CONTENT)
    assert len(open_source(f"recipe:{URL}", folder, sha256=SHA256).frame) == 2


@pytest.mark.parametrize("content", [CONTENT[:-4], b"", b"<html>moved</html>"])
def test_what_is_not_the_file_is_not_kept(web: Web, cache: Path, folder: Path, content: bytes) -> None:
    web.answers[URL] = (200, {}, content)
    message = problem(folder)
    assert f"what {URL} gives has sha256 {hashlib.sha256(content).hexdigest()}, the task says {SHA256}" in message
    assert "answers.csv" in message
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (requests.ConnectionError("name or service not known"), "there is no connection to example.org"),
        (requests.ConnectTimeout("slow"), "example.org does not answer"),
        (requests.exceptions.SSLError("self-signed"), "example.org shows no valid certificate"),
        ((404, {}, b"gone"), "example.org answers 404"),
        ((503, {}, b"busy"), "example.org answers 503"),
        ((302, {"location": URL}, b""), "TooManyRedirects"),
    ],
)
def test_offline_tells_where_to_put_the_file(web: Web, cache: Path, folder: Path, answer: Answer, why: str) -> None:
    web.answers[URL] = answer
    message = problem(folder)
    for expected in (why, URL, str(cache / "votes" / "answers.csv"), SHA256, "SURVEYEVAL_DATA_CACHE"):
        assert expected in message
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_redirects_stay_encrypted(web: Web, cache: Path, folder: Path) -> None:
    web.answers["https://mirror.example.org/a.csv"] = (200, {}, CONTENT)
    web.answers[URL] = (302, {"location": "https://mirror.example.org/a.csv"}, b"")
    assert len(open_source(f"recipe:{URL}", folder, sha256=SHA256).frame) == 2

    (cache / "votes" / "answers.csv").unlink()
    web.answers[URL] = (302, {"location": "http://mirror.example.org/a.csv"}, b"")
    web.answers["http://mirror.example.org/a.csv"] = (200, {}, CONTENT)
    assert "sends on to an address that is not https" in problem(folder)
    assert "http://mirror.example.org/a.csv" not in web.asked


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.org/answers.csv", "is no https address"),
        ("ftp://example.org/answers.csv", "is no https address"),
        ("file:///etc/answers.csv", "is no https address"),
        ("answers.csv", "is no https address"),
        ("https:///answers.csv", "is no https address"),
        ("https://me:secret@example.org/answers.csv", "holds a name or password"),
        ("https://example.org/", "names no file"),
        ("https://example.org/%2e%2e", "names no file"),
        ("https://example.org/a%2Fb.csv", "names no file"),
        ("https://example.org/a#../../answers.csv", "names no file"),
        ("https://example.org/.hidden.csv", "names no file"),
        ("https://example.org/answers.py", "'answers.py' are not read"),
        ("https://example.org/answers.pkl", "'answers.pkl' are not read"),
        ("https://example.org/answers.zip", "'answers.zip' are not read"),
        ("https://[example/answers.csv", "is no address"),
    ],
)
def test_addresses_that_are_not_asked(web: Web, cache: Path, folder: Path, url: str, message: str) -> None:
    said = problem(folder, url)
    assert message in said
    assert "secret" not in said
    assert web.asked == []


def test_names_of_files() -> None:
    address = parse_address("https://example.org/access?id=3&format=original#answers.tsv")
    assert address.file == "answers.tsv"
    assert address.url == "https://example.org/access?id=3&format=original"
    assert parse_address("https://example.org/a%2Db.csv").file == "a-b.csv"


def test_no_checksum_no_download(web: Web, cache: Path, folder: Path) -> None:
    assert "a recipe needs the sha256" in problem(folder, sha256=None)
    assert web.asked == []
    assert isinstance(RecipeSource(), CheckedSource)


def test_a_cache_that_cannot_be_written(web: Web, cache: Path, folder: Path) -> None:
    cache.write_text("in the way")
    assert "cannot be written" in problem(folder)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SURVEYEVAL_DATA_CACHE", "~/surveys")
    assert data_cache() == Path("~/surveys").expanduser()
    monkeypatch.delenv("SURVEYEVAL_DATA_CACHE")
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path))
    assert data_cache() == tmp_path / "data"


def test_a_terminal_sees_a_bar(
    web: Web, cache: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    web.answers[URL] = (200, {"content-length": str(len(CONTENT))}, CONTENT)
    assert len(open_source(f"recipe:{URL}", folder, sha256=SHA256).frame) == 2


TASK = """\
name: votes
version: "1.0"
title: Votes
source:
  use: recipe:https://example.org/v1/answers.csv
  provenance: human
  licence: CC0-1.0
  citation: nobody
  sha256: {sha256}
  id: person
profile: {{}}
items:
  - name: vote
    role: action
    kind: nominal
    question: Did you vote?
    options: {{"1": "yes", "0": "no"}}
"""


@pytest.fixture
def written(folder: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        (folder / "task.yaml").write_text(text)
        return str(folder / "task.yaml")

    return write


def test_a_task_with_a_recipe(web: Web, cache: Path, written: Callable[[str], str]) -> None:
    task = load_task(written(TASK.format(sha256=SHA256)))
    with pytest.raises(DataError, match=r"task\.yaml:5:\d+ source\.use: answers\.csv: cannot be downloaded"):
        load_human(task)
    web.answers[URL] = (200, {}, CONTENT)
    people = load_human(task)
    assert (people.sha256, people.licence, people.sample.n) == (SHA256, "CC0-1.0", 2)


def test_faults_are_found_without_asking(web: Web, written: Callable[[str], str]) -> None:
    from surveyeval.task.check import check_file

    path = Path(written(TASK.replace("  sha256: {sha256}\n", "").replace("https:", "http:").format()))
    found = "\n".join(map(str, check_file(path)))
    assert "source: a recipe needs the sha256 of its file" in found
    assert "source.use: 'http://example.org/v1/answers.csv' is no https address" in found
    assert check_file(Path(written(TASK.format(sha256=SHA256)))) == []
    assert web.asked == []
