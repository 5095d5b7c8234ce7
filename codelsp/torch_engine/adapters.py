"""LoRA adapters of peft beside the base model: each request chooses, the base is loaded once."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from codelsp.errors import ModelFileError
from codelsp.torch_engine.runner import Runner, TransformersRunner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from codelsp.torch_engine.kv_cache import KvCache


class AdaptedRunner(TransformersRunner):
    """The base model with one adapter, or, with the name empty, with none."""

    def __init__(self, model: Any, adapter: str) -> None:
        super().__init__(model)
        self.name = "transformers and peft"
        self._adapter = adapter

    def forward(self, ids: Tensor, cache: KvCache, n_last: int) -> Tensor:
        """Read ``ids`` after what ``cache`` holds; see ``Runner.forward``."""
        if not self._adapter:
            with self.model.disable_adapter():
                return super().forward(ids, cache, n_last)
        if self.model.active_adapter != self._adapter:
            self.model.set_adapter(self._adapter)
        return super().forward(ids, cache, n_last)


def adapted_runners(model: Any, folders: Sequence[Path]) -> dict[str, Runner]:
    """Return a runner for each adapter by its folder's name, and one for the base (no name).

    Raises:
        ModelFileError: peft is not installed, or a folder holds no adapter that may be loaded or
            fits this model.
    """
    try:
        from peft import PeftModel
    except ImportError:
        raise ModelFileError("Adapters need peft: `pip install peft`.") from None
    adapted: Any = None
    names = []
    for folder in folders:
        name = folder.resolve().name
        if not (folder / "adapter_config.json").is_file():
            raise ModelFileError(f"{folder} is no adapter: it has no adapter_config.json.")
        if not (folder / "adapter_model.safetensors").is_file():
            raise ModelFileError(f"{folder} has no adapter_model.safetensors; pickles are refused.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Of no use to whoever starts an engine.
                if adapted is None:
                    adapted = PeftModel.from_pretrained(
                        model, str(folder), adapter_name=name, is_trainable=False
                    )
                else:
                    adapted.load_adapter(str(folder), adapter_name=name, is_trainable=False)
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            raise ModelFileError(
                f"The adapter {folder} does not fit this model: {error}"
            ) from error
        names.append(name)
    if adapted is None:
        return {}
    adapted.eval()
    return {
        "": AdaptedRunner(adapted, ""),
        **{name: AdaptedRunner(adapted, name) for name in names},
    }
