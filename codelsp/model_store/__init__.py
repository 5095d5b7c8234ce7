"""Which models exist, where their files are, and whether they are whole.

Architecture invariant: the network is asked by ``pull_model`` alone, at the user's command.
Architecture invariant: only ``.gguf`` and ``.safetensors`` are ever loaded; a pickle is refused by
name, because loading one may run any code.
"""

from __future__ import annotations

from codelsp.model_store.gguf_header import GgufHeader, read_header
from codelsp.model_store.model import Model, ModelKind
from codelsp.model_store.places import DEFAULT_MODEL, embedded_dir, embedded_models, store_dir
from codelsp.model_store.resolve import list_models, resolve_model

__all__ = [
    "DEFAULT_MODEL",
    "GgufHeader",
    "Model",
    "ModelKind",
    "embedded_dir",
    "embedded_models",
    "list_models",
    "read_header",
    "resolve_model",
    "store_dir",
]
