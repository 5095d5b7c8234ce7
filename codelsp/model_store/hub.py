"""Folders of transformers by the names that people use: GPT-2's sizes, ids of the Hugging Face Hub.

Architecture invariant: the network is asked only by a command that the user ran with such a name,
and only for what is not on this machine; pickles are never fetched.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.errors import ModelFileError, ModelNotFoundError
from codelsp.model_store.model import ModelKind, find_in_folder
from codelsp.model_store.resolve import resolve_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.model_store.model import Model

SHORT_NAMES = {
    "distilgpt2": "distilbert/distilgpt2",
    "gpt2": "openai-community/gpt2",
    "gpt2-medium": "openai-community/gpt2-medium",
    "gpt2-large": "openai-community/gpt2-large",
    "gpt2-xl": "openai-community/gpt2-xl",
    # As auto_coding and OpenAI's own tools spell them.
    "gpt2_medium": "openai-community/gpt2-medium",
    "gpt2_large": "openai-community/gpt2-large",
    "124M": "openai-community/gpt2",
    "355M": "openai-community/gpt2-medium",
    "774M": "openai-community/gpt2-large",
    "1558M": "openai-community/gpt2-xl",
}
"""What the Hub calls models that everybody knows by a shorter name."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FETCHED = ("*.json", "*.safetensors", "*.txt", "*.model")


def transformers_folder(
    name: str, models_dir: Path | None = None, told: Callable[[str], None] = lambda _: None
) -> Path:
    """Return the folder of safetensors that ``name`` means, fetched from the Hub if need be.

    Args:
        name: empty (the embedded model), a model of the store, a folder, one of ``SHORT_NAMES``,
            or ``OWNER/NAME`` on the Hub.
        models_dir: a folder in which models lie by their names, asked before all others.
        told: hears one sentence before anything is fetched.

    Raises:
        ModelNotFoundError: there is none of this name, here or there.
        ModelFileError: there is one, but not as safetensors.
    """
    if models_dir is not None and name and (models_dir / name).is_dir():
        return _folder_of(find_in_folder(models_dir / name, name, ModelKind.HF), name)
    hub_id = SHORT_NAMES.get(name, name)
    try:
        return _folder_of(resolve_model(name, ModelKind.HF), name)
    except ModelNotFoundError as error:
        if hub_id != name:
            try:
                return _folder_of(resolve_model(hub_id, ModelKind.HF), name)
            except ModelNotFoundError:
                pass
        if not _HUB_ID.fullmatch(hub_id) or Path(name).is_absolute():
            raise ModelNotFoundError(
                f"{error} From the Hub, {', '.join(list(SHORT_NAMES)[:5])} and OWNER/NAME are known"
                " by name."
            ) from None
    return _fetched(hub_id, told)


def _folder_of(model: Model | None, name: str) -> Path:
    if model is None or model.kind is not ModelKind.HF:
        raise ModelFileError(
            f"{name or 'the embedded model'} is not here as a folder with config.json and"
            " *.safetensors, which is what torch reads; a GGUF file is used by"
            " `codelsp interact` and in editors."
        )
    return model.path


def _fetched(hub_id: str, told: Callable[[str], None]) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ModelNotFoundError(
            f"{hub_id} is not on this machine, and fetching it needs: pip install 'codelsp[torch]'"
        ) from None
    told(f"fetching {hub_id} from the Hugging Face Hub")
    try:
        folder = Path(snapshot_download(hub_id, allow_patterns=list(_FETCHED)))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelNotFoundError(
            f"{hub_id} is not on this machine and could not be fetched from the Hub ({reason});"
            " check the name and the network, or name a folder that holds it."
        ) from error
    return _folder_of(find_in_folder(folder, hub_id, ModelKind.HF), hub_id)
