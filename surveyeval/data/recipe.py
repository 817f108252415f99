"""Files that a task does not carry: ``recipe:https://...``, downloaded once on the user's machine and checked."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from surveyeval import memo
from surveyeval.data.address import Address, parse_address
from surveyeval.data.readers import ENDINGS, read_table
from surveyeval.data.table import Table
from surveyeval.errors import DataError

__all__ = ["RecipeSource", "data_cache"]

#: Largest file that is fetched: a server could send without end.
MOST_BYTES = 4_000_000_000
#: Seconds until a connection stands, and between two parts of the file.
_PATIENCE = (15, 60)


def data_cache() -> Path:
    """Folder of downloaded data files: ``SURVEYEVAL_DATA_CACHE``, or ``data`` in the user's cache.

    Raises
    ------
    DataError
        When there is neither the variable nor a home directory.
    """
    if named := os.environ.get("SURVEYEVAL_DATA_CACHE"):
        return Path(named).expanduser()
    try:
        return memo.cache_folder() / "data"
    except RuntimeError as error:
        raise DataError("there is no folder for data files", hint="set SURVEYEVAL_DATA_CACHE to one") from error


class RecipeSource:
    """A file at an address, known by its sha256 (``recipe:https://example.org/answers.csv``).

    It is looked for in the data cache (`data_cache`): in a folder with the name of the task's folder, then in the cache
    itself. What is not there is downloaded, over https alone, checked, and kept. A file with another checksum is never
    read, and nothing that was downloaded is run.
    """

    def read(self, reference: str, folder: Path, encoding: str) -> Table:
        """A recipe is read with `read_checked`.

        Raises
        ------
        DataError
            Always: without a checksum nothing is read.
        """
        parse_address(reference)
        raise DataError(
            "a recipe needs the sha256 of its file", field="source.use", hint="add `sha256:` to the task's source"
        )

    def read_checked(self, reference: str, folder: Path, encoding: str, sha256: str) -> Table:
        """Read the file of a recipe, from the data cache or after a download.

        Parameters
        ----------
        reference : str
            The address.
        folder : Path
            Where the task file lies.
        encoding : str
        sha256 : str
            What the file must have.

        Raises
        ------
        DataError
            When the file has another checksum, or is not there and cannot be downloaded; the message says where to put
            it by hand.
        """
        address = parse_address(reference)
        if Path(address.file).suffix.lower() not in ENDINGS:
            raise DataError(
                f"files such as {address.file!r} are not read",
                field="source.use",
                hint=f"read are {', '.join(ENDINGS)}",
            )
        path, there = _place(address, folder, sha256)
        if not there:
            _download(address, path, sha256, data_cache())
        found = _sha256(path)
        if found != sha256:
            raise DataError(
                f"sha256 is {found}, the task says {sha256}",
                file=str(path),
                field="source.sha256",
                hint="move this file away; the right one is then downloaded",
            )
        return read_table(path, encoding)

    def wanting(self, reference: str, folder: Path, sha256: str | None) -> str | None:
        """See `surveyeval.data.sources.FetchedSource`."""
        if sha256 is None:
            return None  # an error of the task, which reading tells
        address = parse_address(reference)
        path, there = _place(address, folder, sha256)
        return None if there else f"they are downloaded from {address.host} when first needed, or placed as {path}"


def _place(address: Address, folder: Path, sha256: str) -> tuple[Path, bool]:
    """Where the file of a recipe lies, or will lie, and whether there is one."""
    cache = data_cache()
    path = cache / folder.resolve().name / address.file
    if path.is_file():
        return path, True
    loose = cache / address.file
    return (loose, True) if loose.is_file() and _sha256(loose) == sha256 else (path, False)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(path)) from error


def _download(address: Address, path: Path, sha256: str, cache: Path) -> None:
    """Bring a file into the cache: whole and checked, or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(descriptor)
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror}", file=str(path), hint="set SURVEYEVAL_DATA_CACHE to another folder"
        ) from error
    part = Path(name)
    try:
        try:
            _fetch(address, part)
        except OSError as error:  # those of requests among them
            raise DataError(
                f"cannot be downloaded from {address.url}: {_why(error, address.host)}",
                file=address.file,
                hint=f"place a copy as {path} (sha256 {sha256}); SURVEYEVAL_DATA_CACHE names another folder than {cache}",
            ) from error
        found = _sha256(part)
        if found != sha256:
            raise DataError(
                f"what {address.url} gives has sha256 {found}, the task says {sha256}; it was not kept",
                file=address.file,
                field="source.sha256",
                hint=f"the file was changed or the connection was cut; a right copy can be placed as {path}",
            )
        part.chmod(0o644)  # temporary files are for their owner alone
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _fetch(address: Address, part: Path) -> None:
    import pooch

    progress = _Progress(address)
    fetch = pooch.HTTPDownloader(
        progressbar=progress, chunk_size=2**16, timeout=_PATIENCE, hooks={"response": _stay_encrypted}
    )
    try:
        fetch(address.url, str(part), None)
    finally:
        progress.close()


def _stay_encrypted(response: Any, **_: Any) -> None:
    """Refuse to be sent on to an address without encryption."""
    if response.is_redirect and urlsplit(urljoin(response.url, response.headers["location"])).scheme != "https":
        raise DataError(
            f"{response.url} sends on to an address that is not https",
            field="source.use",
            hint="ask for the file there",
        )


def _why(error: Exception, host: str) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{host} answers {error.response.status_code}"
    if isinstance(error, requests.exceptions.SSLError):
        return f"{host} shows no valid certificate"
    if isinstance(error, requests.Timeout):
        return f"{host} does not answer"
    if isinstance(error, requests.ConnectionError):
        return f"there is no connection to {host}"
    return f"{type(error).__name__}: {error}"


class _Progress:
    """What pooch tells of a download: a bar in a terminal, two lines elsewhere."""

    def __init__(self, address: Address) -> None:
        self.total = 0
        self._left = MOST_BYTES
        self._bar: Any = None
        self._text = f"downloading {address.file} from {address.host}"
        if not sys.stderr.isatty():
            print(self._text, file=sys.stderr, flush=True)
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(self._text, total=None)

    def update(self, size: int) -> None:
        """So many bytes more; raises DataError beyond the largest file that is fetched."""
        self._left -= size
        if self._left < 0:
            raise DataError(
                f"what is sent is larger than {MOST_BYTES // 1_000_000} MB; it was not kept",
                field="source.use",
                hint="download the file yourself and place it in the data cache",
            )
        if self._bar is not None:
            self._bar.update(self._task, advance=size, total=self.total or None)

    def reset(self) -> None:
        """Nothing: pooch counts again at the end, to fill the bar."""

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
