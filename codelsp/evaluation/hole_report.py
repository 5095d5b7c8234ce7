"""The report on holes: one dictionary for JSON, one page of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.evaluation.figures import machine
from codelsp.evaluation.hole_figures import (
    ALL,
    EMPTY,
    MODEL,
    NGRAM,
    NO_SUFFIX,
    PIPELINE,
    differences,
    hole_figures,
    precision_curve,
)
from codelsp.evaluation.hole_run import CROSS, SINGLE
from codelsp.evaluation.holes import CursorClass, HoleKind
from codelsp.evaluation.markdown import number, percent, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from codelsp.evaluation.ledger import Ledger

_STEPS = tuple(step / 20 for step in range(20))
_KINDS = (*(kind.value for kind in HoleKind), ALL)
_CURSORS = tuple(cursor.value for cursor in CursorClass)
Figures = dict[tuple[str, ...], dict[str, Any]]


def hole_report(ledgers: Sequence[Ledger], baselines: Ledger, threshold: float) -> dict[str, Any]:
    """Return everything that is told of holes, as plain values."""
    return {
        "measured": "holes",
        "machine": machine(),
        "threshold": threshold,
        "what": [ledger.head for ledger in ledgers],
        "figures": [each.as_dict() for each in hole_figures(ledgers, baselines, threshold)],
        "differences": [each.as_dict() for each in differences(ledgers, baselines, threshold)],
        "curves": {
            str(ledger.head.get("model", "")): precision_curve(ledger, _STEPS) for ledger in ledgers
        },
    }


def hole_markdown(report: Mapping[str, Any]) -> str:
    """Return the page of a report of ``hole_report``."""
    figures = {_key(figure): figure for figure in report["figures"]}
    models = list(dict.fromkeys(what["model"] for what in report["what"]))
    parts = [_intro(report)]
    for model in models:
        parts += [f"### {model}\n", *_of_model(figures, model, float(report["threshold"]))]
    if report["differences"]:
        parts += ["### Differences, paired by file\n", _differences(report["differences"])]
    return "\n".join(parts)


def figure_of(report: Mapping[str, Any], **named: str) -> dict[str, Any] | None:
    """Return the one figure with these names (``model``, ``system``, ``kind``, ...), or None.

    Names left out are ``all``, scope is a single file.
    """
    wanted = {"scope": SINGLE, "kind": ALL, "cursor": ALL, "model": "", **named}
    for figure in report["figures"]:
        if all(figure[name] == value for name, value in wanted.items()):
            found: dict[str, Any] = figure
            return found
    return None


def _intro(report: Mapping[str, Any]) -> str:
    what = report["what"][0]
    n_files = max((figure["files"] for figure in report["figures"]), default=0)
    return (
        "## Holes\n\n"
        f"{what['n_each']} holes of each kind in {n_files} files, seed {what['seed']}.\n"
        "Shares are followed by their 95 % interval, a bootstrap over files.\n"
    )


def _of_model(figures: Figures, model: str, threshold: float) -> Iterable[str]:
    def of(
        metric: str, system: str, kind: str = ALL, cursor: str = ALL, scope: str = SINGLE
    ) -> Any:
        owner = "" if system in {NGRAM, EMPTY} else model
        return figures.get((owner, system, scope, kind, cursor, metric))

    systems = (MODEL, NO_SUFFIX, PIPELINE, NGRAM, EMPTY)
    for metric, title in (("exact", "Exact match"), ("similarity", "Edit similarity")):
        yield f"{title}, whatever the score:\n"
        yield table(
            ("hole", *systems),
            ([kind, *(percent(of(metric, system, kind)) for system in systems)] for kind in _KINDS),
        )
    yield "First line exact, by where the cursor stands, and what the pipeline shows there:\n"
    yield table(
        ("cursor", MODEL, NGRAM, f"shown at {threshold:.2f}", "right among shown"),
        (
            [
                cursor,
                percent(of("first line", MODEL, cursor=cursor)),
                percent(of("first line", NGRAM, cursor=cursor)),
                percent(of("shown", PIPELINE, cursor=cursor)),
                percent(of("right among shown", PIPELINE, cursor=cursor)),
            ]
            for cursor in (*_CURSORS, ALL)
        ),
    )
    yield from _health(of)
    yield from _several(of)
    if of("exact", MODEL, scope=CROSS) is not None:
        yield "With the files next to it open:\n"
        yield table(
            ("hole", SINGLE, CROSS, f"pipeline, {SINGLE}", f"pipeline, {CROSS}"),
            (
                [
                    kind,
                    *(
                        percent(of("exact", system, kind, scope=scope))
                        for system in (MODEL, PIPELINE)
                        for scope in (SINGLE, CROSS)
                    ),
                ]
                for kind in _KINDS
            ),
        )


def _health(of: Callable[..., Any]) -> Iterable[str]:
    yield "How the model behaves:\n"
    yield table(
        ("hole", "ends by itself", "end found", "parses", "bits per character"),
        (
            [
                kind,
                percent(of("ended", MODEL, kind)),
                percent(of("end found", MODEL, kind)),
                percent(of("parses", MODEL, kind)),
                number(of("bits per character", MODEL, kind)),
            ]
            for kind in _KINDS
        ),
    )


def _several(of: Callable[..., Any]) -> Iterable[str]:
    names = ("random of k", "ranked of k", "oracle of k")
    if of("exact", names[0]) is None:
        return
    yield "Several candidates, rest of line:\n"
    yield table(
        ("", *names),
        (
            [metric, *(percent(of(metric, name)) for name in names)]
            for metric in ("exact", "similarity", "right among shown")
        ),
    )


def _differences(figures: Sequence[Mapping[str, Any]]) -> str:
    return table(
        ("", "system", "hole", "metric", "difference"),
        (
            [
                figure["model"],
                figure["system"],
                figure["kind"],
                figure["metric"],
                percent(figure, signed=True),
            ]
            for figure in figures
        ),
    )


def _key(figure: Mapping[str, Any]) -> tuple[str, ...]:
    names = ("model", "system", "scope", "kind", "cursor", "metric")
    return tuple(str(figure[name]) for name in names)
