"""HumanEval as others have published it, to stand beside our own; shares, not percents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One model's row."""

    model: str
    pass_at: dict[int, float]
    source: str


_CODEX = "Chen et al. 2021, arXiv 2107.03374, table 1"
_CODE_CLIPPY = "github.com/CodedotAl/gpt-code-clippy, README"

HUMAN_EVAL = (
    Published(
        "Code-Clippy 125M, trained from scratch (3 variants)",
        {1: 0.0, 2: 0.0, 5: 0.0, 10: 0.0},
        _CODE_CLIPPY,
    ),
    Published(
        "Code-Clippy: gpt-neo-125M-apps",
        {1: 0.0006, 2: 0.0012, 5: 0.0030, 10: 0.0061},
        _CODE_CLIPPY,
    ),
    Published(
        "GPT-Neo 125M, by Code-Clippy",
        {1: 0.0012, 2: 0.0024, 5: 0.0061, 10: 0.0122},
        _CODE_CLIPPY,
    ),
    Published("GPT-Neo 125M, by Codex's paper", {1: 0.0075, 10: 0.0188, 100: 0.0297}, _CODEX),
    Published("Codex 12M", {1: 0.0200, 10: 0.0362, 100: 0.0858}, _CODEX),
    Published("Codex 25M", {1: 0.0321, 10: 0.0710, 100: 0.1289}, _CODEX),
    Published("Codex 42M", {1: 0.0506, 10: 0.0880, 100: 0.1555}, _CODEX),
)
