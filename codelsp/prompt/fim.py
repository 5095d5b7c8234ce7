"""Fill-in-the-middle layouts: what each family of models has learned to read.

``render`` is the only place where text and special tokens are put in order.  Serving calls it,
and so does training, which adds the middle and the end token: a model is asked at run time in the
very shape that it was trained on.  The order of a whole prompt is

    repository, neighbors, path of the current document, then the infilling:
    suffix, header, prefix (SPM)   or   header, prefix, suffix (PSM)   or   header, prefix (none)
    or   suffix, header, prefix up to the cursor's line, that line (LINE)

from what changes least to what changes most, as far as the family allows it; ``header`` is what
the prefix window has lost (imports, enclosing signatures) and reads as part of the prefix.

Layouts are chosen by the tokenizer's special tokens, never by the name of a repository; the
layouts themselves stand in ``families.py``.

Architecture invariant: pure.  No clock, no disk, no network, no tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codelsp.errors import SettingsError
from codelsp.prompt.controls import CONTROL_TOKENS, control_token
from codelsp.prompt.families import KNOWN_SPECIAL_TOKENS, LAYOUTS, PREFIX_ONLY
from codelsp.prompt.healing import line_so_far
from codelsp.prompt.layout import FimLayout, Order, Slot, Template
from codelsp.prompt.prompt import Piece, SpecialPiece, TextPiece

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from codelsp.context.completion_context import Neighbor

__all__ = [
    "KNOWN_SPECIAL_TOKENS",
    "LAYOUTS",
    "PREFIX_ONLY",
    "FimLayout",
    "Order",
    "PromptText",
    "choose_layout",
    "layout_named",
    "render",
]


@dataclass(frozen=True)
class PromptText:
    """All the text that a prompt is made of."""

    prefix: str
    suffix: str
    header: str = ""
    path: str = ""
    language: str = ""
    repository: str = ""
    neighbors: tuple[Neighbor, ...] = ()


def render(
    layout: FimLayout, texts: PromptText, *, order: Order | None = None, middle: str | None = None
) -> tuple[Piece, ...]:
    """Return ``texts`` as pieces of ``layout``, empty texts left out.

    Args:
        layout: The model's layout.
        texts: What to write.
        order: One of the layout's; None is its own.
        middle: Training only: what stood at the cursor; the end token follows it.

    Raises:
        SettingsError: the layout does not have this order.
    """
    pieces = [
        *_control(layout, texts),
        *_headers(layout, texts),
        *_fill(_infilling(layout, order), texts, None),
    ]
    if middle is not None:
        pieces += [TextPiece("middle", middle), SpecialPiece(layout.end_token)]
    return tuple(piece for piece in pieces if isinstance(piece, SpecialPiece) or piece.text)


def _control(layout: FimLayout, texts: PromptText) -> Iterator[Piece]:
    token = control_token(texts.language) if layout.controls else ""
    if token in layout.controls:
        yield SpecialPiece(token)


def _headers(layout: FimLayout, texts: PromptText) -> Iterator[Piece]:
    if not layout.reads_other_files:
        return
    if texts.repository:
        yield from _joined("repository", _fill(layout.repository, texts, None))
    for neighbor in texts.neighbors:
        pieces = _fill(layout.neighbor, texts, neighbor)
        yield from _joined("neighbor", pieces, neighbor.score)
    if texts.path:
        yield from _joined("path", _fill(layout.path, texts, None))


def _infilling(layout: FimLayout, order: Order | None) -> Template:
    if not layout.has_fim:
        return (Slot.PREFIX,)
    if (order or layout.order) not in layout.orders:
        raise SettingsError(f"the layout {layout.name} has no {order and order.value} order")
    return layout.orders[order or layout.order]


def _fill(template: Template, texts: PromptText, neighbor: Neighbor | None) -> Iterator[Piece]:
    line = line_so_far(texts.prefix) if Slot.LINE in template else ""
    for element in template:
        if isinstance(element, SpecialPiece):
            yield element
        elif isinstance(element, str):
            yield TextPiece("glue", element)
        elif element is Slot.PREFIX:
            yield TextPiece("header", texts.header)
            yield TextPiece("prefix", texts.prefix.removesuffix(line))
        elif element is Slot.LINE:
            yield TextPiece("line", line)
        else:
            yield TextPiece(element.value, _slot_text(element, texts, neighbor))


def _slot_text(slot: Slot, texts: PromptText, neighbor: Neighbor | None) -> str:
    if neighbor is not None and slot is Slot.TEXT:
        # A special token or the next excerpt must begin on a line of its own.
        return neighbor.text if neighbor.text.endswith("\n") else neighbor.text + "\n"
    if neighbor is not None and slot is Slot.PATH:
        return neighbor.path
    by_slot = {
        Slot.REPOSITORY: texts.repository,
        Slot.PATH: texts.path,
        Slot.LANGUAGE: texts.language,
        Slot.SUFFIX: texts.suffix,
    }
    return by_slot.get(slot, "")


def _joined(role: str, pieces: Iterator[Piece], score: float = 0.0) -> Iterator[Piece]:
    """Join the texts between special tokens: they are tokenized together, and dropped together."""
    text = ""
    for piece in pieces:
        if isinstance(piece, TextPiece):
            text += piece.text
            continue
        if text:
            yield TextPiece(role, text, score)
            text = ""
        yield piece
    if text:
        yield TextPiece(role, text, score)


def choose_layout(special_tokens: Mapping[str, int]) -> FimLayout:
    """Return the layout of a model that has ``special_tokens``: spelling to id, -1 if not known.

    A server that says nothing of its tokens (every spelling is there, without an id) leaves the
    choice to the setting ``fim_layout``; until it is made, the model gets the prefix only.
    """
    if KNOWN_SPECIAL_TOKENS and all(special_tokens.get(t) == -1 for t in KNOWN_SPECIAL_TOKENS):
        return replace(
            PREFIX_ONLY,
            note="the server does not say which special tokens its model has: set `fim_layout`",
        )
    for layout in LAYOUTS:
        has_marks = all(mark in special_tokens for mark in layout.marks)
        if (
            layout.has_fim
            and has_marks
            and not any(mark in special_tokens for mark in layout.foreign_marks)
        ):
            return layout
    controls = frozenset(special_tokens) & frozenset(CONTROL_TOKENS.values())
    return replace(PREFIX_ONLY, controls=controls) if controls else PREFIX_ONLY


def layout_named(name: str) -> FimLayout:
    """Return the layout called ``name``.

    Raises:
        SettingsError: there is none of this name; the message lists those there are.
    """
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    names = ", ".join(layout.name for layout in LAYOUTS)
    raise SettingsError(f"no fill-in-the-middle layout {name!r}; there are auto, {names}")
