"""What the torch engine's loop takes on a CPU, in this process; `codelsp bench engine` says all."""

from __future__ import annotations

import statistics

import pytest

torch = pytest.importorskip("torch")

from codelsp.engine.torch_presence import has_compiler
from codelsp.evaluation.transcript import standard_library_text, typed_functions
from codelsp.model_store.places import DEFAULT_MODEL, embedded_dir
from codelsp.torch_engine import bench
from codelsp.torch_engine.loading import LoadOptions, load
from tests.budgets.slack import TIME_SLACK

pytestmark = [pytest.mark.budget, pytest.mark.timeout(600)]

DECODE_BUDGET_MS = 4.0
# FIXME: the target is 1.3, which `codelsp bench engine` shows beside what is measured: 1.4 to 2.2
# on two cores, most where memory is fast and one token takes least.  What is held is that it does
# not grow meanwhile.
MOST_TIMES_FOR_FOUR = 2.6
LEAST_TIMES_GENERATE = 8.0
N_TOKENS, N_KEYS = 12, 20


@pytest.fixture(autouse=True)
def _compiled() -> None:
    if not has_compiler():
        pytest.skip("there is no C++ compiler here")


def test_decoding_the_size_m_in_8_bits_and_four_candidates_keep_their_budgets() -> None:
    step_ms = bench.decode_ms(bench.vocabulary_of(embedded_dir() / DEFAULT_MODEL), (1, 4))

    assert step_ms[1] <= DECODE_BUDGET_MS * TIME_SLACK
    assert step_ms[4] / step_ms[1] <= MOST_TIMES_FOR_FOUR, step_ms


def test_a_keystroke_is_many_times_faster_than_by_generate() -> None:
    folder = embedded_dir() / DEFAULT_MODEL
    if not (folder / "model.safetensors").is_file():
        pytest.skip("the embedded model is here as GGUF only")
    loaded = load(folder, LoadOptions("cpu"))
    name = "json/decoder.py"
    typed = typed_functions(name, standard_library_text(name), 3).first(N_KEYS)
    states = [(key.offset + len(key.text), text) for key, text in typed.states()]
    prompts = bench.prompts_of(states, loaded.decoder.vocabulary, 1000)
    ours = statistics.median(bench.replay_ms(loaded.decoder, prompts, N_TOKENS)[1:])
    theirs = statistics.median(bench.generate_ms(folder, prompts[:3], N_TOKENS))

    assert theirs / ours >= LEAST_TIMES_GENERATE, (theirs, ours)
