"""Pictures of a report, by matplotlib; without it a report is only without pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.evaluation.hole_figures import MODEL, NGRAM, NO_SUFFIX, PIPELINE
from codelsp.evaluation.hole_report import figure_of
from codelsp.evaluation.holes import HoleKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure as Drawing

_SIZE = (8.0, 4.5)


def can_draw() -> bool:
    """Whether matplotlib is there."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def draw_holes_report(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw exact match by kind, and the curves of the show threshold; return the files."""
    return [
        saved(_exact_by_kind(report), folder / "holes-exact.png"),
        saved(_curves(report["curves"]), folder / "holes-threshold.png"),
    ]


def draw_threshold_report(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw what each threshold would show and save; return the files."""
    return [saved(_typing_curves(report["scores"]), folder / "threshold.png")]


def new_drawing(title: str) -> tuple[Drawing, Any]:
    """Return an empty picture and its axes."""
    from matplotlib.figure import Figure as Drawing

    # Not pyplot: no window, no state that outlives the picture.
    drawing = Drawing(figsize=_SIZE, layout="constrained")
    axes = drawing.add_subplot()
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    return drawing, axes


def _exact_by_kind(report: Mapping[str, Any]) -> Drawing:
    drawing, axes = new_drawing("Exact match on held-out packages, with 95 % intervals")
    models = [what["model"] for what in report["what"]]
    systems = [(model, system) for model in models for system in (MODEL, NO_SUFFIX, PIPELINE)]
    systems.append(("", NGRAM))
    width = 0.8 / len(systems)
    kinds = [kind.value for kind in HoleKind]
    for number, (model, system) in enumerate(systems):
        found = [
            figure_of(report, model=model, system=system, kind=kind, metric="exact")
            for kind in kinds
        ]
        places = [place + (number - len(systems) / 2 + 0.5) * width for place in range(len(kinds))]
        _bars(axes, places, found, width, f"{model} {system}".strip())
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_ylabel("%")
    axes.legend(fontsize="small")
    return drawing


def bound(figure: Mapping[str, Any], end: str) -> float:
    """Return an end of a figure's interval; its mean where one file gives no interval."""
    found = figure["mean"] if figure[end] is None else figure[end]
    return float(found)


def _bars(
    axes: Any,
    places: Sequence[float],
    found: Sequence[dict[str, Any] | None],
    width: float,
    label: str,
) -> None:
    kept = [(p, f) for p, f in zip(places, found, strict=True) if f and f["mean"] is not None]
    heights = [100 * f["mean"] for _, f in kept]
    errors = [
        [100 * (f["mean"] - bound(f, "low")) for _, f in kept],
        [100 * (bound(f, "high") - f["mean"]) for _, f in kept],
    ]
    axes.bar([p for p, _ in kept], heights, width, yerr=errors, label=label, error_kw={"lw": 0.8})


def _curves(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> Drawing:
    drawing, axes = new_drawing("The show threshold: what is shown, and right among it")
    for model, points in curves.items():
        kept = [point for point in points if point["right among shown"]["mean"] is not None]
        axes.plot(
            [100 * point["shown"]["mean"] for point in kept],
            [100 * point["right among shown"]["mean"] for point in kept],
            marker=".",
            label=model,
        )
    axes.set_xlabel("shown, %")
    axes.set_ylabel("right among shown, %")
    axes.legend()
    return drawing


def _typing_curves(scores: Mapping[str, Sequence[Mapping[str, Any]]]) -> Drawing:
    drawing, axes = new_drawing("Keystrokes saved against right among shown, by score")
    for name, points in scores.items():
        kept = [point for point in points if point["right among shown"] is not None]
        axes.plot(
            [100 * point["right among shown"] for point in kept],
            [100 * point["keystrokes saved"] for point in kept],
            marker=".",
            label=name,
        )
    axes.set_xlabel("right among shown, %")
    axes.set_ylabel("keystrokes saved, %")
    axes.legend(fontsize="small")
    return drawing


def saved(drawing: Drawing, file: Path) -> Path:
    """Write a picture, and return where."""
    drawing.savefig(file, dpi=120)
    return file
