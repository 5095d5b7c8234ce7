from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")

from codelsp.errors import EngineUnavailableError
from codelsp.torch_engine.decoder import Decoder
from codelsp.torch_engine.generation import Generation, GenerationPlan, NanError, TokensWritten
from codelsp.torch_engine.loading import LoadOptions, load
from codelsp.torch_engine.sampling import Sampling
from codelsp.torch_engine.stop_rules import LineStop
from tests.torch_engine.generating import events_of, text_and_reason, tokens_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from codelsp.torch_engine.kv_cache import KvCache
    from codelsp.torch_engine.runner import Runner

OPTIONS = LoadOptions(device="cpu", dtype="float32", context_tokens=128, uses_drafts=False)
TEXT = "def value(self):\n    return self.value(self, value) = "


@pytest.fixture(scope="module")
def loaded(qwen_folder: Path) -> Decoder:
    return load(qwen_folder, OPTIONS).decoder


@pytest.fixture
def decoder(loaded: Decoder) -> Decoder:
    """A decoder with no sessions."""
    return Decoder(loaded.runners, loaded.vocabulary, loaded.plan)


def plan(decoder: Decoder, n_tokens: int = 16, text: str = TEXT, **more: Any) -> GenerationPlan:
    return GenerationPlan(tuple(decoder.vocabulary.encoded(text)), n_tokens, **more)


