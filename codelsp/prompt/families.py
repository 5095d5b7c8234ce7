"""The families of models codelsp knows, each as one ``FimLayout``.

Sources of the spellings: the model cards, llama.cpp's ``llama-vocab.cpp``, and the papers on FIM
(Bavarian et al. 2022, arXiv 2207.14255), StarCoder 2 (arXiv 2402.19173), Qwen2.5-Coder
(arXiv 2409.12186), DeepSeek-Coder (arXiv 2401.14196) and Seed-Coder.

To add a family: add its layout here, its name to ``LAYOUTS``, and a case to the golden tests.
"""

from __future__ import annotations

from dataclasses import replace

from codelsp.prompt.controls import CONTROL_TOKENS
from codelsp.prompt.layout import FimLayout, Order, Slot, Template
from codelsp.prompt.prompt import SpecialPiece

_PREFIX, _SUFFIX = Slot.PREFIX, Slot.SUFFIX


def _special(token: str) -> SpecialPiece:
    return SpecialPiece(token)


def _orders(prefix: str, suffix: str, middle: str) -> dict[Order, Template]:
    """Return both orders of a family whose three tokens stand before the three parts.

    SPM is the second variant of Bavarian et al. 2022, section 3: the middle follows the prefix
    without a token between them, so the model reads prefix and middle as one text.
    """
    before_prefix, before_suffix, before_middle = map(_special, (prefix, suffix, middle))
    return {
        Order.PSM: (before_prefix, _PREFIX, before_suffix, _SUFFIX, before_middle),
        Order.SPM: (before_prefix, before_suffix, _SUFFIX, before_middle, _PREFIX),
    }


def _marked_spm(prefix: str, suffix: str, middle: str) -> Template:
    """Return the SPM order of a family with a token before the middle there, too.

    The first variant of Bavarian et al. 2022, section 3, and llama.cpp's ``--spm-infill``.
    """
    return (_special(suffix), _SUFFIX, _special(prefix), _PREFIX, _special(middle))


_QWEN_FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
_STARCODER_FIM = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")
_GLM_FIM = ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>")
_DEEPSEEK_FIM = ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>")  # noqa: RUF001  # as spelled

_QWEN_PSM = FimLayout(
    name="qwen-psm",
    orders=_orders(*_QWEN_FIM),
    order=Order.PSM,
    marks=(*_QWEN_FIM, "<|repo_name|>", "<|file_sep|>"),
    repository=(_special("<|repo_name|>"), Slot.REPOSITORY, "\n"),
    neighbor=(_special("<|file_sep|>"), Slot.PATH, "\n", Slot.TEXT),
    path=(_special("<|file_sep|>"), Slot.PATH, "\n"),
    reads_other_files=True,
    stop_tokens=(
        "<|endoftext|>",
        *_QWEN_FIM,
        "<|fim_pad|>",
        "<|repo_name|>",
        "<|file_sep|>",
        "<|im_end|>",
    ),
    note="Qwen2.5-Coder and Qwen3-Coder",
)

_QWEN_SPM_FILES = replace(
    _QWEN_PSM,
    name="qwen-spm-files",
    order=Order.SPM,
    # A reserved token that a training run renames when its examples carry the three headers.
    marks=(*_QWEN_PSM.marks, "<|trained_with_files|>"),
    note="codelsp's own models that were trained with headers of repository and files",
)

_QWEN_SPM_MARKED = replace(
    _QWEN_SPM_FILES,
    name="qwen-spm-marked",
    # A small model that is not told where the middle began does not find its end, and one that is
    # told so between two words goes on worse than in a line it is writing (models/LOG.md).
    orders={
        Order.PSM: _QWEN_PSM.orders[Order.PSM],
        Order.SPM: _marked_spm(*_QWEN_FIM),
        Order.LINE: (*_marked_spm(*_QWEN_FIM), Slot.LINE),
    },
    order=Order.LINE,
    marks=(*_QWEN_PSM.marks, "<|trained_with_marked_middle|>"),
    note="codelsp's own models that were trained with a token before the cursor's line",
)

