from __future__ import annotations

import math
from dataclasses import replace

import pytest

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.recall import recall
from tests.candidates.contexts import context_at


def said(marked: str, *others: str) -> str:
    context = context_at(marked)
    beside = tuple(
        DocumentSnapshot.of(f"file:///project/{number}.py", "python", 1, text)
        for number, text in enumerate(others)
    )
    return "".join(token.text for token in recall(replace(context, others=beside)))


def chance(marked: str) -> float:
    """Return the chance of the first token."""
    return math.exp(recall(context_at(marked))[0].log_prob or 0.0)


def test_what_followed_before_follows_again() -> None:
    assert said("total = first + second\nother = 1\ntotal = <CURSOR>\n") == "first + second"


def test_a_word_that_was_begun_is_written_to_its_end() -> None:
    assert said("configuration = read()\nprint(confi<CURSOR>\n").startswith("guration")


def test_what_stands_below_the_cursor_is_known_too() -> None:
    assert said("shelf.<CURSOR>\n\n\nshelf.add(book)\n") == "add(book)"


def test_what_stands_in_another_open_document_is_known_too() -> None:
    assert said("shelf.<CURSOR>\n", "shelf.add(book)\n") == "add(book)"


def test_this_document_counts_more_than_another() -> None:
    assert said("shelf.add(book)\nshelf.<CURSOR>\n", "shelf.close()\n") == "add(book)"


def test_the_longer_context_knows_more() -> None:
    before = "a.append(1)\nb.extend(2)\na.append(3)\n"

    assert said(f"{before}b.<CURSOR>\n").startswith("extend(")


def test_a_word_that_was_never_begun_so_is_not_guessed() -> None:
    assert said("total = 1\nzzz<CURSOR>\n") == ""


def test_one_letter_alone_says_nothing() -> None:
    assert said("total = 1\nt<CURSOR>\n", "table = 2\n") in {"", "otal = 1"}
    assert said("=t<CURSOR>\n", "table\n") == ""


def test_it_ends_with_the_line() -> None:
    assert said("first = 1\nsecond = 2\nfirst = <CURSOR>\nthird = 3\n") == "1"


def test_half_of_a_word_is_no_place() -> None:
    assert said("subtotal = 1\ntotal<CURSOR>\n") == ""


def test_on_a_blank_line_it_begins_with_the_indentation() -> None:
    marked = "def one():\n    return value\n\n\ndef two():\n    <CURSOR>\n"

    assert said(marked) == "    return value"


@pytest.mark.parametrize(
    "marked", ["<CURSOR>", "\n<CURSOR>", "x<CURSOR>", " <CURSOR> ", "😋<CURSOR>"]
)
def test_little_text_says_little(marked: str) -> None:
    assert said(marked).strip() == ""


def test_the_oftener_it_was_so_the_surer_it_is() -> None:
    once = "shelf.add(book)\nshelf.<CURSOR>\n"

    assert 0.0 < chance(once) < chance("shelf.add(book)\n" * 4 + "shelf.<CURSOR>\n") < 1.0
    assert chance("a = shelf.add()\nb = shelf.close()\nc = shelf.<CURSOR>\n") < chance(once)


def test_carriage_returns_end_lines_too() -> None:
    assert said("first = 1\r\nsecond = 2\r\nfirst = <CURSOR>\r\n") == "1"


def test_the_same_question_has_the_same_answer() -> None:
    marked = "a = b\na = c\na = <CURSOR>\n"

    assert said(marked) == said(marked)