class Counting:
    """Runs the model, and counts the tokens it reads in each run."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.reads: list[tuple[int, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def forward(self, ids: Tensor, cache: KvCache, n_last: int) -> Tensor:
        self.reads.append((int(ids.shape[0]), int(ids.shape[1])))
        return self._runner.forward(ids, cache, n_last)


def counted(decoder: Decoder, **plan_changes: Any) -> tuple[Decoder, Counting]:
    runner = Counting(decoder.runners[""])
    made = Decoder({"": runner}, decoder.vocabulary, replace(decoder.plan, **plan_changes))
    return made, runner


def test_several_candidates_read_the_prompt_once(decoder: Decoder) -> None:
    counting, runner = counted(decoder)
    sampling = Sampling(temperature=1.0, seed=3)
    one = plan(decoder, 6, n_candidates=4, sampling=sampling)
    events = events_of(Generation(one, counting))

    assert runner.reads[0] == (1, len(one.prompt))
    assert [time for _, time in runner.reads[1:]] == [1] * 5
    assert {event.candidate for event in events if isinstance(event, TokensWritten)} == {0, 1, 2, 3}


@pytest.mark.parametrize("temperature", [0.0, 0.05, 0.1, 0.2])
def test_candidates_that_are_the_same_so_far_are_read_as_one(
    decoder: Decoder, temperature: float
) -> None:
    counting, runner = counted(decoder)
    sampling = Sampling(temperature=temperature, seed=2)
    together = Generation(plan(decoder, 12, n_candidates=4, sampling=sampling), counting)
    events = events_of(together)
    texts: list[tuple[int, ...]] = [
        tuple(choice.token for event in events
              if isinstance(event, TokensWritten) and event.candidate == number
              for choice in event.choices)
        for number in range(4)
    ]  # fmt: skip
    n_distinct = [len({text[:length] for text in texts}) for length in range(1, 12)]

    assert [n_rows for n_rows, _ in runner.reads[1:]] == n_distinct
    assert n_distinct[0] < 4
    for number, text in enumerate(texts):
        alone = plan(decoder, 12, sampling=replace(sampling, seed=2 + number))
        assert list(text) == tokens_of(Generation(alone, decoder))


def test_a_candidate_of_several_is_what_its_seed_alone_would_write(decoder: Decoder) -> None:
    together = Generation(
        plan(decoder, 12, n_candidates=3, sampling=Sampling(temperature=1.0, seed=7)), decoder
    )
    events = events_of(together)
    for number in range(3):
        alone = plan(decoder, 12, sampling=Sampling(temperature=1.0, seed=7 + number))
        mine = [
            choice.token
            for event in events
            if isinstance(event, TokensWritten) and event.candidate == number
            for choice in event.choices
        ]
        assert mine == tokens_of(Generation(alone, decoder))


def test_candidates_that_end_early_leave_the_others_undisturbed(decoder: Decoder) -> None:
    sampling = Sampling(temperature=1.0, seed=1)
    free = [
        tokens_of(Generation(plan(decoder, 20, sampling=replace(sampling, seed=1 + n)), decoder))
        for n in range(4)
    ]
    stop = free[2][5]
    ending = plan(decoder, 20, n_candidates=4, sampling=sampling, end_ids=frozenset([stop]))

    for number, tokens in enumerate(free):
        wanted = tokens[: tokens.index(stop)] if stop in tokens else tokens
        assert tokens_of(Generation(ending, decoder), number) == wanted


@pytest.mark.parametrize("seed", range(4))
def test_drafts_change_when_tokens_come_never_which(decoder: Decoder, seed: int) -> None:
    torch.manual_seed(seed)
    words = torch.randint(0, 200, (8,)).tolist()
    prompt = tuple(words * 2)
    plain = tokens_of(Generation(GenerationPlan(prompt, 20), decoder))
    drafting, _ = counted(decoder, draft_tokens=4)
    # What the model writes stands in its prompt: drafts hold.
    copied = (*prompt, *plain, *prompt)
    wanted = tokens_of(Generation(GenerationPlan(copied, 20, reuses_sessions=False), decoder))
    generation = Generation(GenerationPlan(copied, 20, reuses_sessions=False), drafting)

    assert tokens_of(generation) == wanted
    assert generation.figures.n_drafted > 0


def test_a_text_begins_with_what_it_must_whatever_the_tokens(decoder: Decoder) -> None:
    for forced in ("sel", "self", "é漢", " return x", "\n    "):
        one = plan(decoder, 24, text="def value(", forced=forced.encode())
        text, _ = text_and_reason(Generation(one, decoder))
        assert text.startswith(forced)


def test_the_same_seed_writes_the_same_and_another_does_not(decoder: Decoder) -> None:
    def written(seed: int) -> list[int]:
        sampling = Sampling(temperature=1.0, seed=seed)
        return tokens_of(Generation(plan(decoder, sampling=sampling), decoder))

    assert written(5) == written(5)
    assert len({tuple(written(seed)) for seed in range(5)}) > 1


def test_log_probabilities_are_those_of_the_model(decoder: Decoder) -> None:
    one = plan(decoder, 4, n_top=3)
    events = events_of(Generation(one, decoder))
    choices = [c for event in events if isinstance(event, TokensWritten) for c in event.choices]
    runner = decoder.runners[""]
    ids = torch.tensor([[*one.prompt, *[choice.token for choice in choices]]])
    logits = runner.forward(ids, runner.new_cache(), len(choices) + 1)[0, :-1]
    wanted = logits.log_softmax(-1)

    for row, choice in enumerate(choices):
        assert choice.log_prob == pytest.approx(float(wanted[row, choice.token]), abs=1e-4)
        assert [token for token, _ in choice.top] == wanted[row].topk(3).indices.tolist()


def test_nothing_is_written_of_a_prompt_that_is_only_read(decoder: Decoder) -> None:
    reading = Generation(plan(decoder, 0), decoder)
    assert text_and_reason(reading) == ("", "limit")
    after = Generation(plan(decoder, 1), decoder)
    tokens_of(after)

    assert after.figures.n_reused == len(after.plan.prompt) - 1


def test_a_context_that_overflows_drops_half_and_goes_on(decoder: Decoder) -> None:
    generation = Generation(plan(decoder, 300, n_keep=4), decoder)

    assert len(tokens_of(generation)) == 300
    assert generation.figures.is_truncated
    assert decoder.pool.n_tokens <= decoder.context_tokens


def test_without_a_number_of_tokens_a_text_ends_with_the_context(decoder: Decoder) -> None:
    one = plan(decoder, -1)
    generation = Generation(one, decoder)

    assert text_and_reason(generation)[1] == "limit"
    assert generation.figures.n_written == decoder.context_tokens - len(one.prompt) + 1


def test_several_candidates_end_with_the_context_too(decoder: Decoder) -> None:
    sampling = Sampling(temperature=1.0)
    generation = Generation(plan(decoder, -1, n_candidates=2, sampling=sampling), decoder)

    assert text_and_reason(generation, 1)[1] == "limit"


def test_a_rule_ends_a_text_inside_the_loop(decoder: Decoder) -> None:
    newline = decoder.vocabulary.encoded("\n")[0]
    sampling = Sampling(logit_bias={newline: 1e4})
    one = plan(decoder, 50, text="x", stop_rule=LineStop, forced=b"self.value", sampling=sampling)
    generation = Generation(one, decoder)

    assert text_and_reason(generation) == ("self.value", "rule")
    assert generation.figures.n_written < 50


def test_a_generation_that_is_closed_runs_the_model_no_more(decoder: Decoder) -> None:
    counting, runner = counted(decoder)
    steps = Generation(plan(decoder, 50), counting).steps()
    for _ in range(4):
        next(steps)
    n_reads = len(runner.reads)
    steps.close()

    assert len(runner.reads) == n_reads == 3
    assert counting.pool.n_tokens > 0, "what was read is kept"


def test_a_long_prompt_can_be_given_up_between_two_chunks(decoder: Decoder) -> None:
    counting, runner = counted(decoder, chunk_tokens=16)
    one = GenerationPlan(tuple(range(100)), 4)
    steps = Generation(one, counting).steps()
    next(steps)
    steps.close()
    again = Generation(one, counting)
    events_of(again)

    assert runner.reads[0] == (1, 16)
    assert again.figures.n_reused == 16


class Failing(Counting):
    """Fails as asked."""

    def __init__(self, runner: Runner, n_failures: int) -> None:
        super().__init__(runner)
        self.n_failures = n_failures

    def forward(self, ids: Tensor, cache: KvCache, n_last: int) -> Tensor:
        if self.n_failures:
            self.n_failures -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(ids, cache, n_last)


def test_when_memory_runs_out_sessions_go_and_the_text_goes_on(decoder: Decoder) -> None:
    runner = Failing(decoder.runners[""], 0)
    poor = Decoder({"": runner}, decoder.vocabulary, decoder.plan)
    wanted = tokens_of(Generation(plan(decoder, 8), poor))
    tokens_of(Generation(GenerationPlan((7,) * 20, 4), poor))
    before = poor.pool.most_bytes
    runner.n_failures = 1

    assert tokens_of(Generation(plan(decoder, 8, reuses_sessions=False), poor)) == wanted
    assert poor.counters.n_shrinks == 1
    assert poor.pool.most_bytes < before
    assert poor.pool.n_tokens == 0


def test_memory_that_is_short_even_so_is_told_and_the_engine_lives(decoder: Decoder) -> None:
    runner = Failing(decoder.runners[""], 2)
    poor = Decoder({"": runner}, decoder.vocabulary, decoder.plan)

    with pytest.raises(EngineUnavailableError, match="Not enough memory"):
        events_of(Generation(plan(decoder, 8), poor))
    assert len(tokens_of(Generation(plan(decoder, 8), poor))) == 8


def test_a_model_that_computes_nan_is_told(decoder: Decoder) -> None:
    class Broken(Counting):
        def forward(self, ids: Tensor, cache: KvCache, n_last: int) -> Tensor:
            broken: Tensor = super().forward(ids, cache, n_last) * torch.nan
            return broken

    broken = Decoder({"": Broken(decoder.runners[""])}, decoder.vocabulary, decoder.plan)
    for sampling in (Sampling(), Sampling(temperature=1.0, top_k=5, top_p=0.9)):
        with pytest.raises(NanError, match="NaN"):
            events_of(Generation(plan(decoder, 8, sampling=sampling), broken))


def test_adapters_answer_beside_the_base_model(qwen_folder: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(qwen_folder, dtype=torch.float32)
    for seed, name in enumerate(("mine", "yours")):
        torch.manual_seed(seed)
        config = peft.LoraConfig(
            r=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft uses what transformers will drop.
            adapted = peft.get_peft_model(model, config)
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.data.normal_(0, 0.3)
        ids = torch.tensor([plan_ids(qwen_folder)])
        wanted = adapted.generate(
            input_ids=ids, max_new_tokens=8, do_sample=False, eos_token_id=None
        )
        adapted.save_pretrained(tmp_path / name)
        (tmp_path / f"{name}.txt").write_text(repr(wanted[0, ids.shape[1] :].tolist()), "utf-8")
        model = adapted.unload()
    folders = tuple(str(tmp_path / name) for name in ("mine", "yours"))
    with_adapters = load(qwen_folder, replace(OPTIONS, adapters=folders))
    decoder = with_adapters.decoder
    base = tokens_of(Generation(plan(decoder, 8), load(qwen_folder, OPTIONS).decoder))

    assert with_adapters.adapters == ("mine", "yours")
    for name in ("mine", "yours", "mine"):
        wanted_text = (tmp_path / f"{name}.txt").read_text("utf-8")
        assert repr(tokens_of(Generation(plan(decoder, 8, adapter=name), decoder))) == wanted_text
        assert tokens_of(Generation(plan(decoder, 8), decoder)) == base


def plan_ids(folder: Path) -> list[int]:
    from codelsp.torch_engine.vocabulary import Vocabulary, read_tokenizer

    return Vocabulary(read_tokenizer(folder)).encoded(TEXT)
