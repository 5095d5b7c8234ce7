"""Pictures of samples: pass@k against k and temperature, BLEU, rankings, loss against size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.evaluation.plots import bound, new_drawing, saved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure as Drawing


def draw_human_eval_report(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw pass@k against k and against temperature, and BLEU of right and wrong samples."""
    figures = [figure for figure in report["figures"] if "k" in figure]
    files = []
    if figures:
        files.append(saved(_against_k(figures), folder / "humaneval-k.png"))
    if len(report["temperatures"]) > 1 and figures:
        files.append(saved(_against_temperature(figures), folder / "humaneval-temperature.png"))
    if report["bleu"]:
        files.append(saved(_bleu(report["bleu"]), folder / "humaneval-bleu.png"))
    return files


def draw_ranking_report(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw how often the chosen sample passes, against how many there are to choose from."""
    return [saved(_ranking(report["figures"]), folder / "ranking.png")]


def draw_loss_report(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw bits a character against the number of parameters."""
    drawing, axes = new_drawing("Bits a character against size, with 95 % intervals over files")
    figures = [figure for figure in report["figures"] if figure["mean"] is not None]
    sizes = [figure["parameters"] for figure in figures]
    means = [figure["mean"] for figure in figures]
    errors = [
        [figure["mean"] - bound(figure, "low") for figure in figures],
        [bound(figure, "high") - figure["mean"] for figure in figures],
    ]
    axes.errorbar(sizes, means, yerr=errors, marker="o", linestyle="--", capsize=3)
    for figure in figures:
        place = (figure["parameters"], figure["mean"])
        axes.annotate(figure["model"], place, xytext=(6, 6), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlabel("parameters without embeddings")
    axes.set_ylabel("bits a character")
    return [saved(drawing, folder / "loss.png")]


def _ranking(figures: Sequence[Mapping[str, Any]]) -> Drawing:
    drawing, axes = new_drawing("The sample taken of k passes, by how it is chosen")
    for model, temperature, way in dict.fromkeys(
        (f["model"], f["temperature"], f["way"]) for f in figures
    ):
        own = [
            f
            for f in figures
            if (f["model"], f["temperature"], f["way"]) == (model, temperature, way)
        ]
        _line(axes, own, "k", f"{model}, T {temperature:g}: {way}")
    axes.set_xscale("log")
    _label(axes, "k")
    return drawing


def _against_k(figures: Sequence[Mapping[str, Any]]) -> Drawing:
    drawing, axes = new_drawing("HumanEval: pass@k, with 95 % intervals over problems")
    for model, temperature in dict.fromkeys((f["model"], f["temperature"]) for f in figures):
        own = [f for f in figures if (f["model"], f["temperature"]) == (model, temperature)]
        _line(axes, own, "k", f"{model}, T {temperature:g}")
    axes.set_xscale("log")
    _label(axes, "k")
    return drawing


def _against_temperature(figures: Sequence[Mapping[str, Any]]) -> Drawing:
    drawing, axes = new_drawing("HumanEval: pass@k by temperature, with 95 % intervals")
    for model, k in dict.fromkeys((f["model"], f["k"]) for f in figures):
        own = [f for f in figures if (f["model"], f["k"]) == (model, k)]
        _line(axes, sorted(own, key=lambda f: f["temperature"]), "temperature", f"{model}, k = {k}")
    _label(axes, "temperature")
    return drawing


def _label(axes: Any, along: str) -> None:
    """Say what is drawn: percentages along ``along``, and which line is which."""
    axes.set_xlabel(along)
    axes.set_ylabel("%")
    axes.legend(fontsize="small")


def _line(axes: Any, figures: Sequence[Mapping[str, Any]], along: str, label: str) -> None:
    places = [f[along] for f in figures]
    axes.plot(places, [100 * f["mean"] for f in figures], marker=".", label=label)
    axes.fill_between(
        places,
        [100 * bound(f, "low") for f in figures],
        [100 * bound(f, "high") for f in figures],
        alpha=0.15,
    )


def _bleu(rows: Sequence[Mapping[str, Any]]) -> Drawing:
    drawing, axes = new_drawing("BLEU-4 of samples that pass and that fail: no measure of code")
    for name in ("right", "wrong"):
        counts = [
            sum(column) for column in zip(*(r[f"histogram of {name}"] for r in rows), strict=True)
        ]
        total = max(1, sum(counts))
        edges = [place / len(counts) for place in range(len(counts) + 1)]
        axes.stairs([count / total for count in counts], edges, label=f"{name} ({sum(counts):,})")
    axes.set_xlabel("BLEU-4")
    axes.set_ylabel("share of samples")
    axes.legend()
    return drawing