_QWEN_SPM = replace(
    _QWEN_PSM,
    name="qwen-spm",
    order=Order.SPM,
    # Qwen's own tokenizers have no reserved tokens of this spelling; ours always do.
    marks=(*_QWEN_PSM.marks, "<|reserved_0|>"),
    reads_other_files=False,
    note="codelsp's own models",
)

_CODEGEMMA = FimLayout(
    name="codegemma",
    orders=_orders(*_QWEN_FIM),
    order=Order.PSM,
    marks=(*_QWEN_FIM, "<|file_separator|>"),
    neighbor=(_special("<|file_separator|>"), Slot.PATH, "\n", Slot.TEXT),
    path=(_special("<|file_separator|>"), Slot.PATH, "\n"),
    reads_other_files=True,
    stop_tokens=("<|file_separator|>", *_QWEN_FIM, "<end_of_turn>", "<eos>"),
    end_token="<|file_separator|>",  # noqa: S106  # a token of text
    begins_with_bos=True,
    note="CodeGemma",
)

_GRANITE_4 = FimLayout(
    name="granite-4",
    orders=_orders(*_QWEN_FIM),
    order=Order.PSM,
    marks=_QWEN_FIM,
    foreign_marks=("<|file_separator|>", "<|file_sep|>"),
    stop_tokens=(*_QWEN_FIM, "<|fim_pad|>", "<|end_of_text|>", "<|endoftext|>"),
    end_token="<|end_of_text|>",  # noqa: S106  # a token of text
    note="Granite 4, and other models that have Qwen's three tokens and no more",
)

_MELLUM = FimLayout(
    name="mellum",
    orders={Order.SPM: _marked_spm(*_STARCODER_FIM)},
    order=Order.SPM,
    # Mellum shares StarCoder's spellings and adds the two of its chat format.
    marks=(*_STARCODER_FIM, "<filename>", "<|im_start|>"),
    repository=(_special("<reponame>"), Slot.REPOSITORY, "\n"),
    neighbor=(_special("<filename>"), Slot.PATH, "\n", Slot.TEXT),
    path=(_special("<filename>"), Slot.PATH, "\n"),
    reads_other_files=True,
    stop_tokens=("<|endoftext|>", "<filename>", "<reponame>", *_STARCODER_FIM, "<|im_end|>"),
    note="Mellum; without its chat tokens it is taken for StarCoder: set `fim_layout`",
)

_STARCODER_2 = FimLayout(
    name="starcoder-2",
    orders=_orders(*_STARCODER_FIM),
    order=Order.PSM,
    marks=(*_STARCODER_FIM, "<file_sep>"),
    repository=(_special("<repo_name>"), Slot.REPOSITORY),
    neighbor=(_special("<file_sep>"), Slot.PATH, "\n", Slot.TEXT),
    path=(_special("<file_sep>"), Slot.PATH, "\n"),
    reads_other_files=True,
    stop_tokens=("<|endoftext|>", "<file_sep>", "<repo_name>", *_STARCODER_FIM, "<fim_pad>"),
    note="StarCoder 2",
)

_STARCODER = FimLayout(
    name="starcoder",
    orders=_orders(*_STARCODER_FIM),
    order=Order.PSM,
    marks=_STARCODER_FIM,
    # One document a context in training: the headers below name the current one only.
    repository=(_special("<reponame>"), Slot.REPOSITORY),
    path=(_special("<filename>"), Slot.PATH, "\n"),
    stop_tokens=("<|endoftext|>", "<filename>", "<reponame>", *_STARCODER_FIM, "<fim_pad>"),
    note="StarCoder, tiny_starcoder, StableCode, Granite-Code 3",
)

