"""The tokenizer: byte-level BPE with Qwen2's pre-tokenizer and Qwen's names of special tokens.

Both are what llama.cpp knows by the name ``qwen2``, so an exported model needs no code of ours.
Digits are single, runs of spaces have tokens, and a line feed ends the line it stands on.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from codelsp.errors import ModelFileError, TrainingError
from codelsp.prompt.fim import choose_layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from codelsp.prompt.layout import FimLayout
    from codelsp.training.documents import Document

END_TOKEN = "<|endoftext|>"  # noqa: S105  a token of text
PAD_TOKEN = "<|fim_pad|>"  # noqa: S105  a token of text
SPECIAL_TOKENS = (
    END_TOKEN,
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    PAD_TOKEN,
    "<|repo_name|>",
    "<|file_sep|>",
    *(f"<|reserved_{n}|>" for n in range(8)),
    # By this one ``prompt/families.py`` knows what was trained: headers of files, and a token
    # between prefix and middle.
    "<|trained_with_marked_middle|>",
)
"""Their ids are their places in this list."""
_TRAINED_LAYOUTS = frozenset(("qwen-spm-marked", "qwen-spm-files", "qwen-spm", "qwen-psm"))

PRE_TOKENIZER = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_MAX_DOCUMENT_CHARS = 20_000


def train_tokenizer(documents: Iterable[Document], vocabulary: int, max_chars: int) -> Tokenizer:
    """Train a tokenizer of ``vocabulary`` tokens on at most ``max_chars`` of the documents' text.

    Raises:
        TrainingError: the text is too little for so many tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRE_TOKENIZER), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair="$A $B", special_tokens=[]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sampled(documents, max_chars), trainer)
    if tokenizer.get_vocab_size() != vocabulary:
        raise TrainingError(
            f"the text gives only {tokenizer.get_vocab_size()} tokens, not {vocabulary}: "
            "add text, or ask for a smaller vocabulary"
        )
    return tokenizer


def _sampled(documents: Iterable[Document], max_chars: int) -> Iterator[str]:
    """Yield the beginnings of documents, one after the other, until there are enough."""
    left = max_chars
    for document in documents:
        if left <= 0:
            return
        text = document.text[: min(_MAX_DOCUMENT_CHARS, left)]
        left -= len(text)
        yield text


def load_tokenizer(file: Path) -> Tokenizer:
    """Read ``tokenizer.json``; it will never take a special token out of plain text.

    Raises:
        ModelFileError: the file is missing or is no tokenizer.
    """
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # noqa: BLE001  the library raises bare Exception
        raise ModelFileError(f"{file} is no tokenizer: {error}") from None
    tokenizer.encode_special_tokens = True
    return tokenizer


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """Return what tells one tokenizer from another, whatever the layout of its file."""
    return sha256(tokenizer.to_str().encode()).hexdigest()


def trained_layout(tokenizer: Tokenizer) -> FimLayout:
    """Return the layout that a model with ``tokenizer`` is served in, and so is trained in.

    Raises:
        TrainingError: it has no fill-in-the-middle tokens of a layout that training can write.
    """
    layout = choose_layout(tokenizer.get_vocab(with_added_tokens=True))
    if layout.name not in _TRAINED_LAYOUTS:
        raise TrainingError(
            "the tokenizer lacks special tokens for fill-in-the-middle examples "
            f"({', '.join(SPECIAL_TOKENS[:7])}): train one with `codelsp tokenizer`, or tune the "
            "model on plain text with `codelsp train --base`"
        )
    return layout


def special_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """Return the ids of the special tokens that ``tokenizer`` has."""
    ids = ((token, tokenizer.token_to_id(token)) for token in SPECIAL_TOKENS)
    return {token: number for token, number in ids if number is not None}
