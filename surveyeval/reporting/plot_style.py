"""How figures for papers look: colours that colour-blind readers tell apart, shapes, sizes of type, and how files are written."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

from surveyeval.data.files import write_atomically
from surveyeval.errors import ConfigError, MissingExtraError, did_you_mean

__all__ = ["COLOURS", "FORMATS", "GREY", "MARKERS", "PEOPLE", "VERDICTS", "pyplot", "save", "style"]

#: Models, in the order in which they are given; the colours of the card's light style sheet.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#a100fe", "#e70244", "#611503", "#570ea7", "#5e0464")
#: Shapes have another period than colours, so that 24 models differ in one or the other.
MARKERS = ("o", "s", "^", "v", "h", "*")
PEOPLE, GREY = "#1d2329", "#757e86"
#: Colour, sign and sign's colour of each verdict: the sign tells them apart without colours.
VERDICTS = {
    "supported": ("#0072b2", "✓", "#ffffff"),
    "not supported": ("#d55e00", "×", "#000000"),
    "can't tell": ("#e3e4e0", "?", "#1d2329"),
}
FORMATS = ("svg", "pdf", "png")
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 8, "axes.titlesize": 8.5, "axes.labelsize": 8, "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5, "legend.fontsize": 7.5, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "legend.frameon": False, "figure.dpi": 120, "savefig.dpi": 300,
    "svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "surveyeval", "axes.axisbelow": True, "text.usetex": False,
}  # fmt: skip
#: The same figure is the same file: nothing tells when it was made.
_METADATA: Mapping[str, Mapping[str, Any]] = {
    "svg": {"Date": None, "Creator": "surveyeval"},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": "surveyeval", "Producer": None},
    "png": {"Software": "surveyeval"},
}


def pyplot() -> Any:
    """Matplotlib’s figures, without a window.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    try:
        from matplotlib import figure
    except ImportError as error:
        raise MissingExtraError("figures need matplotlib", hint='pip install "surveyeval-harness[plots]"') from error
    return figure


def style() -> AbstractContextManager[None]:
    """The style of all figures, for as long as the context lasts; what the user has set stays as it was."""
    pyplot()
    import matplotlib

    context: AbstractContextManager[None] = matplotlib.rc_context(_STYLE)
    return context


def save(figure: Any, path: Path) -> Path:
    """Write a figure; the ending of the file says the format.

    Raises
    ------
    ConfigError
        When the format is none of `FORMATS`, or the file cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise ConfigError(
            f"{path.name!r} is no figure", hint=did_you_mean(kind, FORMATS) or f"formats: {', '.join(FORMATS)}"
        )
    buffer = BytesIO()
    with style():
        figure.savefig(buffer, format=kind, metadata=dict(_METADATA[kind]), bbox_inches="tight", pad_inches=0.04)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(path)) from error
    return path
