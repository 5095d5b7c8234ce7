from __future__ import annotations

import pytest

from codelsp.candidates.clean import clean
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


@pytest.mark.parametrize("body", ['"""Add."""', "cache = {}", "if x:\n    return 1"])
def test_below_a_header_nothing_stands_beside_it(body: str) -> None:
    fitted = cleaned("def f(x):\n    <CURSOR>\n", body, multiline=True)

    indented = body.replace("\n", "\n    ")
    assert fitted == f"def f(x):\n    ⟦{indented}⟧\n"


@pytest.mark.parametrize("text", ["def g(x):", "@cached", "else:", "class G:"])
def test_what_leaves_a_header_without_a_body_is_dropped(text: str) -> None:
    marked = "def f(x):\n    <CURSOR>\n"
    context = context_at(marked)

    assert clean(candidate_at(context, text), context).is_dropped


def test_a_method_at_the_margin_is_moved_into_its_class() -> None:
    assert cleaned("class Shelf:\n    <CURSOR>\n", "def add(self):") == (
        "class Shelf:\n    ⟦def add(self):⟧\n"
    )


@pytest.mark.parametrize(
    ("language_id", "marked", "text", "fitted"),
    [
        ("javascript", "f() {\n  <CURSOR>\n}\n", "return 1;", "f() {\n  ⟦return 1;⟧\n}\n"),
        ("go", "switch x {\n\t<CURSOR>\n}\n", "case 1:", "switch x {\n⟦case 1:⟧\n}\n"),
        ("cpp", "class A {\n  <CURSOR>\n};\n", "public:", "class A {\n⟦public:⟧\n};\n"),
        ("cpp", "namespace n {\n<CURSOR>\n}\n", "int x;", "namespace n {\n⟦int x;⟧\n}\n"),
        ("ruby", "  def get\n    <CURSOR>\n  end\n", " sum", "  def get\n    ⟦sum⟧\n  end\n"),
        ("lua", "do\n  <CURSOR>\nend\n", "      f()", "do\n  ⟦f()⟧\nend\n"),
        ("yaml", "a:\n    b: 1\n    <CURSOR>\n", "     c: 1", "a:\n    b: 1\n    ⟦c: 1⟧\n"),
        ("yaml", "a:\n<CURSOR>\n", "  b: 1", "a:\n⟦  b: 1⟧\n"),
        ("shellscript", "f \\\n  <CURSOR>\n", "      -x", "f \\\n  ⟦    -x⟧\n"),
    ],
)
def test_each_language_has_depths_of_its_own(
    language_id: str, marked: str, text: str, fitted: str
) -> None:
    unit = "\t" if "\t" in marked else "    " if "    b" in marked else "  "

    result = cleaned(marked, text, language_id, unit=unit, tab_size=4 if unit != "  " else 2)

    assert result == fitted
