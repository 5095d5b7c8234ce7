"""What ``codelsp doctor`` looks at, one function a check; each returns findings, none raises."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from codelsp.errors import CodelspError
from codelsp.evaluation.figures import is_optimized

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from codelsp.engine.port import Engine, ModelInfo
    from codelsp.settings import Layer, Problem, Settings

OLDEST_PYTHON = (3, 10)
NEEDED = (
    "pygls",
    "lsprotocol",
    "tree-sitter",
    "tree-sitter-language-pack",
    "httpcore",
    "anyio",
    "filelock",
    "platformdirs",
    "psutil",
    "pathspec",
)
LLAMA_CPP = "xllamacpp"
_BUILD_ADVICE = (
    "Another starts and answers sooner: your system's or uv's, or pyenv's if built with "
    "PYTHON_CONFIGURE_OPTS='--enable-optimizations --with-lto'."
)
EXTRAS = {"torch": "training, and models as safetensors", "transformers": "the same"}


class State(Enum):
    """How a finding is."""

    GOOD = "ok"
    HINT = "hint"
    """Works, but could be better, or is not what one may expect."""
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """What one look has shown; ``advice`` says what to do where something is to be done."""

    subject: str
    state: State
    text: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return everything as plain values, for JSON."""
        return {
            "subject": self.subject,
            "state": self.state.value,
            "text": self.text,
            "advice": self.advice,
        }


def check_python() -> Iterator[Finding]:
    """Look at Python and the packages."""
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("Python", State.BROKEN, version, "codelsp needs Python 3.10 or newer.")
    elif is_optimized():
        yield Finding("Python", State.GOOD, f"{version} at {sys.executable}")
    else:
        text = f"{version} at {sys.executable}, built without optimizations"
        yield Finding("Python", State.HINT, text, _BUILD_ADVICE)
    missing = [name for name in NEEDED if _version(name) is None]
    if missing:
        advice = "Install codelsp again: its packages are not all there."
        yield Finding("packages", State.BROKEN, f"missing: {', '.join(missing)}", advice)
    else:
        yield Finding("packages", State.GOOD, f"all {len(NEEDED)} there")
    llama_cpp = _version(LLAMA_CPP)
    if llama_cpp is None:
        advice = f"pip install {LLAMA_CPP}, or set `engine` to the URL of a server."
        yield Finding("llama.cpp", State.BROKEN, f"{LLAMA_CPP} is not installed", advice)
    else:
        yield Finding("llama.cpp", State.GOOD, f"{LLAMA_CPP} {llama_cpp}")
    for name, purpose in EXTRAS.items():
        version_there = _version(name)
        if version_there is not None:
            yield Finding(name, State.GOOD, f"{version_there} ({purpose})")


def check_torch(settings: Settings) -> Iterator[Finding]:
    """Look whether the torch engine could run, and on what, without loading torch."""
    from codelsp.engine.torch_presence import has_compiler, has_torch_gpu, missing_packages

    missing = missing_packages()
    if missing:
        if settings.engine == "torch":
            text = f"`engine` is torch, but {', '.join(missing)} cannot be imported"
            yield Finding("torch engine", State.BROKEN, text, "pip install 'codelsp[torch]'")
        return
    if has_torch_gpu():
        yield Finding("torch engine", State.GOOD, "can run, on a GPU")
    elif has_compiler():
        text = "can run, on the CPU by steps compiled for it"
        yield Finding("torch engine", State.GOOD, text)
    else:
        advice = "With a C++ compiler (g++ or clang++) it writes several times as fast."
        yield Finding("torch engine", State.HINT, "can run, on the CPU by torch alone", advice)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_settings(layers: Sequence[Layer], problems: Sequence[Problem]) -> Iterator[Finding]:
    """Look at where settings come from, and what is wrong with them."""
    places = [layer.place for layer in layers if layer.values]
    yield Finding("settings", State.GOOD, ", ".join(places) or "all defaults")
    for problem in problems:
        yield Finding("settings", State.BROKEN, str(problem), "Mend it there; the default is used.")


