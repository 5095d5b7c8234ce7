"""Models small enough to make in a moment, with weights that are not shy."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from codelsp.model_store import ModelKind, resolve_model

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

SHIPPED = resolve_model("", ModelKind.HF).path
_SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.25,
    "bos_token_id": None,
    "eos_token_id": 0,
    "pad_token_id": 4,
}


def tiny_folder(folder: Path, kind: str = "qwen3", **changes: Any) -> Path:
    """Save a random model of an architecture, with our tokenizer, and return its folder."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(7)
    settings = {**_SHAPE, "vocab_size": 8192, **changes}
    config = AutoConfig.for_model(kind, **settings)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(SHIPPED / name, folder / name)
    return folder


def edit_json(path: Path, **changes: Any) -> None:
    """Change entries of a JSON file."""
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**content, **changes}), "utf-8")
