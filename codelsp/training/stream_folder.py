"""The folder that describes a stream, with the tokenizer that its text is cut by."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.errors import CorpusError
from codelsp.prompt.controls import CONTROL_TOKENS
from codelsp.training.base_model import end_and_pad
from codelsp.training.disk import room_for
from codelsp.training.new_tokens import NEW_TOKENS, WHITESPACE_TOKENS, add_tokens
from codelsp.training.streams import StreamPlan, texts_of
from codelsp.training.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping


def write_stream(
    plan: StreamPlan, base: Path, output: Path, *, has_whitespace: bool = False
) -> Mapping[str, int]:
    """Write the folder of a stream and return the tokens that its model does not have yet.

    Raises:
        CorpusError: the plan is wrong, or the sources have no text.
        ModelFileError: the base has no tokenizer.
        TrainingError: the disk is full.
    """
    plan.check()
    if next(texts_of(plan), None) is None:
        raise CorpusError(f"{', '.join(plan.sources)}: no text of the languages wanted")
    tokenizer = load_tokenizer(base / "tokenizer.json")
    end, pad = end_and_pad(base, tokenizer)
    plain = WHITESPACE_TOKENS if has_whitespace else ()
    new = add_tokens(tokenizer, [*CONTROL_TOKENS.values(), pad], plain)
    absolute = tuple(
        str(Path(each).expanduser().resolve()) if Path(each).expanduser().exists() else each
        for each in plan.sources
    )
    with room_for("the stream's plan", output):
        output.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(output / "tokenizer.json"))
        tokens = {"base": str(base), "end": end, "pad": pad, "new": new}
        (output / NEW_TOKENS).write_text(json.dumps(tokens), encoding="utf-8")
        replace(plan, sources=absolute, end_token=end, pad_token=pad).save(output)
    return new
