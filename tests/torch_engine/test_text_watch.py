from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codelsp.torch_engine.stop_rules import BlockStop, LineStop, Several, StatementStop
from codelsp.torch_engine.text_watch import TextWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codelsp.torch_engine.stop_rules import StopRule


def watched(
    text: str, stops: Sequence[str] = (), rule: StopRule | None = None, step: int = 1
) -> tuple[str, str | None]:
    """Return what is told of ``text``, given byte by byte, and why it ended."""
    watch = TextWatch(stops, rule)
    content, told = text.encode(), ""
    for start in range(0, len(content), step):
        told += watch.add(content[start : start + step])
        if watch.ending is not None:
            break
    told += watch.rest()
    assert told == watch.text
    return told, watch.ending.reason if watch.ending else None


@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_characters_come_out_whole_however_tokens_cut_them(step: int) -> None:
    assert watched("aé漢🙂z", step=step) == ("aé漢🙂z", None)


@pytest.mark.parametrize("step", [1, 3, 100])
def test_a_text_ends_before_the_first_of_its_stop_texts(step: int) -> None:
    assert watched("one two<|end|>three", ["<|end|>", "zzz"], step=step) == ("one two", "word")


def test_what_only_began_like_a_stop_text_is_told_in_the_end() -> None:
    assert watched("one <|en", ["<|end|>"]) == ("one <|en", None)


def test_a_stop_text_is_never_told_in_part() -> None:
    watch = TextWatch(["STOP"])

    assert watch.add(b"aST") == "a"
    assert watch.add(b"ART STO") == "START "


@pytest.mark.parametrize("step", [1, 2, 100])
@pytest.mark.parametrize(
    ("make", "text", "kept"),
    [
        pytest.param(LineStop, "return 1\nx", "return 1", id="a line"),
        pytest.param(LineStop, "\n  return 1\nx", "\n  return 1", id="a line after an empty one"),
        pytest.param(StatementStop, "f(\n  1,\n)\nx", "f(\n  1,\n)", id="brackets join lines"),
        pytest.param(StatementStop, 'a = """x\ny"""\nb', 'a = """x\ny"""', id="a long string"),
        pytest.param(StatementStop, "a = ''\nb", "a = ''", id="an empty string"),
        pytest.param(StatementStop, "a = '\\''\nb", "a = '\\''", id="an escaped quote"),
        pytest.param(StatementStop, "a = b \\\n + c\nd", "a = b \\\n + c", id="a continued line"),
        pytest.param(StatementStop, "x)\ny", "x)", id="a closer from before the cursor"),
        pytest.param(StatementStop, "a '(\nx\ny", "a '(", id="an open quote ends with its line"),
        pytest.param(lambda: BlockStop(4), "a\n    b\n\n    c\nd", "a\n    b\n\n    c", id="block"),
        pytest.param(lambda: BlockStop(4), "a\n\tb\n  c", "a\n\tb", id="a tab is four columns"),
        pytest.param(
            lambda: Several([BlockStop(4), LineStop()]), "a\n    b", "a", id="the first of two"
        ),
    ],
)
def test_rules_end_a_text_where_they_say(
    make: Callable[[], StopRule], text: str, kept: str, step: int
) -> None:
    assert watched(text, rule=make(), step=step) == (kept, "rule")


def test_a_block_goes_on_while_lines_are_indented_enough() -> None:
    assert watched("a\n    b\n        c\n", rule=BlockStop(4)) == ("a\n    b\n        c\n", None)
