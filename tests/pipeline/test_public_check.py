"""A suggestion that copies public code is named, hidden, or left alone, as the user wishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("numpy")
pytest.importorskip("datasketch")

import numpy as np

from codelsp.editor.commands import explained
from codelsp.pipeline import workbench
from codelsp.public_code import PublicCodeIndex, Source
from codelsp.public_code.index import head_bytes
from codelsp.public_code.tokens import tokens_of
from codelsp.training.public_code import build_cells, winnowed
from tests.pipeline.desk import Desk

if TYPE_CHECKING:
    from codelsp.pipeline.answer import Answer

PUBLIC = (
    "def balance_of(account, ledger):\n"
    '    """Return what is left of the account after all of the entries of the ledger."""\n'
    "    opening = account.opening_balance_at(ledger.first_day, currency=account.currency)\n"
    "    for entry in ledger.entries_between(account.opened, account.closed_or_today()):\n"
    "        opening += entry.amount_in(account.currency) * entry.direction_for(account)\n"
    "    return ledger.rounded.down(opening)\n"
)
CUT = PUBLIC.rindex("    return ")
LAST_LINE = PUBLIC[CUT:].strip()


@pytest.fixture(autouse=True)
def _index(monkeypatch: pytest.MonkeyPatch) -> None:
    # Most of the runs: the text is short, and what is tested is what is done with a copy.
    runs = winnowed(np.array(tokens_of(PUBLIC).hashes, np.uint64), 3)
    shape, cells = build_cells(np.unique(runs), np.zeros(len(np.unique(runs)), np.uint8))
    content = head_bytes(shape, (Source("owner/bank", "MIT"),)) + cells.astype("<u2").tobytes()
    monkeypatch.setattr(workbench, "shipped_index", lambda: PublicCodeIndex(content))


async def asked(policy: str, before: str = PUBLIC[:CUT]) -> tuple[Answer, dict[str, Any]]:
    desk = Desk.with_document(
        f"{before}    <CURSOR>\n", (f"    {LAST_LINE}",), public_code=policy, max_line_tokens=200
    )
    return await desk.ask(), desk.completer.explain_last()


async def test_a_copy_is_shown_with_its_repository_and_license() -> None:
    answer, trace = await asked("flag")

    assert answer.insertions[0].text.strip() == LAST_LINE
    assert answer.insertions[0].public_source == "owner/bank (MIT)"
    assert "public code flagged" in explained(trace)
    assert "owner/bank (MIT)" in explained(trace)


async def test_a_copy_is_not_shown_to_who_wants_none_and_it_is_said_why() -> None:
    answer, trace = await asked("hide")

    assert answer.insertions == ()
    assert "public code dropped" in explained(trace)


async def test_who_does_not_care_is_told_nothing() -> None:
    answer, _ = await asked("off")

    assert answer.insertions[0].public_source == ""


async def test_the_same_line_after_other_code_is_nobodys_copy() -> None:
    answer, _ = await asked("flag", "def other(account, ledger):\n    opening = 0\n")

    assert answer.insertions[0].text.strip() == LAST_LINE
    assert answer.insertions[0].public_source == ""
