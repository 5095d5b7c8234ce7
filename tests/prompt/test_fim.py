"""Each family reads the prompt it was trained on; training and serving write it alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codelsp.context.completion_context import Neighbor
from codelsp.errors import SettingsError
from codelsp.prompt.fim import (
    KNOWN_SPECIAL_TOKENS,
    LAYOUTS,
    PREFIX_ONLY,
    Order,
    PromptText,
    choose_layout,
    layout_named,
    render,
)
from codelsp.prompt.prompt import SpecialPiece, TextPiece

TEXTS = PromptText(
    prefix="P",
    suffix="S",
    header="H\n",
    path="a/b.py",
    language="Python",
    repository="repo",
    neighbors=(Neighbor("c.py", "N\n", 0.5),),
)

QWEN = "<|repo_name|>repo\n<|file_sep|>c.py\nN\n<|file_sep|>a/b.py\n"
STARCODER_2 = "<repo_name>repo<file_sep>c.py\nN\n<file_sep>a/b.py\n"
GOLDEN = {
    "qwen-spm-marked": QWEN + "<|fim_suffix|>S<|fim_prefix|>H\n<|fim_middle|>P",
    "qwen-spm-files": QWEN + "<|fim_prefix|><|fim_suffix|>S<|fim_middle|>H\nP",
    "qwen-spm": "<|fim_prefix|><|fim_suffix|>S<|fim_middle|>H\nP",
    "qwen-psm": QWEN + "<|fim_prefix|>H\nP<|fim_suffix|>S<|fim_middle|>",
    "codegemma": "<|file_separator|>c.py\nN\n<|file_separator|>a/b.py\n"
    "<|fim_prefix|>H\nP<|fim_suffix|>S<|fim_middle|>",
    "granite-4": "<|fim_prefix|>H\nP<|fim_suffix|>S<|fim_middle|>",
    "mellum": "<reponame>repo\n<filename>c.py\nN\n<filename>a/b.py\n"
    "<fim_suffix>S<fim_prefix>H\nP<fim_middle>",
    "starcoder-2": STARCODER_2 + "<fim_prefix>H\nP<fim_suffix>S<fim_middle>",
    "starcoder": "<fim_prefix>H\nP<fim_suffix>S<fim_middle>",
    "santacoder": "<fim-prefix>H\nP<fim-suffix>S<fim-middle>",
    "codellama": "▁<PRE>H\nP▁<SUF>S▁<MID>",
    "deepseek": "#c.py\nN\n#a/b.py\n<｜fim▁begin｜>H\nP<｜fim▁hole｜>S<｜fim▁end｜>",
    "codestral": "+++++ c.py\nN\n+++++ a/b.py\n[SUFFIX]S[PREFIX]H\nP",
    "seed-coder": "<[fim-suffix]>S<[fim-prefix]>H\nP<[fim-middle]>",
    "glm-4.5": "<|code_prefix|>H\nP<|code_suffix|>S<|code_middle|>",
    "codegeex-4": "<|user|>\n###PATH:a/b.py\n###LANGUAGE:Python\n###MODE:BLOCK\n"
    "<|code_suffix|>S<|code_prefix|>H\nP<|code_middle|><|assistant|>\n",
    "falcon-h1-coder": "<|prefix|>H\nP<|suffix|>S<|middle|>",
    "incoder": "H\nP<|mask:0|>S<|mask:1|><|mask:0|>",
    "codegen-2": "H\nP<mask_1>S<|endoftext|><sep><mask_1>",
    "prefix-only": "H\nP",
}


def spelled(pieces: tuple[SpecialPiece | TextPiece, ...]) -> str:
    return "".join(p.token if isinstance(p, SpecialPiece) else p.text for p in pieces)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_each_family_is_written_as_its_authors_say(layout) -> None:  # type: ignore[no-untyped-def]  # a parameter
    assert spelled(render(layout, TEXTS)) == GOLDEN[layout.name]


def test_the_suffix_stands_before_the_prefix_in_spm_order() -> None:
    pieces = render(layout_named("starcoder"), TEXTS, order=Order.SPM)

    assert spelled(pieces) == "<fim_prefix><fim_suffix>S<fim_middle>H\nP"


@pytest.mark.parametrize(
    ("prefix", "written"),
    [
        ("a\n    x = f(", "a\n   <MID> x = f("),
        ("a\nx = f(", "a\n<MID>x = f("),
        ("a\n\t\tx", "a\n\t<MID>\tx"),
        ("a\n    ", "a\n    <MID>"),
        ("a\n", "a\n<MID>"),
        ("", "<MID>"),
        ("x", "<MID>x"),
        pytest.param("a\n" + "x" * 300, "a\n" + "x" * 300 + "<MID>", id="a line of great length"),
    ],
)
def test_the_cursors_line_stands_after_the_token_for_models_that_learned_it(
    prefix: str, written: str
) -> None:
    pieces = render(layout_named("qwen-spm-marked"), PromptText(prefix=prefix, suffix=""))

    assert spelled(pieces).replace("<|fim_middle|>", "<MID>") == (
        "<|fim_suffix|><|fim_prefix|>" + written
    )


def test_the_same_models_take_the_usual_form() -> None:
    pieces = render(layout_named("qwen-spm-marked"), PromptText("f(", ")"), order=Order.SPM)

    assert spelled(pieces) == "<|fim_suffix|>)<|fim_prefix|>f(<|fim_middle|>"


@pytest.mark.parametrize("order", [Order.SPM, Order.PSM])
def test_training_writes_the_serving_prompt_and_then_the_middle(order: Order) -> None:
    layout = layout_named("qwen-spm")

    served = render(layout, TEXTS, order=order)
    trained = render(layout, TEXTS, order=order, middle="M")

    assert trained == (*served, TextPiece("middle", "M"), SpecialPiece("<|endoftext|>"))


def test_an_order_the_family_has_not_learned_is_refused() -> None:
    with pytest.raises(SettingsError, match="deepseek has no spm"):
        render(layout_named("deepseek"), TEXTS, order=Order.SPM)


def test_empty_texts_leave_no_piece_behind() -> None:
    pieces = render(layout_named("qwen-psm"), PromptText(prefix="P", suffix=""))

    assert spelled(pieces) == "<|fim_prefix|>P<|fim_suffix|><|fim_middle|>"
    assert all(not isinstance(piece, TextPiece) or piece.text for piece in pieces)


QWEN_TOKENS = ("<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>")
STARCODER_TOKENS = ("<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>")
GLM_TOKENS = ("<|endoftext|>", "<|user|>", "<|code_prefix|>", "<|code_middle|>", "<|code_suffix|>")
TOKENIZERS = {
    "Qwen2.5-Coder": (
        (*QWEN_TOKENS, "<|repo_name|>", "<|file_sep|>", "<|im_start|>", "<|im_end|>"),
        "qwen-psm",
    ),
    "ours, plain": (
        (*QWEN_TOKENS, "<|repo_name|>", "<|file_sep|>", "<|reserved_0|>"),
        "qwen-spm",
    ),
    "our models trained with files": (
        (
            *QWEN_TOKENS,
            "<|repo_name|>",
            "<|file_sep|>",
            "<|reserved_0|>",
            "<|trained_with_files|>",
        ),
        "qwen-spm-files",
    ),
    "our models trained with a token before the middle": (
        (*QWEN_TOKENS, "<|repo_name|>", "<|file_sep|>", "<|trained_with_marked_middle|>"),
        "qwen-spm-marked",
    ),
    "Granite 4": ((*QWEN_TOKENS, "<|end_of_text|>", "<|reponame|>"), "granite-4"),
    "CodeGemma": (
        (*QWEN_TOKENS[1:4], "<|file_separator|>", "<bos>", "<eos>", "<end_of_turn>"),
        "codegemma",
    ),
    "StarCoder": ((*STARCODER_TOKENS, "<filename>", "<reponame>", "<gh_stars>"), "starcoder"),
    "tiny StarCoder": (STARCODER_TOKENS, "starcoder"),
    "StarCoder 2": ((*STARCODER_TOKENS, "<file_sep>", "<repo_name>"), "starcoder-2"),
    "Mellum": ((*STARCODER_TOKENS, "<filename>", "<reponame>", "<|im_start|>"), "mellum"),
    "SantaCoder": (("<fim-prefix>", "<fim-suffix>", "<fim-middle>"), "santacoder"),
    "CodeLlama": (("<s>", "</s>", "▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"), "codellama"),
    "DeepSeek-Coder": (("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"), "deepseek"),
    "Codestral": (("<s>", "</s>", "[PREFIX]", "[SUFFIX]", "[MIDDLE]"), "codestral"),
    "Seed-Coder": (("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"), "seed-coder"),
    "GLM-4.5": ((*GLM_TOKENS, "<think>"), "glm-4.5"),
    "CodeGeeX4": (GLM_TOKENS, "codegeex-4"),
    "Falcon-H1-Tiny-Coder": (("<|prefix|>", "<|suffix|>", "<|middle|>"), "falcon-h1-coder"),
    "InCoder": (("<|mask:0|>", "<|mask:1|>", "<|endofmask|>"), "incoder"),
    "CodeGen 2": (("<mask_1>", "<sep>", "<eom>", "<|endoftext|>"), "codegen-2"),
    "GPT-2": (("<|endoftext|>",), "prefix-only"),
    "no special tokens": ((), "prefix-only"),
}


@pytest.mark.parametrize(("tokens", "name"), TOKENIZERS.values(), ids=TOKENIZERS)
def test_the_tokenizer_decides_the_layout(tokens: tuple[str, ...], name: str) -> None:
    special_tokens = {token: number for number, token in enumerate(tokens)}

    assert choose_layout(special_tokens).name == name


def test_a_server_that_lists_some_tokens_without_ids_still_decides() -> None:
    special_tokens = dict.fromkeys((*QWEN_TOKENS, "<|repo_name|>", "<|file_sep|>"), -1)

    assert choose_layout(special_tokens).name == "qwen-psm"


def test_a_server_that_says_nothing_of_its_tokens_gets_the_prefix_and_a_note() -> None:
    layout = choose_layout(dict.fromkeys(KNOWN_SPECIAL_TOKENS, -1))

    assert not layout.has_fim
    assert "fim_layout" in layout.note


def test_a_model_without_fim_tokens_says_so() -> None:
    assert not PREFIX_ONLY.has_fim
    assert "does not see the text after the cursor" in PREFIX_ONLY.note


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(SettingsError, match="qwen-spm, qwen-psm"):
        layout_named("quen")


def test_every_token_a_layout_writes_is_one_that_engines_look_for() -> None:
    for layout in LAYOUTS:
        assert layout.special_tokens() <= set(KNOWN_SPECIAL_TOKENS)
        written = {p.token for p in render(layout, TEXTS) if isinstance(p, SpecialPiece)}
        assert written <= layout.special_tokens()


def test_layouts_are_values_and_fit_as_keys() -> None:
    assert len({layout: layout.name for layout in LAYOUTS}) == len(LAYOUTS)


def test_a_model_with_control_tokens_begins_with_the_one_of_the_language() -> None:
    layout = choose_layout({"<|python|>": 7, "<|cpp|>": 8, "<|endoftext|>": 0})

    assert spelled(render(layout, TEXTS)) == "<|python|>H\nP"
    assert spelled(render(layout, replace(TEXTS, language="C++"))) == "<|cpp|>H\nP"
    assert spelled(render(layout, replace(TEXTS, language="Java"))) == "H\nP"
