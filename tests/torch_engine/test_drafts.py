from __future__ import annotations

from codelsp.torch_engine.drafts import DraftBook


def test_a_draft_is_what_followed_the_same_words_before() -> None:
    book = DraftBook([1, 2, 3, 4, 5, 6, 7, 1, 2], most_tokens=3)

    assert book.draft() == [3, 4, 5]


def test_the_last_place_of_several_counts_and_longer_beginnings_first() -> None:
    book = DraftBook([9, 1, 2, 3, 8, 1, 2, 4, 7, 9, 1, 2], most_tokens=1)

    assert book.draft() == [3], "9 1 2 was followed by 3, though 1 2 was by 4 later"


def test_words_that_are_written_become_part_of_the_book() -> None:
    book = DraftBook([1, 2, 3], most_tokens=2)
    for token in (4, 1, 2):
        book.add(token)

    assert book.draft() == [3, 4]


def test_nothing_known_is_no_draft() -> None:
    assert DraftBook([1, 2, 3], most_tokens=4).draft() == []
    assert DraftBook([], most_tokens=4).draft() == []


def test_drafts_pause_longer_after_each_failure_and_resume_after_success() -> None:
    book = DraftBook([1, 1, 1, 1], most_tokens=2)
    pauses = []
    for _ in range(3):
        n_pauses = 0
        while not (draft := book.draft()):
            n_pauses += 1
        pauses.append(n_pauses)
        book.tell(len(draft), 0)
    book.draft()
    book.tell(2, 2)

    assert pauses == [0, 1, 3]
    assert book.draft()
