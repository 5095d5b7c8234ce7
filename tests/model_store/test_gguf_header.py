"""The head of a GGUF file is read without its library, and a damaged one is told apart."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelsp.errors import ModelFileError
from codelsp.model_store import read_header, resolve_model
from codelsp.model_store.gguf_header import BLOCKS
from tests.model_store.files import WEIGHTS, gguf_bytes, gguf_file

if TYPE_CHECKING:
    from pathlib import Path


def test_the_head_says_what_the_library_says() -> None:
    path = resolve_model("").path
    reader = gguf.GGUFReader(path)

    header = read_header(path)

    assert header.tensors == len(reader.tensors)
    assert header.weights == sum(int(tensor.n_elements) for tensor in reader.tensors)
    last = max(int(tensor.data_offset) + int(tensor.n_bytes) for tensor in reader.tensors)
    assert header.needed_bytes == last
    assert header.metadata["general.architecture"] == "qwen3"


def test_the_sizes_of_blocks_are_the_librarys() -> None:
    theirs = {kind.value: sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items()}

    assert {kind: theirs[kind] for kind in BLOCKS} == dict(BLOCKS)


def test_long_arrays_are_skipped_and_short_ones_kept(tmp_path: Path) -> None:
    header = read_header(gguf_file(tmp_path / "m.gguf"))

    assert header.metadata["tokenizer.ggml.tokens"] == ()
    assert header.metadata["flags"] == ()
    assert header.metadata["numbers"] == (1, 2, 3)
    assert header.weights == WEIGHTS


def test_numbers_are_found_by_the_architectures_name(tmp_path: Path) -> None:
    header = read_header(gguf_file(tmp_path / "m.gguf"))

    assert header.number("{arch}.context_length") == 128
    assert header.number("{arch}.nothing", 7) == 7
    assert header.number("numbers") == 3


def test_a_file_shorter_than_its_tensors_is_truncated(tmp_path: Path) -> None:
    path = gguf_file(tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(ModelFileError, match="truncated"):
        read_header(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no GGUF"),
        (b"GG", "no GGUF"),
        (b"<!DOCTYPE html>", "no GGUF"),
        (b"GGUF", "damaged"),
        (b"GGUF" + bytes(20), "version 0"),
        (b"GGUF\x03\0\0\0" + b"\xff" * 16, "damaged"),
        (gguf_bytes()[:200], "damaged"),
    ],
)
def test_what_is_no_gguf_file_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)

    with pytest.raises(ModelFileError, match=message):
        read_header(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="does not exist"):
        read_header(tmp_path / "m.gguf")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_header(tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_anywhere_in_the_head_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(gguf_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, len(content) - WEIGHTS * 4 - 1))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("gguf") / "m.gguf"
    path.write_bytes(content)

    with suppress(ModelFileError):
        read_header(path)
