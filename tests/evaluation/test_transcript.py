from __future__ import annotations

import pytest

from codelsp.evaluation.transcript import Transcript, standard_library_text, typed_functions

SOURCE = '''"""Module."""


def first(a):
    """Say what."""
    b = a + 1
    if b:
        return a

    return b


class Thing:
    def second(self):
        for x in self:
            if x:
                yield x
        return None

    def short(self):
        return 1
'''


def _final(transcript: Transcript) -> str:
    return [text for _, text in transcript.states()][-1]


def test_typing_all_keys_gives_the_file_back() -> None:
    transcript = typed_functions("a.py", SOURCE, 5)

    assert "yield" not in transcript.text
    assert "b = a + 1" not in transcript.text
    assert _final(transcript) == SOURCE


@pytest.mark.parametrize("name", ["json/decoder.py", "argparse.py", "statistics.py"])
def test_a_real_file_comes_back_as_well(name: str) -> None:
    source = standard_library_text(name)
    transcript = typed_functions(name, source, 6)

    assert len(transcript.keys) > 300
    assert _final(transcript) == source


def test_an_editor_indents_by_itself_and_a_person_types_the_rest() -> None:
    keys = typed_functions("a.py", SOURCE, 1).keys

    assert keys[0].text == "\n    "
    assert "".join(key.text for key in keys[1:10]) == "b = a + 1"
    assert keys[10].text == "\n    "


def test_the_first_key_of_each_function_is_a_jump() -> None:
    keys = typed_functions("a.py", SOURCE, 5).keys

    assert [key.text for key in keys if key.is_jump] == ["\n        ", "\n    "]


def test_a_signature_and_docstring_are_there_before_the_body() -> None:
    text = typed_functions("a.py", SOURCE, 5).text

    assert 'def first(a):\n    """Say what."""\n' in text
    assert "def short(self):\n        return 1" in text


def test_the_same_source_gives_the_same_transcript() -> None:
    assert typed_functions("a.py", SOURCE, 2) == typed_functions("a.py", SOURCE, 2)


def test_a_file_without_functions_has_no_keys() -> None:
    assert typed_functions("a.py", "a = 1\n", 3).keys == ()


def test_fewer_keys_leave_the_file_unfinished() -> None:
    transcript = typed_functions("a.py", SOURCE, 5).first(4)

    assert len(transcript.keys) == 4
    assert _final(transcript) != SOURCE
