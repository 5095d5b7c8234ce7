from __future__ import annotations

import pytest

from codelsp.candidates.indentation_fit import fit_indentation, own_line, settle
from tests.candidates.contexts import candidate_at, cleaned, context_at

UNITS = {"tabs": "\t", "two": "  ", "three": "   ", "four": "    ", "eight": " " * 8}


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
@pytest.mark.parametrize("columns", [0, 1, 2, 3])
@pytest.mark.parametrize("blank_lines", [0, 1])
@pytest.mark.parametrize("after", ["", "{unit}return y\n"])
def test_wherever_the_cursor_is_the_body_is_where_it_belongs(
    unit: str, columns: int, blank_lines: int, after: str
) -> None:
    above = f"def f(x):\n{unit}y = x\n{unit}if y:\n" + "\n" * blank_lines
    below = after.format(unit=unit)
    marked = f"{above}{unit * columns}<CURSOR>\n{below}"

    tab_size = len(unit) if unit != "\t" else 4
    result = cleaned(marked, f"{unit * 2}y += 1\n", unit=unit, tab_size=tab_size)

    assert result.replace("⟦", "").replace("⟧", "") == f"{above}{unit * 2}y += 1\n{below}"


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
@pytest.mark.parametrize("written", UNITS.values(), ids=UNITS.keys())
def test_a_model_s_own_unit_becomes_the_document_s(unit: str, written: str) -> None:
    """As if a block from elsewhere had been pasted, and the editor knew where."""
    tab_size = len(unit) if unit != "\t" else 4
    marked = f"function f(x) {{\n{unit}const a = 1;\n{unit}if (a) {{<CURSOR>}}\n}}\n"
    base = written if "\t" in (unit, written) else unit
    text = f"\n{base}{written}if (x) {{\n{base}{written * 2}return x;\n{base}{written}}}\n{base}}}"

    result = cleaned(marked, text, "javascript", unit=unit, tab_size=tab_size, multiline=True)

    body = f"{unit * 2}if (x) {{\n{unit * 3}return x;\n{unit * 2}}}\n{unit}}}"
    assert result.replace("⟦", "").replace("⟧", "") == marked.replace("<CURSOR>}", f"\n{body}")


def test_alignment_beyond_whole_levels_is_kept() -> None:
    marked = "def f(x):\n    result = call(first,\n                  <CURSOR>\n"

    assert cleaned(marked, " " * 18 + "second)") == (
        "def f(x):\n    result = call(first,\n                  ⟦second)⟧\n"
    )


def test_three_spaces_too_many_are_taken_off() -> None:
    assert cleaned("def f(x):\n    <CURSOR>\n", "       return x") == "def f(x):\n    ⟦return x⟧\n"


def test_a_mixed_document_is_followed_where_the_cursor_is() -> None:
    marked = "def f(x):\n\treturn x\n\n\ndef g(x):\n    y = x\n    <CURSOR>\n"

    assert cleaned(marked, "    return y", unit="\t").endswith("    ⟦return y⟧\n")


def test_the_text_of_a_string_keeps_its_own_white_space() -> None:
    context = context_at('x = """\n  <CURSOR>\n"""\n', multiline=True)
    candidate = candidate_at(context, "\tone\n\t  two")

    assert fit_indentation(candidate, context).text == "\tone\n\t  two"


def test_on_a_blank_line_the_candidate_owns_the_line_until_it_settles() -> None:
    context = context_at("def f(x):\n    <CURSOR>\n")
    candidate = candidate_at(context, "    return x")

    owning = own_line(candidate, context)
    assert (owning.start, owning.text) == (context.offset - 4, "    return x")

    settled = settle(owning, context)
    assert (settled.start, settled.text) == (context.offset, "return x")


def test_other_white_space_is_replaced() -> None:
    context = context_at("x = 1\n   <CURSOR>\n")

    settled = settle(own_line(candidate_at(context, "y = 2"), context), context)

    assert (settled.start, settled.text) == (context.offset - 3, "y = 2")


def test_white_space_right_of_the_cursor_goes_too() -> None:
    context = context_at("def f(x):\n  <CURSOR>  \n")

    owning = own_line(candidate_at(context, "    return x"), context)

    assert (owning.start, owning.end) == (context.offset - 2, context.offset + 2)


def test_a_line_with_text_is_not_the_candidate_s() -> None:
    context = context_at("x = <CURSOR>\n")
    candidate = candidate_at(context, "1")

    assert own_line(candidate, context) == candidate


def test_the_depth_of_a_comment_is_no_depth() -> None:
    marked = "def f():\n        first()\n\n    # A comment at the wrong depth.\n        <CURSOR>\n"

    assert cleaned(marked, "        second()").endswith("        ⟦second()⟧\n")
