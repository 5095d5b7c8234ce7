"""What is recommended fits the machine."""

from __future__ import annotations

import pytest

from codelsp.model_store.pull import _source
from codelsp.model_store.recommend import OPEN_MODELS, recommend

GB = 10**9


def test_a_small_machine_gets_the_smallest_or_nothing() -> None:
    assert recommend(1 * GB) == ()
    assert [one.model.name for one in recommend(3 * GB)] == ["qwen2.5-coder-0.5b"]


def test_a_cpu_is_not_given_what_it_cannot_keep_up_with() -> None:
    assert max(one.model.weights for one in recommend(128 * GB)) < 2 * GB


def test_a_gpu_gets_the_largest_that_fits_first() -> None:
    best = recommend(32 * GB, 12 * GB)[0]

    assert best.model.name == "qwen2.5-coder-7b"
    assert best.runs_on == "gpu"


@pytest.mark.parametrize("model", OPEN_MODELS)
def test_each_can_be_pulled_by_its_source(model: object) -> None:
    source = _source(getattr(model, "source"))  # noqa: B009

    assert source.url.startswith("https://huggingface.co/ggml-org/")
    assert source.file.endswith("-q8_0.gguf")


def test_a_license_that_forbids_commercial_use_is_marked() -> None:
    assert [one.name for one in OPEN_MODELS if not one.is_commercial_use_free] == [
        "qwen2.5-coder-3b"
    ]
