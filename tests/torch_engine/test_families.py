from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")

from codelsp.torch_engine.generation import Generation, GenerationPlan
from codelsp.torch_engine.loading import LoadOptions, load
from tests.torch_engine.families import FAMILIES, make_family
from tests.torch_engine.generating import tokens_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

N_TOKENS = 24
TEXT = "def value(self):\n    return self.value(self, value) = "


def written_by_transformers(folder: Path, prompt: Sequence[int], n_tokens: int) -> list[int]:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.tensor([prompt])
    model.generation_config.eos_token_id = None
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=n_tokens, do_sample=False
    )
    return [int(each) for each in out[0, len(prompt) :]]


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_writes_what_transformers_writes(name: str, tmp_path: Path) -> None:
    folder = make_family(name, tmp_path)
    decoder = load(folder, LoadOptions(device="cpu", dtype="float32", context_tokens=256)).decoder
    text = decoder.vocabulary.encoded(TEXT, adds_special=True)
    marks = sorted(decoder.vocabulary.special_tokens.values())
    prompt = (*marks[:1], *text, *marks[1:2])

    wanted = written_by_transformers(folder, prompt, N_TOKENS)
    first = tokens_of(Generation(GenerationPlan(prompt, N_TOKENS), decoder))
    # One key later: most of the prompt is known already.
    longer = (*prompt, wanted[0])
    again = Generation(GenerationPlan(longer, N_TOKENS - 1), decoder)

    assert first == wanted
    assert tokens_of(again) == wanted[1:]
    assert again.figures.n_reused >= len(prompt)
    assert len(set(wanted)) > 2, "a model that repeats one token proves little"