_SANTACODER = FimLayout(
    name="santacoder",
    orders=_orders("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    order=Order.PSM,
    marks=("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    stop_tokens=("<|endoftext|>", "<fim-prefix>", "<fim-suffix>", "<fim-middle>", "<fim-pad>"),
    note="SantaCoder",
)

_CODELLAMA = FimLayout(
    name="codellama",
    orders={
        Order.PSM: (_special("▁<PRE>"), _PREFIX, _special("▁<SUF>"), _SUFFIX, _special("▁<MID>")),
        Order.SPM: (_special("▁<PRE>"), _special("▁<SUF>"), _SUFFIX, _special("▁<MID>"), _PREFIX),
    },
    # The paper (arXiv 2308.12950) finds PSM better unless tokens are healed.
    order=Order.PSM,
    marks=("▁<PRE>", "▁<SUF>", "▁<MID>"),
    stop_tokens=("▁<EOT>", "</s>", "▁<PRE>", "▁<SUF>", "▁<MID>"),
    end_token="▁<EOT>",  # noqa: S106  # a token of text
    begins_with_bos=True,
    spaces_pieces=True,
    text_spellings={
        "▁<PRE>": "<PRE> ",
        "▁<SUF>": " <SUF>",
        "▁<MID>": " <MID>",
        "▁<EOT>": " <EOT>",
    },
    note="CodeLlama 7B and 13B; its Python and 34B variants have the tokens but not the skill",
)

_DEEPSEEK = FimLayout(
    name="deepseek",
    orders={
        Order.PSM: (
            _special(_DEEPSEEK_FIM[0]),
            _PREFIX,
            _special(_DEEPSEEK_FIM[1]),
            _SUFFIX,
            _special(_DEEPSEEK_FIM[2]),
        )
    },
    order=Order.PSM,
    marks=_DEEPSEEK_FIM,
    neighbor=("#", Slot.PATH, "\n", Slot.TEXT),
    path=("#", Slot.PATH, "\n"),
    reads_other_files=True,
    stop_tokens=("<｜end▁of▁sentence｜>", "<|EOT|>", *_DEEPSEEK_FIM),  # noqa: RUF001  # as spelled
    end_token="<｜end▁of▁sentence｜>",  # noqa: RUF001, S106  # as spelled; a token of text
    begins_with_bos=True,
    note="DeepSeek-Coder, DeepSeek-Coder-V2-Lite",
)

_CODESTRAL = FimLayout(
    name="codestral",
    orders={Order.SPM: (_special("[SUFFIX]"), _SUFFIX, _special("[PREFIX]"), _PREFIX)},
    order=Order.SPM,
    marks=("[SUFFIX]", "[PREFIX]"),
    neighbor=("+++++ ", Slot.PATH, "\n", Slot.TEXT),
    path=("+++++ ", Slot.PATH, "\n"),
    reads_other_files=True,
    stop_tokens=("</s>", "[PREFIX]", "[SUFFIX]"),
    stop_texts=("\n+++++ ",),
    end_token="</s>",  # noqa: S106  # a token of text
    begins_with_bos=True,
    spaces_pieces=True,
    note="Codestral",
)

_SEED_CODER = FimLayout(
    name="seed-coder",
    orders={Order.SPM: _marked_spm("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>")},
    order=Order.SPM,
    marks=("<[fim-suffix]>", "<[fim-prefix]>", "<[fim-middle]>"),
    stop_tokens=(
        "<[end▁of▁sentence]>",
        "<[fim-suffix]>",
        "<[fim-prefix]>",
        "<[fim-middle]>",
    ),
    end_token="<[end▁of▁sentence]>",  # noqa: S106  # a token of text
    begins_with_bos=True,
    note="Seed-Coder",
)

_GLM_4_5 = FimLayout(
    name="glm-4.5",
    orders={
        Order.PSM: (
            _special(_GLM_FIM[0]),
            _PREFIX,
            _special(_GLM_FIM[1]),
            _SUFFIX,
            _special(_GLM_FIM[2]),
        )
    },
    order=Order.PSM,
    # GLM-4.5 and CodeGeeX4 spell these alike; only the former thinks.
    marks=(*_GLM_FIM, "<think>"),
    stop_tokens=("<|endoftext|>", "<|user|>", *_GLM_FIM),
    note="GLM-4.5",
)

_CODEGEEX_4 = FimLayout(
    name="codegeex-4",
    orders={
        Order.SPM: (
            _special("<|user|>"),
            "\n###PATH:",
            Slot.PATH,
            "\n###LANGUAGE:",
            Slot.LANGUAGE,
            "\n###MODE:BLOCK\n",
            _special("<|code_suffix|>"),
            _SUFFIX,
            _special("<|code_prefix|>"),
            _PREFIX,
            _special("<|code_middle|>"),
            _special("<|assistant|>"),
            "\n",
        )
    },
    order=Order.SPM,
    marks=_GLM_FIM,
    stop_tokens=("<|endoftext|>", "<|user|>", *_GLM_FIM),
    note="CodeGeeX4",
)

_FALCON_H1 = FimLayout(
    name="falcon-h1-coder",
    orders={
        Order.PSM: (
            _special("<|prefix|>"),
            _PREFIX,
            _special("<|suffix|>"),
            _SUFFIX,
            _special("<|middle|>"),
        )
    },
    order=Order.PSM,
    marks=("<|prefix|>", "<|suffix|>", "<|middle|>"),
    stop_tokens=("<|end_of_text|>", "<|prefix|>", "<|suffix|>", "<|middle|>"),
    end_token="<|end_of_text|>",  # noqa: S106  # a token of text
    begins_with_bos=True,
    note="Falcon-H1-Tiny-Coder",
)

_INCODER = FimLayout(
    name="incoder",
    orders={
        Order.PSM: (
            _PREFIX,
            _special("<|mask:0|>"),
            _SUFFIX,
            _special("<|mask:1|>"),
            _special("<|mask:0|>"),
        )
    },
    order=Order.PSM,
    marks=("<|mask:0|>", "<|mask:1|>", "<|endofmask|>"),
    stop_tokens=("<|endofmask|>", "<|endoftext|>", "<|mask:0|>", "<|mask:1|>"),
    end_token="<|endofmask|>",  # noqa: S106  # a token of text
    begins_with_bos=True,
    note="InCoder",
)

_CODEGEN_2 = FimLayout(
    name="codegen-2",
    orders={
        Order.PSM: (
            _PREFIX,
            _special("<mask_1>"),
            _SUFFIX,
            _special("<|endoftext|>"),
            _special("<sep>"),
            _special("<mask_1>"),
        )
    },
    order=Order.PSM,
    marks=("<mask_1>", "<sep>", "<eom>"),
    stop_tokens=("<eom>", "<|endoftext|>", "<mask_1>", "<sep>"),
    end_token="<eom>",  # noqa: S106  # a token of text
    note="CodeGen 2 and 2.5",
)

PREFIX_ONLY = FimLayout(
    name="prefix-only",
    orders={},
    order=Order.PSM,
    marks=(),
    stop_tokens=("<|endoftext|>", "</s>", "<eos>", "<|end_of_text|>"),
    begins_with_bos=True,
    note="the model has no fill-in-the-middle tokens: it does not see the text after the cursor",
)

LAYOUTS: tuple[FimLayout, ...] = (
    _QWEN_SPM_MARKED,
    _QWEN_SPM_FILES,
    _QWEN_SPM,
    _QWEN_PSM,
    _CODEGEMMA,
    _GRANITE_4,
    _MELLUM,
    _STARCODER_2,
    _STARCODER,
    _SANTACODER,
    _CODELLAMA,
    _DEEPSEEK,
    _CODESTRAL,
    _SEED_CODER,
    _GLM_4_5,
    _CODEGEEX_4,
    _FALCON_H1,
    _INCODER,
    _CODEGEN_2,
    PREFIX_ONLY,
)
"""Every layout; where marks of several are there, the first one wins."""

KNOWN_SPECIAL_TOKENS: tuple[str, ...] = tuple(
    sorted(
        {
            token
            for layout in LAYOUTS
            for token in (*layout.special_tokens(), *layout.marks, *layout.foreign_marks)
        }
        | set(CONTROL_TOKENS.values())
    )
)
"""Every spelling an engine looks for in a model's vocabulary."""
