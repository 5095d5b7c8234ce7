"""Texts in batches: the options of OpenAI's tools, on models of several families."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from codelsp.errors import SettingsError
from codelsp.model_store import ModelKind, resolve_model
from codelsp.pipeline.samples import SamplingPlan
from codelsp.torch_engine.sampler import Sampler
from tests.torch_engine.families import make_family

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture(scope="module")
def gpt_neo(tmp_path_factory: pytest.TempPathFactory) -> Sampler:
    """A tiny GPT-Neo, which like the real one has no padding token."""
    return Sampler(make_family("gpt_neo", tmp_path_factory.mktemp("gpt_neo")))


def texts(sampler: Sampler, prompt: str, plan: SamplingPlan) -> Sequence[str]:
    return [sample.text for sample in sampler.samples(prompt, plan)]


def test_the_same_seed_gives_the_same_texts_and_another_seed_others(gpt_neo: Sampler) -> None:
    plan = SamplingPlan(n_samples=4, batch_size=2, length=12, seed=5)

    first = texts(gpt_neo, "def f(", plan)
    assert texts(gpt_neo, "def f(", plan) == first
    assert len(set(first)) == 4
    assert texts(gpt_neo, "def f(", SamplingPlan(4, 2, 12, seed=6)) != first


def test_more_samples_leave_the_first_ones_as_they_were(gpt_neo: Sampler) -> None:
    few = texts(gpt_neo, "return", SamplingPlan(2, 1, 8, seed=3))

    assert texts(gpt_neo, "return", SamplingPlan(4, 1, 8, seed=3))[:2] == few
    endless = gpt_neo.samples("return", SamplingPlan(0, 1, 8, seed=3))
    assert [sample.text for sample in islice(endless, 2)] == few


def test_the_model_cards_example_works_on_a_model_without_padding_token(gpt_neo: Sampler) -> None:
    plan = SamplingPlan(
        max_length=50, num_beams=2, do_sample=True, early_stopping=True, temperature=1.0, seed=1
    )
    prompt = "def greet(name):\n  '''A function to greet user.'''\n"

    (sample,) = gpt_neo.samples(prompt, plan)

    n_prompt = len(gpt_neo._beginning(prompt))
    assert sample.n_tokens + n_prompt == 50 or sample.has_ended


def test_the_model_cards_example_works_on_the_embedded_model() -> None:
    sampler = Sampler(resolve_model("", ModelKind.HF).path)
    plan = SamplingPlan(max_length=50, num_beams=2, early_stopping=True, seed=1)

    (sample,) = sampler.samples("def greet(name):\n    '''A function to greet user.'''\n", plan)

    assert sample.text.strip()


def test_a_text_from_nothing_fills_the_whole_context_and_one_after_a_prompt_half_of_it(
    gpt_neo: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpt_neo, "context_tokens", 48)
    (alone,) = gpt_neo.samples("", SamplingPlan(ignore_end=True, seed=1))
    (after,) = gpt_neo.samples("def", SamplingPlan(ignore_end=True, seed=1))

    assert (alone.n_tokens, after.n_tokens) == (48, 24)


def test_greedy_texts_need_no_seed(gpt_neo: Sampler) -> None:
    greedy = texts(gpt_neo, "def", SamplingPlan(length=8, temperature=0, seed=1))

    assert texts(gpt_neo, "def", SamplingPlan(length=8, do_sample=False, seed=2)) == greedy
    assert texts(gpt_neo, "def", SamplingPlan(length=8, top_k=1, seed=3)) == greedy


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        pytest.param(SamplingPlan(6, 4), "sizes that do: 1, 2, 3, 6", id="batch does not divide"),
        pytest.param(
            SamplingPlan(length=513), "give --length 512 or less", id="beyond the context"
        ),
        pytest.param(SamplingPlan(length=0), "--length must be 1", id="no length"),
        pytest.param(
            SamplingPlan(max_length=1), "give --max-length 2 or more", id="only the prompt"
        ),
        pytest.param(SamplingPlan(length=5, max_length=9), "not both", id="two lengths"),
        pytest.param(SamplingPlan(top_p=0), "--top-p above 0", id="nothing to draw from"),
        pytest.param(SamplingPlan(early_stopping=True), "--num-beams 2", id="no beams to stop"),
        pytest.param(SamplingPlan(num_beams=0), "--num-beams must", id="no beams"),
        pytest.param(SamplingPlan(batch_size=0), "--batch-size 1", id="empty batches"),
    ],
)
def test_what_cannot_be_sampled_is_told_before_anything_is_written(
    gpt_neo: Sampler, plan: SamplingPlan, says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        gpt_neo.samples("de", plan)


def test_a_prompt_longer_than_the_context_is_told(gpt_neo: Sampler) -> None:
    with pytest.raises(SettingsError, match="shorten the prompt"):
        gpt_neo.samples("x" * 600, SamplingPlan())
