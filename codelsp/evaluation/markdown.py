"""Tables of Markdown for reports; a share stands with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; columns after the first are aligned to the right."""
    marks = ["---", *("---:" for _ in head[1:])]
    lines = [_row(head), _row(marks), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def percent(figure: Mapping[str, Any] | None, *, signed: bool = False) -> str:
    """Return ``12.3 % (10.1 to 14.5)`` of a figure's dictionary; a dash where there is none."""
    return _shown(figure, 100.0, " %", 1, signed=signed)


def number(figure: Mapping[str, Any] | None) -> str:
    """Return the same of a figure that is no share."""
    return _shown(figure, 1.0, "", 3, signed=False)


def _shown(
    figure: Mapping[str, Any] | None, scale: float, unit: str, digits: int, *, signed: bool
) -> str:
    if figure is None or figure["mean"] is None:
        return "-"
    sign = "+" if signed else ""
    if figure["low"] is None:
        return f"{figure['mean'] * scale:{sign}.{digits}f}{unit} (one file)"
    mean, low, high = (figure[name] * scale for name in ("mean", "low", "high"))
    return f"{mean:{sign}.{digits}f}{unit} ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
