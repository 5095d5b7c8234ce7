"""Excerpts of other documents: the right ones, whole lines, and the same while the user types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.context.neighbors import index_of, needs_at, neighbors_of
from codelsp.document.edit import replace
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from tests.documents import at_cursor

if TYPE_CHECKING:
    from codelsp.context.completion_context import Neighbor

ROOT = "file:///project"


def snapshot(name: str, text: str) -> DocumentSnapshot:
    return DocumentSnapshot.of(f"{ROOT}/{name}", "python", 1, text)


def filler(name: str, n_lines: int = 20) -> str:
    return "".join(f"{name}_{n} = make_{name}({n})\n" for n in range(n_lines))


INVOICES = snapshot(
    "billing/invoices.py",
    filler("apple")
    + "class Invoice:\n    def total_amount(self, currency):\n        return self.lines\n"
    + filler("invoice", 17)
    + filler("pear"),
)
WEATHER = snapshot("weather.py", filler("cloud") + filler("rain"))
CURRENT = (
    "from billing.invoices import Invoice\n\n\n"
    "def report(customer, currency):\n"
    "    invoice = Invoice(customer)\n"
    "    amount = invoice.total_amount(currency)\n"
    "    rows = invoice.lines\n"
    "    return amount, rows\n\n\n"
    "def send(customer):\n    <CURSOR>\n"
)


def chosen(marked: str, *others: DocumentSnapshot, max_chars: int = 2000) -> tuple[Neighbor, ...]:
    document, offset = at_cursor(marked)
    needs = needs_at(document, offset, parse(document))
    return neighbors_of(needs, others, max_chars, ROOT)


def test_the_document_that_defines_what_is_used_is_shown() -> None:
    (neighbor,) = chosen(CURRENT, WEATHER, INVOICES)

    assert neighbor.path == "billing/invoices.py"
    assert "class Invoice:" in neighbor.text
    assert "apple" not in neighbor.text
    assert "pear" not in neighbor.text


def test_excerpts_are_whole_lines_within_the_budget() -> None:
    neighbors = chosen(CURRENT, WEATHER, INVOICES, max_chars=800)

    assert sum(len(neighbor.text) for neighbor in neighbors) <= 800
    for neighbor in neighbors:
        assert neighbor.text in INVOICES.text
        assert neighbor.text.endswith("\n")
    assert chosen(CURRENT, INVOICES, max_chars=50) == ()


def test_nothing_is_shown_that_is_not_alike() -> None:
    assert chosen(CURRENT, WEATHER) == ()
    assert chosen("<CURSOR>", INVOICES) == ()
    assert chosen(CURRENT) == ()


def test_the_order_in_which_documents_were_opened_does_not_matter() -> None:
    copy = snapshot("billing/archive.py", INVOICES.text)

    assert chosen(CURRENT, INVOICES, copy, WEATHER) == chosen(CURRENT, WEATHER, copy, INVOICES)


def test_typing_a_whole_line_leaves_the_choice_as_it_is() -> None:
    document, offset = at_cursor(CURRENT)
    others = (INVOICES, WEATHER)
    before = neighbors_of(needs_at(document, offset, parse(document)), others, 2000, ROOT)
    for character in "cloud_1 = make_cloud(rain_2, rain_3)":
        document = replace(document, offset, offset, character)
        offset += 1
        needs = needs_at(document, offset, parse(document))

        assert neighbors_of(needs, others, 2000, ROOT) == before


def test_new_lines_above_do_not_change_what_is_read_below() -> None:
    text = filler("apple", 100)
    document = snapshot("a.py", text)
    offset = document.line_start(50)
    before = needs_at(document, offset, None)
    after = needs_at(replace(document, offset, offset, "\n\n"), offset + 2, None)

    assert before == after


def test_a_module_that_is_imported_counts_more() -> None:
    text = filler("order", 20)
    imported, other = snapshot("zz_orders.py", text), snapshot("aa_other.py", text)
    marked = "import zz_orders\n" + filler("order", 10).replace("make_", "") + "<CURSOR>\n"

    (neighbor,) = chosen(marked, other, imported, max_chars=len(text))

    assert neighbor.path == "zz_orders.py"


def test_windows_that_touch_are_one_excerpt() -> None:
    other = snapshot("long.py", filler("same", 60))
    document, offset = at_cursor(
        "".join(f"make_same({n}, same_{n})\n" for n in range(40)) + "<CURSOR>"
    )
    neighbors = neighbors_of(needs_at(document, offset, None), (other,), 5000, ROOT)

    assert len(neighbors) == 1
    assert neighbors[0].text.count("\n") > 20


def test_minified_code_is_not_shown() -> None:
    other = snapshot("min.js", "var " + ",".join(f"invoice{n}=Invoice({n})" for n in range(500)))

    assert chosen(CURRENT, other) == ()


def test_an_index_covers_the_text_window_by_window() -> None:
    index = index_of(filler("pear", 50) + "no line end")

    assert [b - a for a, b in zip(index.starts, [*index.starts[1:], index.end], strict=True)]
    assert len(index.starts) == 3
    assert index.end == len(filler("pear", 50) + "no line end")
    assert list(index.windows_of["make_pear"]) == [0, 1, 2]
