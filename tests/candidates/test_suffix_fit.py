from __future__ import annotations

import pytest

from codelsp.candidates.frame import Frame
from codelsp.candidates.suffix_fit import cut_stray_closer, fit_suffix, overlaps
from tests.candidates.contexts import accepted, candidate_at, cleaned, context_at

PAIRS = [("(", ")"), ("[", "]"), ("{", "}"), ('"', '"'), ("'", "'")]


@pytest.mark.parametrize(("opener", "closer"), PAIRS)
@pytest.mark.parametrize("tail", ["", "CLOSER", "CLOSER;", "CLOSER.then"])
def test_an_auto_closed_bracket_is_never_doubled(opener: str, closer: str, tail: str) -> None:
    """The editor has put the closer there; the model writes it too, or does not."""
    text = "first" + tail.replace("CLOSER", closer)
    context = context_at(f"x = f{opener}<CURSOR>{closer}\n", "javascript")

    fitted = fit_suffix(candidate_at(context, text), context)

    result = accepted(fitted, context).replace("⟦", "").replace("⟧", "")
    assert result == f"x = f{opener}first{closer}{tail.replace('CLOSER', '')}\n"


@pytest.mark.parametrize(("opener", "closer"), PAIRS[:3])
def test_the_text_s_own_brackets_are_left_alone(opener: str, closer: str) -> None:
    marked = f"x = f{opener}<CURSOR>{closer}\n"
    own = f"g{opener}1{closer}"

    result = cleaned(marked, own, "javascript", has_tree=False)

    assert result == f"x = f{opener}⟦{own}⟧{closer}\n"


def test_the_range_never_leaves_the_line() -> None:
    context = context_at("f(\n    first,\n    <CURSOR>\n)\n")

    fitted = cut_stray_closer(candidate_at(context, "second\n)"), context)

    assert fitted.text == "second"
    assert fitted.end == context.offset


def test_a_text_that_repeats_the_rest_of_the_line_covers_it() -> None:
    context = context_at("total = <CURSOR> + tax\n")

    fitted = fit_suffix(candidate_at(context, "price + tax"), context)

    assert fitted.covered == " + tax"


@pytest.mark.parametrize(
    ("text", "rest", "expected"),
    [
        ("a)", ")", [1]),
        ("a, b", ", b", [3]),
        ("print", "printer", []),
        ("x + form", "formula", []),
        ("foo", "oo", []),
        ("nt(x)", "nt(x)", [5]),
        ("a) {\n  b", ") {", [3]),
        ("a", "", []),
        ("a ", "   ", []),
        ("a,\n", ",", [1]),
        ("a, ", ",", []),
    ],
)
def test_an_overlap_ends_between_words(text: str, rest: str, expected: list[int]) -> None:
    assert overlaps(text, rest) == expected


def test_a_closer_that_the_document_lacks_stays() -> None:
    assert cleaned("f(first, <CURSOR>\ng(1)\n", "second)") == "f(first, ⟦second)⟧\ng(1)\n"


def test_in_prose_brackets_say_nothing() -> None:
    context = context_at("First:\n<CURSOR>\n", "markdown")

    assert Frame.of(context) is None
    assert fit_suffix(candidate_at(context, "1) the first"), context).text == "1) the first"


LONG_CLASS = (
    "class Long:\n"
    + "".join(f"    def m{n}(self):\n        return call({n}, [{n}])\n\n" for n in range(90))
    + "    def here(self):\n        return call(<CURSOR>\n\n"
    + "".join(f"    def n{n}(self):\n        return call({n}, [{n}])\n\n" for n in range(90))
)


def test_in_a_long_class_the_missing_bracket_is_still_missed() -> None:
    context = context_at(LONG_CLASS)

    fitted = fit_suffix(candidate_at(context, "1, 2)"), context)

    assert fitted.text == "1, 2)"


def test_in_a_long_table_the_bracket_further_below_is_still_there() -> None:
    rows = "".join(f"    ({n}, {n * 7}, 'row'),\n" for n in range(300))
    context = context_at(f"TABLE = [\n{rows}    <CURSOR>\n{rows}]\n")

    fitted = cut_stray_closer(candidate_at(context, "(1, 2, 'row')]"), context)

    assert fitted.text == "(1, 2, 'row')"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("total = 1;\nif (total) {)", "total = 1;"),
        ("total = 1;\nshow([)", "total = 1;"),
    ],
)
def test_a_line_that_only_opens_something_is_no_end_without_its_stray_bracket(
    text: str, shown: str
) -> None:
    result = cleaned("<CURSOR>\n", text, "javascript")

    assert result == f"⟦{shown}⟧\n"


def test_in_a_string_the_line_end_is_not_shown_and_so_closes_nothing() -> None:
    assert cleaned('print("<CURSOR>")\n', "the total\n") == 'print("⟦the total⟧")\n'
