"""Examples: the shape that serving asks in, and nothing of a document lost or doubled."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from codelsp.prompt.fim import PromptText, choose_layout, layout_named, render
from codelsp.prompt.healing import healed_end
from codelsp.prompt.prompt import SpecialPiece, TextPiece
from codelsp.training.documents import Document
from codelsp.training.examples import ExampleRules, examples_of
from codelsp.training.middles import MiddleShares
from codelsp.training.packing import ExampleEncoder, packed_rows
from codelsp.training.tokenizer import SPECIAL_TOKENS, load_tokenizer, special_ids
from tests.training.material import MODULE, OTHER

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.prompt.layout import FimLayout
    from codelsp.prompt.prompt import Piece

BARE = ExampleRules(
    window=400,
    path_share=0,
    repository_share=0,
    neighbor_share=0,
    header_share=0,
    import_dropout=0,
    empty_suffix_share=0,
    short_window_share=0,
)
LAYOUT = layout_named("qwen-spm-marked")
DOCUMENT = Document("acme/shapes", "src/shapes.py", "python", "MIT", OTHER)


def made(
    rules: ExampleRules, others: tuple[Document, ...] = (), layout: FimLayout = LAYOUT
) -> list[tuple[Piece, ...]]:
    examples = examples_of(DOCUMENT, others, rules, Random(5), layout)
    return [example.pieces for example in examples]


def text_of(pieces: tuple[Piece, ...], role: str) -> str:
    return "".join(p.text for p in pieces if isinstance(p, TextPiece) and p.role == role)


def test_plain_windows_follow_each_other_without_gap_or_overlap() -> None:
    examples = made(replace(BARE, fim_share=0))

    assert "".join(text_of(pieces, "prefix") for pieces in examples) == OTHER
    assert examples[-1][-1] == SpecialPiece("<|endoftext|>")
    assert all(isinstance(pieces[-1], TextPiece) for pieces in examples[:-1])


def test_prefix_middle_and_suffix_are_the_document() -> None:
    rules = replace(BARE, fim_share=1, middles=MiddleShares(1, 0, 0, 0))
    texts = [
        "".join(text_of(pieces, role) for role in ("prefix", "line", "middle", "suffix"))
        for pieces in made(rules)
    ]

    assert "".join(texts) == OTHER


def test_an_example_is_what_serving_asks_plus_the_answer(tokenizer_file: Path) -> None:
    """The ids of a served prompt are the beginning of the ids of its training example."""
    rules = replace(BARE, fim_share=1, spm_share=1, path_share=1, middles=MiddleShares(1, 0, 0, 0))
    tokenizer = load_tokenizer(tokenizer_file)
    special = special_ids(tokenizer)
    encoder = ExampleEncoder(tokenizer, special, 10_000)
    served_layout = choose_layout(special)
    rules = replace(rules, line_share=1)
    for example in examples_of(DOCUMENT, (), rules, Random(5), served_layout):
        pieces = example.pieces
        prompt = PromptText(
            text_of(pieces, "prefix") + text_of(pieces, "line"),
            text_of(pieces, "suffix"),
            path=DOCUMENT.path,
        )
        served: list[int] = []
        for piece in render(served_layout, prompt):
            if isinstance(piece, SpecialPiece):
                served.append(special[piece.token])
            else:
                served += tokenizer.encode(piece.text, add_special_tokens=False).ids
        (trained,) = encoder.encode([example])
        answer = tokenizer.encode(text_of(pieces, "middle"), add_special_tokens=False).ids

        assert trained == [*served, *answer, special["<|endoftext|>"]]


def test_both_orders_occur_in_the_share_that_was_asked() -> None:
    rules = replace(BARE, fim_share=1, spm_share=0.8, window=120)
    before_prefix, before_suffix = map(SpecialPiece, ("<|fim_prefix|>", "<|fim_suffix|>"))
    is_spm = [
        pieces.index(before_suffix) < pieces.index(before_prefix)
        for pieces in made(rules)
        if before_suffix in pieces
    ]

    assert 0.6 < sum(is_spm) / len(is_spm) < 0.95


def test_the_token_before_the_cursor_is_the_middles_as_serving_has_it() -> None:
    rules = replace(BARE, fim_share=1, middles=MiddleShares(1, 0, 0, 0), healed_share=1)
    rules = replace(rules, line_share=0)
    prefixes = [text_of(pieces, "prefix") for pieces in made(rules)]
    whole = [text_of(pieces, "prefix") for pieces in made(replace(rules, healed_share=0))]

    assert prefixes == [text[: len(text) - len(healed_end(text))] for text in whole]
    assert prefixes != whole


def test_the_cursors_line_stands_after_the_token_in_the_share_that_was_asked() -> None:
    rules = replace(BARE, fim_share=1, spm_share=1, window=120, line_share=0.7)
    lines = [
        (text_of(pieces, "line"), pieces)
        for pieces in made(replace(rules, middles=MiddleShares(1, 0, 0, 0)))
        if text_of(pieces, "middle")
    ]
    with_line = [(line, pieces) for line, pieces in lines if line]

    assert 0.2 < len(with_line) / len(lines) < 0.7
    for line, pieces in with_line:
        assert "\n" not in line
        assert pieces[-4:-2] == (SpecialPiece("<|fim_middle|>"), TextPiece("line", line))


def test_a_layout_of_one_order_gets_that_one() -> None:
    mellum = layout_named("mellum")
    for pieces in made(replace(BARE, fim_share=1, spm_share=0), layout=mellum):
        if text_of(pieces, "middle"):
            assert pieces[0] == SpecialPiece("<fim_suffix>")


def test_every_hole_is_closed_by_the_end_token() -> None:
    for pieces in made(replace(BARE, fim_share=1)):
        if text_of(pieces, "middle"):
            assert pieces[-1] == SpecialPiece(LAYOUT.end_token)


def test_headers_quote_another_file_and_the_signatures_above() -> None:
    other = Document("acme/shapes", "src/round.py", "python", "MIT", MODULE)
    rules = replace(BARE, neighbor_share=1, header_share=1, path_share=1, repository_share=1)
    examples = made(rules, (other,))

    assert all(text_of(p, "repository") == "shapes\n" for p in examples)
    assert all("src/round.py\n" in text_of(p, "neighbor") for p in examples)
    headers = [text_of(p, "header") for p in examples]
    assert any("import re" in header for header in headers)
    assert any("class TextWrapper" in header for header in headers)


def test_import_dropout_begins_after_the_imports() -> None:
    document = replace(DOCUMENT, text="import os\nimport sys\n\n" + MODULE.partition("\n\n\n")[2])
    rules = replace(BARE, import_dropout=1, fim_share=0)
    first = next(examples_of(document, (), rules, Random(5), LAYOUT))

    assert text_of(first.pieces, "prefix").startswith("@dataclass")


def test_the_same_seed_makes_the_same_examples() -> None:
    assert made(ExampleRules()) == made(ExampleRules())


def test_an_example_too_long_for_its_row_loses_far_text_but_never_its_middle(
    tokenizer_file: Path,
) -> None:
    tokenizer = load_tokenizer(tokenizer_file)
    special = special_ids(tokenizer)
    rules = replace(BARE, fim_share=1, spm_share=1, middles=MiddleShares(1, 0, 0, 0))
    examples = [e for e in examples_of(DOCUMENT, (), rules, Random(5), LAYOUT) if e.kind == "line"]
    rows = ExampleEncoder(tokenizer, special, 80).encode(examples)

    assert rows
    assert max(map(len, rows)) <= 80
    by_middle = [text_of(e.pieces, "middle") for e in examples]
    for ids in rows:
        text = tokenizer.decode(ids, skip_special_tokens=False)
        assert any(text.endswith(middle + "<|endoftext|>") for middle in by_middle)


def test_rows_hold_every_example_whole_and_little_padding() -> None:
    random = Random(2)
    pad = SPECIAL_TOKENS.index("<|fim_pad|>")
    examples = [[100 + n] * random.randrange(5, 60) for n in range(300)]
    rows = list(packed_rows(iter(examples), 64, pad))
    filled = [number for row in rows for number in row.tolist() if number != pad]

    assert sorted(filled) == sorted(number for example in examples for number in example)
    assert len(filled) / (64 * len(rows)) > 0.95
    for row in rows:
        runs = [number for i, number in enumerate(row.tolist()) if i == 0 or row[i - 1] != number]
        assert len(runs) == len(set(runs))
