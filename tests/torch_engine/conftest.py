from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def qwen_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of the Qwen2 family."""
    pytest.importorskip("torch")
    from tests.torch_engine.families import make_family

    return make_family("qwen2", tmp_path_factory.mktemp("qwen2"))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Keep torch to one thread: on a busy machine several wait for one another at each step."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
