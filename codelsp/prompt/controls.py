"""Control tokens: one for each language, with which a fine-tuned model's texts begin.

A model that was fine-tuned by ``codelsp train --base`` has read each piece of code after the token
of its language, so that is where serving has to begin as well.  The idea is CTRL's (arXiv
1909.05858), as in auto_coding; spelled so that no vocabulary has it by chance.

Architecture invariant: pure.  No clock, no disk, no network, no tokenizer.
"""

from __future__ import annotations

from codelsp.document.languages import language_of

CONTROL_TOKENS = {
    language: f"<|{language}|>"
    for language in ("python", "java", "c", "cpp", "javascript", "typescript")
}
"""By the language's LSP id."""


def control_token(language_id: str) -> str:
    """Return the control token of a language, by id or by name; empty if it has none.

    JSX counts as its language.
    """
    known = language_of(language_id.removesuffix(" JSX")).id.removesuffix("react")
    return CONTROL_TOKENS.get(known, "")
