"""What was handed out is counted once, however an editor tells of it."""

from __future__ import annotations

from codelsp.editor.handed_out import HandedOut
from codelsp.reply import Insertion


def insertion(name: str, text: str = "abcdefgh") -> Insertion:
    return Insertion(name, text, 0, 0, None, "m")


def test_an_insertion_is_new_once() -> None:
    handed_out = HandedOut()

    assert handed_out.note(insertion("1"))
    assert not handed_out.note(insertion("1", "cdefgh"))
    assert handed_out.note(insertion("2"))


def test_parts_and_the_whole_add_up_to_the_whole() -> None:
    handed_out = HandedOut()
    handed_out.note(insertion("1"))

    told = [handed_out.newly_accepted("1", length) for length in (3, 5, 5)]

    assert told == [3, 2, 0]
    assert handed_out.newly_accepted("1") == 3
    assert handed_out.newly_accepted("1") == 0


def test_more_than_there_was_cannot_be_accepted() -> None:
    handed_out = HandedOut()
    handed_out.note(insertion("1"))

    assert handed_out.newly_accepted("1", 1000) == 8
    assert handed_out.newly_accepted("unknown") == 0


def test_the_oldest_are_forgotten() -> None:
    handed_out = HandedOut()
    for number in range(600):
        handed_out.note(insertion(str(number)))

    assert handed_out.newly_accepted("0") == 0
    assert handed_out.newly_accepted("599") == 8
