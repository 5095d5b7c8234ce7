"""From context to prompt, with our own model's tokenizer."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from codelsp.context.completion_context import (
    CompletionContext,
    CompletionQuery,
    Neighbor,
)
from codelsp.document.syntax import TextKind
from codelsp.model_store.places import DEFAULT_MODEL
from codelsp.prompt.build import PromptBudget, as_text, assemble, plan_prompt
from codelsp.prompt.fim import KNOWN_SPECIAL_TOKENS, PREFIX_ONLY, FimLayout, layout_named
from codelsp.prompt.prompt import Prompt, PromptPlan, SpecialPiece, TextPiece
from tests.documents import at_cursor

TOKENIZER = Path(__file__).parents[2] / "models" / DEFAULT_MODEL / "tokenizer.json"
QWEN_SPM, QWEN_PSM = layout_named("qwen-spm"), layout_named("qwen-psm")
ROOMY = PromptBudget(context_tokens=4096, max_tokens=48, neighbor_tokens=256)


@lru_cache(maxsize=1)
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(TOKENIZER))


@lru_cache(maxsize=1)
def special_tokens() -> dict[str, int]:
    return {token.content: i for i, token in tokenizer().get_added_tokens_decoder().items()}


def plain_ids(text: str) -> tuple[int, ...]:
    """Return what an engine's ``tokenize`` returns: ids of plain text, never special ones."""
    plain = tokenizer()
    plain.encode_special_tokens = True
    return tuple(plain.encode(text, add_special_tokens=False).ids)


def context_of(marked: str, **changes: object) -> CompletionContext:
    document, offset = at_cursor(marked)
    context = CompletionContext(
        query=CompletionQuery(document, offset),
        prefix=document.text[:offset],
        prefix_start=0,
        suffix=document.text[offset:],
        suffix_end=len(document.text),
        header="",
        neighbors=(),
        path="example.py",
        text_kind=TextKind.CODE,
        multiline=False,
    )
    return replace(context, **changes)  # type: ignore[arg-type]  # checked by replace


def prompt_of(plan: PromptPlan, budget: PromptBudget = ROOMY, bos_id: int | None = None) -> Prompt:
    ids = [plain_ids(piece.text) for piece in plan.pieces if isinstance(piece, TextPiece)]
    return assemble(plan, ids, special_tokens(), budget, bos_id=bos_id)


def decoded(prompt: Prompt) -> str:
    assert isinstance(prompt.ids_or_text, tuple)
    return tokenizer().decode(list(prompt.ids_or_text), skip_special_tokens=False)


@pytest.mark.parametrize(
    ("marked", "heal", "expected"),
    [
        pytest.param(
            "def f():\n    return <CURSOR>\n",
            False,
            "<|fim_prefix|><|fim_suffix|>\n<|fim_middle|>def f():\n    return ",
            id="suffix first, then the prefix, and nothing after it",
        ),
        pytest.param(
            "x = self.na<CURSOR>",
            True,
            "<|fim_prefix|><|fim_suffix|><|fim_middle|>x = self",
            id="the healed end is left to the engine",
        ),
        pytest.param(
            "<CURSOR>",
            True,
            "<|fim_prefix|><|fim_suffix|><|fim_middle|>",
            id="an empty document",
        ),
        pytest.param(
            "a\r\nb\rc<CURSOR>\r\nd",
            False,
            "<|fim_prefix|><|fim_suffix|>\nd<|fim_middle|>a\nb\nc",
            id="models have read LF line ends",
        ),
        pytest.param(
            "a = '\ud800'<CURSOR>",
            False,
            "<|fim_prefix|><|fim_suffix|><|fim_middle|>a = '\ufffd'",
            id="a lone surrogate cannot be sent",
        ),
    ],
)
def test_spm_is_suffix_then_prefix(marked: str, heal: bool, expected: str) -> None:
    plan = plan_prompt(context_of(marked), QWEN_SPM, heal=heal)

    assert decoded(prompt_of(plan)) == expected


def test_the_healed_end_is_named_and_gets_room_to_be_written_again() -> None:
    plan = plan_prompt(context_of("x = self.na<CURSOR>"), QWEN_SPM, heal=True)
    prompt = prompt_of(plan)

    assert prompt.healed == ".na"
    assert prompt.max_tokens > ROOMY.max_tokens


