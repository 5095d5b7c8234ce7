"""An early look at what a model under training does with holes, in both orders.

A few ends of lines of held-out files are filled greedily.  This is no benchmark (``evaluation``
has those); it shows within minutes whether an order is learned at all, which the loss does not.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING

import torch
from transformers import DynamicCache

from codelsp.prompt.fim import PromptText, render
from codelsp.prompt.prompt import SpecialPiece
from codelsp.training.middles import MiddleShares, draw_middle
from codelsp.training.model import cache_argument
from codelsp.training.tokenizer import END_TOKEN, special_ids, trained_layout

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

    from codelsp.prompt.layout import Order
    from codelsp.training.documents import Document

FILE = "holes.jsonl"
_PREFIX_CHARS = 900
_SUFFIX_CHARS = 300
_MAX_NEW = 24
_MAX_PER_REPOSITORY = 25


@dataclass(frozen=True)
class Hole:
    """A place in a held-out file, and what stood there to the end of the line."""

    path: str
    prefix: str
    suffix: str
    middle: str


@dataclass(frozen=True)
class HolesFilled:
    """What became of the holes, as shares from 0 to 1."""

    exact: float
    """Filled exactly as the file had it."""
    ended: float
    """Ended by the end token, before the line and the limit did."""


def write_holes(documents: Iterable[Document], file: Path, n: int = 300, seed: int = 7) -> int:
    """Draw holes, spread over repositories, and write them; return how many there are."""
    random = Random(seed)  # noqa: S311  no secret
    found: dict[str, list[Hole]] = {}
    for document in documents:
        own = found.setdefault(document.repository, [])
        middle = draw_middle(
            document.text, (0, len(document.text)), None, MiddleShares(1, 0, 0, 0), random
        )
        if middle is None or "\n" in document.text[middle.start : middle.end]:
            continue
        hole = Hole(
            document.path,
            document.text[max(0, middle.start - _PREFIX_CHARS) : middle.start],
            document.text[middle.end : middle.end + _SUFFIX_CHARS],
            document.text[middle.start : middle.end],
        )
        if len(own) < _MAX_PER_REPOSITORY:
            own.append(hole)
        elif random.random() < 0.1:  # noqa: PLR2004  later files get a chance, too
            own[random.randrange(len(own))] = hole
    holes = [hole for own in found.values() for hole in own]
    random.shuffle(holes)
    lines = [json.dumps(asdict(hole), ensure_ascii=False) + "\n" for hole in holes[:n]]
    file.write_text("".join(lines), encoding="utf-8", newline="\n")
    return len(lines)


def read_holes(file: Path, n: int) -> list[Hole]:
    """Return the first ``n`` holes of a file; none if there is no file."""
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").split("\n")
    return [Hole(**json.loads(line)) for line in lines[:n] if line]


def fill(
    model: PreTrainedModel, tokenizer: Tokenizer, holes: list[Hole], order: Order | None
) -> HolesFilled:
    """Fill ``holes`` greedily in one order; None is the layout's own.

    Without any, nothing is asked of the tokenizer: a model tuned on plain text has no holes.
    """
    if not holes:
        return HolesFilled(0.0, 0.0)
    special, layout = special_ids(tokenizer), trained_layout(tokenizer)
    n_exact = n_ended = 0
    for hole in holes:
        texts = PromptText(hole.prefix, hole.suffix, path=hole.path)
        ids: list[int] = []
        for piece in render(layout, texts, order=order):
            if isinstance(piece, SpecialPiece):
                ids.append(special[piece.token])
            else:
                ids += tokenizer.encode(piece.text, add_special_tokens=False).ids
        new, ended = _continued(model, ids, special[END_TOKEN])
        text = tokenizer.decode(new, skip_special_tokens=False)
        n_exact += text.partition("\n")[0].rstrip() == hole.middle
        n_ended += ended and "\n" not in text
    return HolesFilled(n_exact / len(holes), n_ended / len(holes))


@torch.inference_mode()
def _continued(model: PreTrainedModel, ids: list[int], end_id: int) -> tuple[list[int], bool]:
    """Return the most likely continuation of ``ids``, and whether the end token ended it."""
    new: list[int] = []
    cache = {cache_argument(model): DynamicCache(config=model.config)}
    feed = torch.tensor([ids], device=model.device)  # (1, time)
    for _ in range(_MAX_NEW):
        answer = model(input_ids=feed, use_cache=True, logits_to_keep=1, **cache)
        best = int(answer.logits[0, -1].argmax())
        if best == end_id:
            return new, True
        new.append(best)
        feed = torch.tensor([[best]], device=model.device)
    return new, False
