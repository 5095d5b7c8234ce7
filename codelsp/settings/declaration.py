"""Every setting, declared once.

The declaration feeds the parser (``reading.py``), ``package.json`` of the VS Code extension, the
Neovim help and the tables of the documentation (``tables.py``); tests hold them together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

FIM_LAYOUTS = (
    "qwen-spm-marked", "qwen-spm-files", "qwen-spm", "qwen-psm", "codegemma", "granite-4", "mellum",
    "starcoder-2", "starcoder", "santacoder", "codellama", "deepseek", "codestral", "seed-coder",
    "glm-4.5", "codegeex-4", "falcon-h1-coder", "incoder", "codegen-2", "prefix-only",
)  # fmt: skip
"""Those of ``prompt/families.py``, by name; a test holds the two together."""


class Scope(Enum):
    """Where a setting may be set."""

    ANYWHERE = "anywhere"
    USER = "user"
    """Not from a workspace's own files: a cloned repository must not redirect code."""


def _setting(  # noqa: PLR0913  # one for each fact of a setting
    help_text: str,
    *,
    default: Any,
    choices: tuple[str, ...] = (),
    pattern: str = "",
    between: tuple[float, float] | None = None,
    scope: Scope = Scope.ANYWHERE,
) -> Any:
    """Return a field whose metadata says all that parser and tables need.

    Bounds are inclusive; ``pattern`` is a regular expression for the whole of a text.
    """
    metadata = {
        "help": help_text,
        "choices": choices,
        "pattern": pattern,
        "between": between,
        "scope": scope,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """What a user may choose; field names are the keys, in ``snake_case`` everywhere."""

    enabled: bool = _setting(default=True, help_text="Offer completions at all.")
    engine: str = _setting(
        default="auto",
        help_text="What runs the model: `auto`, `llama.cpp`, `torch`, or the URL of a"
        " running server (llama-server, vLLM, Ollama, TGI).",
        pattern=r"auto|llama\.cpp|torch|https?://.*",
        scope=Scope.USER,
    )
    engine_api_key: str = _setting(
        default="",
        help_text="API key for an engine given by URL; sent as a bearer token.",
        scope=Scope.USER,
    )
    engine_idle_minutes: float = _setting(
        default=30.0,
        help_text="Minutes without a request after which the engine process leaves.",
        between=(0.01, 10080),
        scope=Scope.USER,
    )
    engine_threads: int = _setting(
        default=0,
        help_text="CPU threads of the engine; 0 means as many as there are physical cores.",
        between=(0, 1024),
        scope=Scope.USER,
    )
    model: str = _setting(
        default="",
        help_text="A model of the store, a folder, a GGUF file, or a model id of the URL's server;"
        " empty means the embedded ones: codelsp-s for Python, codelsp-m for other languages.",
        scope=Scope.USER,
    )
    adapted: bool = _setting(
        default=True,
        help_text="Use the model that `codelsp adapt` has tuned on the workspace, where there is"
        " one; it stands in for `model`.",
        scope=Scope.USER,
    )
    fim_layout: str = _setting(
        default="auto",
        help_text="Fill-in-the-middle layout; `auto` chooses it from the model's special tokens.",
        choices=("auto", *FIM_LAYOUTS),
        scope=Scope.USER,
    )
    multiline: str = _setting(
        default="auto",
        help_text="Whether a completion may have several lines.",
        choices=("auto", "always", "never"),
    )
    max_tokens: int = _setting(
        default=48, help_text="Most tokens of one automatic completion.", between=(1, 1024)
    )
    max_line_tokens: int = _setting(
        default=24,
        help_text="Most tokens of a completion that stays on its line.",
        between=(1, 256),
    )
    context_tokens: int = _setting(
        default=0,
        help_text="Most tokens of a prompt; 0 chooses by model and machine.",
        between=(0, 131072),
    )
    candidates: int = _setting(
        default=3, help_text="Candidates generated on explicit request.", between=(1, 10)
    )
    temperature: float = _setting(
        default=0.0,
        help_text="Sampling temperature of automatic completions; 0 is greedy.",
        between=(0.0, 2.0),
    )
    threshold: float = _setting(
        default=0.35,
        help_text="Least estimated chance of being right at which a completion is shown unasked.",
        between=(0.0, 1.0),
    )
    debounce_ms: int = _setting(
        default=-1,
        help_text="Wait before starting the model; -1 adapts to typing speed and machine.",
        between=(-1, 5000),
    )
    speculate: bool = _setting(
        default=True,
        help_text="Compute, when idle, what is likely to be asked next: what follows the shown"
        " completion, so that Tab, Tab is instant, and what the first key asks where the cursor"
        " rests.",
    )
    suggest_in_comments: str = _setting(
        default="on", help_text="Completions in comments.", choices=("on", "off", "manual")
    )
    suggest_in_strings: str = _setting(
        default="on", help_text="Completions in string literals.", choices=("on", "off", "manual")
    )
    suggest_in_docstrings: str = _setting(
        default="on", help_text="Completions in docstrings.", choices=("on", "off", "manual")
    )
    completion_items: str = _setting(
        default="auto",
        help_text="Answer `textDocument/completion` too: `auto` does for clients without inline"
        " completion.",
        choices=("auto", "always", "never"),
    )
    trigger_characters: str = _setting(
        default=".([{=,:>/@",
        help_text="Characters after which an editor's completion menu asks by itself; ghost text"
        " comes after any.",
    )
    neighbors: bool = _setting(
        default=True, help_text="Use excerpts of other open documents as context."
    )
    neighbor_tokens: int = _setting(
        default=256,
        help_text="Most tokens of a prompt given to other documents.",
        between=(0, 65536),
    )
    recall: bool = _setting(
        default=True,
        help_text="Complete also by what the open documents say elsewhere; it weighs the model's"
        " own words, and needs no model.",
    )
    project_words: bool = _setting(
        default=False,
        help_text="Let `recall` read the workspace's other files, too: not ignored ones, not"
        " secrets. The model does not see them.",
        scope=Scope.USER,
    )
    remember_accepted: bool = _setting(
        default=False,
        help_text="Keep lines that were completed and taken, in a small local file a workspace, and"
        " let `recall` know them; `codelsp habits --forget` deletes them.",
        scope=Scope.USER,
    )
    public_code: str = _setting(
        default="flag",
        help_text="Suggestions that copy public code word by word: `flag` names repository and"
        " license, `hide` does not offer them, `off` does not look.",
        choices=("off", "flag", "hide"),
        scope=Scope.USER,
    )
    disabled_languages: tuple[str, ...] = _setting(
        default=(), help_text="Language ids without completions."
    )
    exclude: tuple[str, ...] = _setting(
        default=(),
        help_text="Globs of files that are neither completed nor used as context, besides the"
        " built-in list of secrets. A workspace's own files can only add to them.",
    )
    confirm_actions: bool = _setting(
        default=True,
        help_text="Show what a code action has written before it is applied, in editors that can.",
    )
    insecure_code: str = _setting(
        default="hide",
        help_text="What becomes of suggestions that are known to be insecure, such as SQL put"
        " together from values: `hide` them, `flag` them where the editor shows more than the"
        " text, or `allow` them.",
        choices=("hide", "flag", "allow"),
    )
    statistics: bool = _setting(
        default=True,
        help_text="Keep acceptance statistics in a local file that never leaves this machine.",
    )
    trace: bool = _setting(
        default=False,
        help_text="Write prompts and answers to the log; they hold text of your documents.",
        scope=Scope.USER,
    )