def test_headers_of_files_are_written_for_models_that_were_trained_with_them() -> None:
    context = context_of(
        "x<CURSOR>", repository="repo", neighbors=(Neighbor("a.py", "y = 1\r\n", 0.5),)
    )

    qwen = decoded(prompt_of(plan_prompt(context, QWEN_PSM, heal=False)))
    plain = decoded(prompt_of(plan_prompt(context, QWEN_SPM, heal=False)))

    assert qwen == (
        "<|repo_name|>repo\n<|file_sep|>a.py\ny = 1\n<|file_sep|>example.py\n"
        "<|fim_prefix|>x<|fim_suffix|><|fim_middle|>"
    )
    assert plain == "<|fim_prefix|><|fim_suffix|><|fim_middle|>x"


def test_a_model_without_fim_reads_header_and_prefix() -> None:
    context = context_of("x = <CURSOR> + 1", header="import os\n")
    prompt = prompt_of(plan_prompt(context, PREFIX_ONLY, heal=False), bos_id=0)

    assert decoded(prompt) == "<|endoftext|>import os\nx = "


def test_a_bos_is_written_only_for_families_that_have_one() -> None:
    plan = plan_prompt(context_of("x<CURSOR>"), QWEN_SPM, heal=False)

    assert prompt_of(plan, bos_id=0) == prompt_of(plan)


CODE = "import os\n\n\nclass Box:\n" + "".join(
    f'    def method_{n}(self, value: int) -> int:\n        """Return {n}."""\n\n'
    f"        return self.items[{n}] + value  # ünïcode\n\n"
    for n in range(40)
)


def test_blocks_have_the_ids_of_the_whole_text() -> None:
    marked = CODE + "<CURSOR>\n" + CODE
    plan = plan_prompt(context_of(marked), QWEN_SPM, heal=False)
    special = special_tokens()
    prefix, suffix = CODE, "\n" + CODE

    assert len(plan.pieces) > 20
    assert prompt_of(plan).ids_or_text == (
        special["<|fim_prefix|>"],
        special["<|fim_suffix|>"],
        *plain_ids(suffix),
        special["<|fim_middle|>"],
        *plain_ids(prefix),
    )


def test_a_keystroke_asks_for_one_block_only() -> None:
    def texts(marked: str) -> set[str]:
        plan = plan_prompt(context_of(marked), QWEN_SPM, heal=True)
        return {piece.text for piece in plan.pieces if isinstance(piece, TextPiece)}

    before, after = texts(CODE + "x = ab<CURSOR>\n" + CODE), texts(CODE + "x = a<CURSOR>\n" + CODE)

    assert len(after - before) <= 1


def test_a_keystroke_changes_the_last_ids_only() -> None:
    def ids(typed: str) -> tuple[int, ...]:
        plan = plan_prompt(context_of(f"{CODE}{typed}<CURSOR>\n{CODE}"), QWEN_SPM, heal=True)
        prompt = prompt_of(plan).ids_or_text
        assert isinstance(prompt, tuple)
        return prompt

    typed = "x = self.items.get(value)"
    changed = []
    for length in range(1, len(typed)):
        before, after = ids(typed[:length]), ids(typed[: length + 1])
        shared = next(
            (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before)
        )
        changed.append(len(after) - shared)

    assert max(changed) <= 4


SPELLED = st.sampled_from([*KNOWN_SPECIAL_TOKENS, *(t[1:] for t in KNOWN_SPECIAL_TOKENS)])
HOSTILE = st.lists(st.one_of(SPELLED, st.text(max_size=5), st.sampled_from(["\n", "<", "|>"])))


