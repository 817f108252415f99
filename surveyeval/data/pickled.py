"""Data frames out of pickles, without running what a pickle asks for.

A pickle is a program: loading one calls whatever it names. Here nothing that it names is called or even imported. Each
of the few names that a plain data frame needs stands for an inert note of what was asked for, every other name is an
error, and the frame is built from the notes by code that checks them. So a pickle can hold a table of numbers and
words, or be refused.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["UnsafePickleError", "frame_from_pickle"]


class UnsafePickleError(ValueError):
    """A pickle asks for something that a plain data frame does not need, or contradicts itself."""


class _Note:
    """What a pickle asked to be made: arguments and state, kept as they are."""

    __slots__ = ("args", "state")
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> _Note:
        note = object.__new__(cls)
        note.args, note.state = args, None
        return note

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Frame(_Note):
    __slots__ = ()


class _Manager(_Note):
    __slots__ = ()


class _Block(_Note):
    __slots__ = ()


class _Index(_Note):
    __slots__ = ()


class _Range(_Note):
    __slots__ = ()


class _MadeIndex(_Note):
    __slots__ = ()


class _Array(_Note):
    __slots__ = ()


class _MadeArray(_Note):
    __slots__ = ()


class _BufferArray(_Note):
    __slots__ = ()


class _Kind(_Note):
    __slots__ = ()


class _Slice(_Note):
    __slots__ = ()


#: The names moved between versions of pandas and numpy.
_NOTES: dict[tuple[str, str], type[_Note]] = {
    ("pandas", "DataFrame"): _Frame,
    ("pandas.core.frame", "DataFrame"): _Frame,
    ("pandas.core.internals.managers", "BlockManager"): _Manager,
    ("pandas._libs.internals", "_unpickle_block"): _Block,
    ("pandas.core.indexes.base", "_new_Index"): _MadeIndex,
    ("pandas", "Index"): _Index,
    ("pandas.core.indexes.base", "Index"): _Index,
    ("pandas", "RangeIndex"): _Range,
    ("pandas.core.indexes.range", "RangeIndex"): _Range,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
    ("numpy.core.multiarray", "_reconstruct"): _MadeArray,
    ("numpy._core.multiarray", "_reconstruct"): _MadeArray,
    ("numpy.core.numeric", "_frombuffer"): _BufferArray,
    ("numpy._core.numeric", "_frombuffer"): _BufferArray,
    ("builtins", "slice"): _Slice,
}
#: Kinds of numbers, without their byte order, and objects.
_KINDS = frozenset(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)) | {"f4", "f8", "b1", "O8", "O"}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _NOTES[module, name]
        except KeyError:
            raise UnsafePickleError(f"it asks for {module}.{name}, which no plain table needs") from None


def frame_from_pickle(raw: bytes) -> pd.DataFrame:
    """The data frame in a pickle.

    Parameters
    ----------
    raw : bytes
        A pickled data frame of columns of numbers, truth values and text, with its rows numbered.

    Returns
    -------
    DataFrame
        With columns as they were, and rows numbered from 0.

    Raises
    ------
    UnsafePickleError
        When the pickle asks for anything else, or is damaged. Nothing was run.
    """
    try:
        asked = _Unpickler(io.BytesIO(raw)).load()
        return _frame(asked)
    except UnsafePickleError:
        raise
    except RecursionError as error:
        raise UnsafePickleError("it is nested too deeply") from error
    except Exception as error:  # the machine that reads pickles raises all kinds
        raise UnsafePickleError(f"it is damaged ({type(error).__name__}: {error})") from error


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise UnsafePickleError(f"it is no plain table: {what}")


def _frame(asked: Any) -> pd.DataFrame:
    _need(type(asked) is _Frame and type(asked.state) is dict, "there is no data frame")
    manager = asked.state.get("_mgr")
    _need(type(manager) is _Manager and len(manager.args) == 2, "the data frame holds no blocks")
    blocks, axes = manager.args
    _need(type(blocks) is tuple and type(axes) in (list, tuple) and len(axes) == 2, "it has no two axes")
    names, rows = _labels(axes[0]), len(_labels(axes[1]))
    _need(len(names) > 0, "it has no columns")
    columns: dict[int, NDArray[Any]] = {}
    for block in blocks:
        _need(type(block) is _Block and len(block.args) == 3, "a block is none")
        places, values = _places(block.args[1]), _array(block.args[0])
        _need(values.shape == (len(places), rows), f"a block has shape {values.shape}")
        for place, column in zip(places, values, strict=True):
            _need(0 <= place < len(names) and place not in columns, "a column stands twice or nowhere")
            columns[place] = column
    _need(len(columns) == len(names), "a column has no values")
    given = {place: pd.Series(columns[place], dtype=columns[place].dtype) for place in range(len(names))}
    frame = pd.DataFrame(given, index=range(rows))
    frame.columns = pd.Index(list(names), dtype=object)
    return frame


def _labels(asked: Any) -> NDArray[Any] | range:
    """Names of columns, or numbers of rows."""
    _need(type(asked) is _MadeIndex and len(asked.args) == 2, "an axis is no index")
    kind, about = asked.args
    _need(type(about) is dict, "an index tells nothing")
    if kind is _Range:
        bounds = [about.get(name) for name in ("start", "stop", "step")]
        _need(all(type(bound) is int for bound in bounds), "a range has no bounds")
        return range(*bounds)
    _need(kind is _Index, "an axis is of another kind")
    labels = _array(about.get("data"))
    _need(labels.ndim == 1, "an index has several dimensions")
    return labels


def _places(asked: Any) -> Sequence[int]:
    """Columns of a block."""
    if type(asked) is _Slice:
        bounds = asked.args
        _need(1 <= len(bounds) <= 3 and all(type(bound) in (int, type(None)) for bound in bounds), "a slice is none")
        return range(*slice(*bounds).indices(2**31 - 1))
    places = _array(asked)
    _need(places.ndim == 1 and places.dtype.kind in "iu", "a block has no place")
    return [int(place) for place in places]


def _array(asked: Any) -> NDArray[Any]:
    if type(asked) is _BufferArray:
        _need(len(asked.args) == 4, "an array is none")
        data, kind, shape, order = asked.args
        _need(order in ("C", "F"), "an array has an unknown order")
    else:
        _need(type(asked) is _MadeArray and type(asked.state) is tuple and len(asked.state) == 5, "an array is none")
        _, shape, kind, fortran, data = asked.state
        order = "F" if fortran is True else "C"
    _need(type(shape) is tuple and len(shape) <= 2, "an array has several dimensions")
    _need(all(type(length) is int and length >= 0 for length in shape), "an array has no shape")
    dtype, size = _dtype(kind), math.prod(shape)
    if dtype.hasobject:
        _need(type(data) is list and len(data) == size, "an array has another length")
        _need(all(type(value) in (str, int, float, bool, type(None)) for value in data), "a cell is no plain value")
        values = np.empty(size, dtype=object)
        values[:] = data
    else:
        _need(type(data) in (bytes, bytearray) and len(data) == size * dtype.itemsize, "an array has another length")
        values = np.frombuffer(bytes(data), dtype=dtype).astype(dtype.newbyteorder("="))
    return values.reshape(shape, order=order)


def _dtype(asked: Any) -> np.dtype[Any]:
    _need(type(asked) is _Kind and len(asked.args) >= 1 and asked.args[0] in _KINDS, "an array is of an unknown kind")
    state = asked.state
    order = state[1] if type(state) is tuple and len(state) > 1 else "="
    _need(order in ("<", ">", "=", "|"), "an array has an unknown byte order")
    return np.dtype(str(asked.args[0]) if order == "|" else f"{order}{asked.args[0]}")
