"""The typist against an editor that answers from a script: what is counted, and what is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.candidates import insecure
from codelsp.evaluation.editor_session import Reply
from codelsp.evaluation.transcript import typed_functions
from codelsp.evaluation.typist import Typist, offer_of, runs_of
from codelsp.pipeline import public_check

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.evaluation.typist import TypingCounts

SOURCE = """def f(values):
    total = compute(values)
    for value in values:
        total += value
    return total


def g():
    return 1
"""
TRANSCRIPT = typed_functions("a.py", SOURCE, 1)


class Editor:
    """An editor whose server says what a function of the text before the cursor says."""

    def __init__(self, says: Callable[[str], str]) -> None:
        self.text = TRANSCRIPT.text
        self.taken: list[str] = []
        self._says = says

    async def press(self, offset: int, text: str) -> Reply:
        self.change(offset, offset, text)
        items = await self.ask(offset + len(text))
        return Reply(offset + len(text), 1.0, items, {"source": "model"})

    def change(self, start: int, end: int, text: str) -> None:
        self.text = self.text[:start] + text + self.text[end:]

    async def ask(self, offset: int) -> tuple[dict[str, Any], ...]:
        said = self._says(self.text[:offset])
        place = {"line": 0, "character": offset}
        return ({"insertText": said, "range": {"start": place, "end": place}},) if said else ()

    async def accepted(self, item: dict[str, Any]) -> None:
        self.taken.append(item["insertText"])

    def offset_of(self, position: dict[str, int]) -> int:
        return position["character"]


async def _typed(says: Callable[[str], str]) -> tuple[TypingCounts, str]:
    editor = Editor(says)
    counts = await Typist(editor).type(TRANSCRIPT.keys)  # type: ignore[arg-type]
    return counts, editor.text


@pytest.mark.parametrize(
    ("text", "truth", "taken"),
    [
        ("name)", "name)\nreturn", 5),
        ("na", "name)", 2),
        ("nope", "name)", 0),
        ("name)\n  wrong", "name)\n    return", 5),
        ("name\n  wrong", "name)\n    return", 0),
        ("\n    x = 1\n    no", "\n    x = 1\n    y = 2", 10),
        ("", "name", 0),
        ("   ", "   name", 0),
    ],
)
def test_what_is_right_is_taken_and_of_several_lines_the_first(
    text: str, truth: str, taken: int
) -> None:
    assert offer_of(text, truth).taken == taken


async def test_without_completions_every_key_is_pressed_and_the_file_is_whole() -> None:
    counts, text = await _typed(lambda _before: "")

    assert text == SOURCE
    assert counts.keys_used == counts.keys_without == len(TRANSCRIPT.keys)
    assert (counts.shown, counts.completed_chars) == (0, 0)


async def test_a_perfect_server_saves_all_but_two_keys_and_writes_the_file() -> None:
    def says(before: str) -> str:
        return SOURCE[len(before) : SOURCE.index("\n\n\ndef g")]

    counts, text = await _typed(says)

    assert text == SOURCE
    assert counts.keys_used == 2
    assert counts.right == counts.shown == 1


async def test_a_line_is_taken_with_one_key() -> None:
    rest = "ompute(values)"
    counts, text = await _typed(lambda before: rest if before.endswith("= c") else "")

    assert text == SOURCE
    assert counts.keys_without - counts.keys_used == len(rest) - 1
    assert counts.completed_chars == len(rest)


async def test_the_server_hears_of_what_was_taken_whole() -> None:
    rest, more = "ompute(values)", "or value in values:\n        nonsense"
    answers = {"= c": rest, "    f": more}

    def says(before: str) -> str:
        return next((text for end, text in answers.items() if before.endswith(end)), "")

    editor = Editor(says)
    await Typist(editor).type(TRANSCRIPT.keys)  # type: ignore[arg-type]

    assert editor.text == SOURCE
    assert editor.taken == [rest], "of the other one only the first line was taken"


async def test_marks_are_counted_once_for_each_new_answer() -> None:
    answers = iter([[public_check.STEP], [], [insecure.STEP], None])

    class Marking(Editor):
        async def press(self, offset: int, text: str) -> Reply:
            reply = await super().press(offset, text)
            steps = next(answers, None)
            verdicts = [{"step": step, "action": "flagged"} for step in steps or ()]
            candidates = [] if steps is None else [{"verdicts": verdicts}]
            return replace(reply, trace={"candidates": candidates})

    counts = await Typist(Marking(lambda _before: "nonsense")).type(TRANSCRIPT.keys)  # type: ignore[arg-type]

    assert (counts.looked_up, counts.public, counts.insecure) == (3, 1, 1)


async def test_what_is_wrong_is_shown_and_never_taken() -> None:
    counts, text = await _typed(lambda _before: "nonsense")

    assert text == SOURCE
    assert counts.keys_used == counts.keys_without
    assert counts.right == 0
    assert counts.shown == counts.asked
    assert counts.matched_chars < counts.proposed_chars


async def test_a_wrong_one_that_is_typed_along_counts_once() -> None:
    wrong = "compute(nothing)"

    def says(before: str) -> str:
        line = before.rpartition("\n")[2].strip()
        head = "total = "
        typed = line.removeprefix(head)
        fits = line.startswith(head) and wrong.startswith(typed)
        return wrong[len(typed) :] if fits else ""

    counts, _ = await _typed(says)

    assert counts.shown == len("compute(")
    assert (counts.distinct_shown, counts.distinct_wrong) == (1, 1)


def test_keys_are_typed_in_runs_that_end_where_the_cursor_jumps() -> None:
    keys = typed_functions("a.py", SOURCE + SOURCE.replace("f(", "h("), 9).keys

    assert len(runs_of(keys)) == 2
    assert [key for run in runs_of(keys) for key in run] == list(keys)
