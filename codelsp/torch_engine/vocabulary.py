"""``Vocabulary``: texts to token ids and back, and the bytes that each token stands for.

Tokens are known by their bytes, because a token may be half a character, and because healing has
to know which tokens begin with given bytes.
"""

from __future__ import annotations

import json
import re
import threading
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from codelsp.errors import ModelFileError
from codelsp.prompt.fim import KNOWN_SPECIAL_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tokenizers import Tokenizer

_BYTE_FALLBACK = re.compile(r"<0x([0-9A-Fa-f]{2})>\Z")
_ENDS_OF_GENERATION = (
    "<|endoftext|>", "</s>", "<eos>", "<|end_of_text|>", "<|im_end|>", "<|eot_id|>", "<|EOT|>",
    "<\uff5cend▁of▁sentence\uff5c>",
    "<end_of_turn>", "▁<EOT>", "<EOT>", "<|fim_pad|>", "<|repo_name|>",
    "<|file_sep|>", "<file_sep>", "<|file_separator|>", "<|endofmask|>", "<eom>",
)  # fmt: skip
"""Tokens after which no text of the same kind follows; llama.cpp ends at the same."""


class ByteTable:
    """Which bytes each token writes, and which tokens begin with given bytes.

    Sorted bytes do the work of a trie: the tokens below a node are neighbors.
    """

    def __init__(self, token_bytes: Sequence[bytes]) -> None:
        self.of = tuple(token_bytes)
        """By token id; empty for special tokens."""
        self._order = sorted(
            (index for index, each in enumerate(self.of) if each), key=lambda i: self.of[i]
        )
        self._sorted = [self.of[index] for index in self._order]
        self._by_bytes: dict[bytes, list[int]] = {}
        for index in self._order:
            self._by_bytes.setdefault(self.of[index], []).append(index)

    def fitting(self, wanted: bytes) -> list[int]:
        """Return the tokens that begin with ``wanted``, and those that ``wanted`` begins with."""
        first = bisect_left(self._sorted, wanted)
        last = first
        while last < len(self._sorted) and self._sorted[last].startswith(wanted):
            last += 1
        inside = (
            token
            for length in range(1, len(wanted))
            for token in self._by_bytes.get(wanted[:length], ())
        )
        return [*self._order[first:last], *inside]


class Vocabulary:
    """The tokenizer of a model; safe to use from several threads.

    Args:
        tokenizer: As in ``tokenizer.json``.
        end_ids: Tokens that end a text, by the model's configuration.
        bos_id: What a text begins with.
    """

    def __init__(
        self, tokenizer: Tokenizer, end_ids: Iterable[int] = (), bos_id: int | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self.size: int = tokenizer.get_vocab_size(with_added_tokens=True)
        self._ids: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
        self._pieces = {token: piece for piece, token in self._ids.items()}
        self.special_ids = frozenset(
            token for token, added in tokenizer.get_added_tokens_decoder().items() if added.special
        )
        known = {spelling: self._ids.get(spelling) for spelling in KNOWN_SPECIAL_TOKENS}
        self.special_tokens = {text: token for text, token in known.items() if token is not None}
        """Spelling to id, of those that prompts are made of."""
        ends = {self._ids[text] for text in _ENDS_OF_GENERATION if text in self._ids}
        self.end_ids = frozenset({*end_ids, *ends})
        self.bos_id = bos_id
        self.bytes = ByteTable(_token_bytes(tokenizer, self._pieces, self.hidden_ids))

    @property
    def hidden_ids(self) -> frozenset[int]:
        """Tokens that write no text."""
        return self.special_ids | frozenset(self.special_tokens.values())

    @property
    def largest_id(self) -> int:
        """The largest id of a token."""
        return max(self._pieces, default=0)

    def encoded(
        self, text: str, *, reads_special: bool = False, adds_special: bool = False
    ) -> list[int]:
        """Return the ids of ``text``.

        Args:
            text: Anything; lone surrogates become U+FFFD.
            reads_special: Whether spelled special tokens are meant.
            adds_special: Whether to write what the model's texts begin with.
        """
        text = text.encode("utf-8", "replace").decode() if _has_surrogate(text) else text
        with self._lock:
            self._tokenizer.encode_special_tokens = not reads_special
            ids: list[int] = self._tokenizer.encode(text, add_special_tokens=adds_special).ids
        if adds_special and self.bos_id is not None and ids[:1] != [self.bos_id]:
            ids = [self.bos_id, *ids]
        return ids

    def piece(self, token: int) -> bytes:
        """Return what ``token`` writes when special tokens are to be seen."""
        if token in self.hidden_ids:
            return self._pieces.get(token, "").encode()
        return self.bytes.of[token] if 0 <= token < len(self.bytes.of) else b""

    def written(self, token: int) -> bytes:
        """Return what ``token`` adds to a text; nothing for special tokens."""
        return self.bytes.of[token] if 0 <= token < len(self.bytes.of) else b""

    def decoded(self, ids: Iterable[int]) -> str:
        """Return the text of ``ids``, special tokens as they are spelled."""
        return b"".join(map(self.piece, ids)).decode("utf-8", "replace")


def read_tokenizer(folder: Path, *, trusts_code: bool = False) -> Tokenizer:
    """Return the tokenizer of the model in ``folder``.

    Raises:
        ModelFileError: there is none, or it is damaged.
    """
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    try:
        if file.is_file():
            return Tokenizer.from_file(str(file))
        from transformers import AutoTokenizer

        slow: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusts_code)
        tokenizer: Tokenizer = slow.backend_tokenizer
    except Exception as error:  # noqa: BLE001  # what tokenizers raises
        raise ModelFileError(
            f"{folder} has no tokenizer that can be read ({error}); put its tokenizer.json there."
        ) from None
    return tokenizer


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)


def _token_bytes(
    tokenizer: Tokenizer, pieces: dict[int, str], hidden: frozenset[int]
) -> list[bytes]:
    is_byte_level = _is_byte_level(tokenizer)
    added = tokenizer.get_added_tokens_decoder()
    table = [b""] * (max(pieces, default=-1) + 1)
    for token, piece in pieces.items():
        if token in hidden:
            continue
        if token in added:
            table[token] = piece.encode()
        elif is_byte_level:
            table[token] = _bytes_of_alphabet(piece)
        else:
            table[token] = _bytes_of_sentence_piece(piece)
    return table


def _is_byte_level(tokenizer: Tokenizer) -> bool:
    described = json.loads(tokenizer.to_str())
    return "ByteLevel" in json.dumps([described.get("decoder"), described.get("pre_tokenizer")])


def _bytes_of_sentence_piece(piece: str) -> bytes:
    fallback = _BYTE_FALLBACK.match(piece)
    if fallback:
        return bytes([int(fallback[1], 16)])
    return piece.replace("▁", " ").encode()


def _bytes_of_alphabet(piece: str) -> bytes:
    alphabet = _byte_alphabet()
    if any(char not in alphabet for char in piece):
        return piece.encode()  # A token that was added as plain text.
    return bytes(alphabet[char] for char in piece)


@lru_cache(maxsize=1)
def _byte_alphabet() -> dict[str, int]:
    """Return the byte of each character in which byte-level tokenizers write (GPT-2's table)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in plain}
    others = (byte for byte in range(256) if byte not in plain)
    table.update({chr(256 + index): byte for index, byte in enumerate(others)})
    return table