def check_folders() -> Iterator[Finding]:
    """Look whether codelsp may write where it keeps its files."""
    from codelsp import directories

    folders = {
        "settings folder": directories.config_dir(),
        "data folder": directories.data_dir(),
        "log folder": directories.log_dir(),
        "runtime folder": directories.runtime_dir(),
    }
    for subject, folder in folders.items():
        existing = next((each for each in (folder, *folder.parents) if each.exists()), folder)
        if os.access(existing, os.W_OK):
            yield Finding(subject, State.GOOD, str(folder))
        else:
            advice = "Make it writable, or set CODELSP_HOME to a folder that is."
            is_needed = subject == "runtime folder"
            state = State.BROKEN if is_needed else State.HINT
            yield Finding(subject, state, f"{folder} cannot be written", advice)


def check_model_file(settings: Settings, root: Path) -> Iterator[Finding]:
    """Look whether the files are there and whole of the models that answer in a workspace."""
    if settings.engine.startswith(("http://", "https://")):
        yield Finding("model file", State.GOOD, f"none here: the engine is at {settings.engine}")
        return
    from codelsp.model_store.adapted import read_adaptations
    from codelsp.model_store.by_language import models_of

    try:
        read_adaptations(root)
    except CodelspError as error:
        yield Finding("adapted models", State.BROKEN, str(error), "Until then the base is used.")
    for name in models_of(settings, root):
        yield from _check_model(name)


def _check_model(name: str) -> Iterator[Finding]:
    from codelsp.model_store import resolve_model
    from codelsp.model_store.verify import verify_model

    try:
        model = resolve_model(name)
        yield Finding("model", State.GOOD, f"{model.name}, {model.path}")
        checked = verify_model(name) or ("nothing is known of it to compare with",)
        more = f"; {len(checked) - 1} files have their hashes" if checked[1:] else ""
        yield Finding("model file", State.GOOD, checked[0] + more)
    except CodelspError as error:
        yield Finding("model file", State.BROKEN, str(error), "See codelsp models list.")


def check_layout(model: ModelInfo, settings: Settings) -> Finding:
    """Look whether the model can fill in the middle, and by which layout."""
    from codelsp.prompt.fim import PREFIX_ONLY, choose_layout, layout_named

    try:
        is_chosen = settings.fim_layout == "auto"
        special = model.special_tokens
        layout = choose_layout(special) if is_chosen else layout_named(settings.fim_layout)
    except CodelspError as error:
        return Finding("layout", State.BROKEN, str(error), "Set fim_layout to auto.")
    if layout == PREFIX_ONLY:
        text = "the model has no fill-in-the-middle tokens: it sees only what is before the cursor"
        advice = "A base or coder model that has such tokens completes better."
        return Finding("layout", State.HINT, text, advice)
    return Finding("layout", State.GOOD, layout.name)


async def check_tokens(engine: Engine, model: ModelInfo) -> Finding:
    """Look whether a special token's spelling in a document stays plain text."""
    if not model.takes_token_ids:
        return Finding("tokens", State.GOOD, "prompts go as text; spellings in it are broken up")
    special = {number for number in model.special_tokens.values() if number >= 0}
    ids = await engine.tokenize(" ".join(model.special_tokens))
    if special.intersection(ids):
        advice = "Use another engine: with this one a document could control the model."
        return Finding("tokens", State.BROKEN, "document text became a special token", advice)
    text = f"{len(special)} special tokens of one id each; spelled in a document they are text"
    return Finding("tokens", State.GOOD, text)


def check_completion(trace: dict[str, Any], text: str, elapsed_ms: float) -> Finding:
    """Look at the completion of a sample, and how fast it came."""
    facts = trace.get("facts", {})
    speed = ""
    if facts.get("decoded_tokens") and facts.get("decode_ms"):
        rate = facts["decoded_tokens"] / facts["decode_ms"] * 1e3
        speed = f", {rate:.0f} tokens/s"
    if text:
        return Finding("completion", State.GOOD, f"{text!r} in {elapsed_ms:.0f} ms{speed}")
    advice = "codelsp complete FILE:LINE:COLUMN --trace shows what was dropped, and why."
    return Finding("completion", State.HINT, f"nothing worth showing{speed}", advice)