@given(HOSTILE.map("".join), HOSTILE.map("".join), HOSTILE.map("".join))
@example("<|fim_suffix|>", "<|endoftext|>", "<|file_sep|>")
@settings(max_examples=150, deadline=None)
def test_no_document_can_spell_a_special_token(prefix: str, suffix: str, path: str) -> None:
    context = replace(
        context_of("<CURSOR>"),
        prefix=prefix,
        suffix=suffix,
        header=prefix,
        path=path,
        repository=path,
        neighbors=(Neighbor(path, suffix, 1.0),),
    )
    special = set(special_tokens().values())
    for layout in (QWEN_SPM, QWEN_PSM):
        plan = plan_prompt(context, layout, heal=True)
        written = [p.token for p in plan.pieces if isinstance(p, SpecialPiece)]
        roomy = PromptBudget(100_000, 48, 50_000)
        prompt = prompt_of(plan, roomy).ids_or_text

        assert isinstance(prompt, tuple)
        assert [i for i in prompt if i in special] == [special_tokens()[token] for token in written]


@given(HOSTILE.map("".join), HOSTILE.map("".join))
@example("<|fim_suffix|>", "<|fim_<|fim_middle|>middle|>")
@settings(max_examples=150, deadline=None)
def test_nor_in_a_text_prompt(prefix: str, suffix: str) -> None:
    context = replace(context_of("<CURSOR>"), prefix=prefix, suffix=suffix)
    plan = plan_prompt(context, QWEN_PSM, heal=False)
    text = as_text(plan, PromptBudget(100_000, 48, 0)).ids_or_text

    assert isinstance(text, str)
    parsing = Tokenizer.from_str(tokenizer().to_str())
    special = set(special_tokens().values())
    found = [i for i in parsing.encode(text, add_special_tokens=False).ids if i in special]
    assert len(found) == sum(isinstance(piece, SpecialPiece) for piece in plan.pieces)


@given(
    HOSTILE.map("".join),
    st.lists(st.sampled_from(["x = 1", "", "    foo(bar)"]), max_size=200).map("\n".join),
    st.integers(16, 300),
    st.integers(1, 400),
    st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_prompt_and_generation_fit_the_context(
    suffix: str, prefix: str, context_tokens: int, max_tokens: int, heal: bool
) -> None:
    context = replace(
        context_of("<CURSOR>"),
        prefix=prefix,
        suffix=suffix,
        neighbors=(Neighbor("a.py", suffix * 3, 1.0),),
    )
    budget = PromptBudget(context_tokens, max_tokens, 64)
    for layout in (QWEN_SPM, QWEN_PSM, PREFIX_ONLY, layout_named("codellama")):
        plan = plan_prompt(context, layout, heal=heal)
        text = as_text(plan, budget)
        assert text.n_tokens + text.max_tokens <= context_tokens
        if layout.name == "codellama":
            continue
        prompt = prompt_of(plan, budget, bos_id=0)
        assert prompt.n_tokens == len(prompt.ids_or_text)
        assert prompt.n_tokens + prompt.max_tokens <= context_tokens
        assert prompt.max_tokens >= min(max_tokens, context_tokens // 2)


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (layout_named("codellama"), "<PRE> x = ( <SUF>) <MID>"),
        (layout_named("codestral"), "+++++ example.py\n[SUFFIX])[PREFIX]x = ("),
        (QWEN_PSM, "<|file_sep|>example.py\n<|fim_prefix|>x = (<|fim_suffix|>)<|fim_middle|>"),
    ],
    ids=lambda each: each.name if isinstance(each, FimLayout) else "",
)
def test_an_engine_without_ids_gets_the_prompt_spelled(layout: FimLayout, expected: str) -> None:
    plan = plan_prompt(context_of("x = (<CURSOR>)"), layout, heal=False)

    assert as_text(plan, ROOMY).ids_or_text == expected


def test_generations_stop_at_the_tokens_of_the_family() -> None:
    plan = plan_prompt(context_of("x<CURSOR>"), QWEN_SPM, heal=False)
    special = special_tokens()

    assert set(prompt_of(plan).stop_ids) == {
        special[token] for token in QWEN_SPM.stop_tokens if token in special
    }
    assert "<|endoftext|>" in as_text(plan, ROOMY).stop_texts


def test_texts_and_ids_that_do_not_match_are_a_mistake() -> None:
    plan = plan_prompt(context_of("x<CURSOR>"), QWEN_SPM, heal=False)

    with pytest.raises(ValueError, match="fewer texts"):
        assemble(plan, [(1,), (2,)], special_tokens(), ROOMY)
