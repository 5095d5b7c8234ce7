"""Streams: the same rows for the same seed, in bounded memory, whatever they come from."""

from __future__ import annotations

import json
import zipfile
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import torch

from codelsp.errors import CorpusError, TrainingError
from codelsp.training.fine_tuning import FineTuning, tuning_recipe
from codelsp.training.loop import Run
from codelsp.training.recipe import read_recipe
from codelsp.training.session import Limits
from codelsp.training.stream_folder import write_stream
from codelsp.training.streams import StreamPlan, StreamRows, Text, shuffled, texts_of
from tests.torch_engine.families import make_family
from tests.training.material import steps_of, write_tree
from tests.training.test_segments import source
from tests.training.tiny_models import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {f"part_{i}.py": source(f"part{i}", 12) for i in range(20)}
    return write_tree(tmp_path_factory.mktemp("code"), {**files, "A.java": "class A {}\n"})


def streamed(folder: Path, *sources: Path | str, base: Path = SHIPPED, **options: Any) -> Path:
    plan = StreamPlan(tuple(map(str, sources)), **{"block_size": 32, **options})
    write_stream(plan, base, folder)
    return folder


def test_the_same_seed_gives_the_same_rows_and_another_epoch_another_order(
    code: Path, tmp_path: Path
) -> None:
    folder = streamed(tmp_path, code)
    first = StreamRows(folder, "train", 1).batch(0, 200).tolist()

    assert StreamRows(folder, "train", 1).batch(0, 200).tolist() == first
    assert StreamRows(folder, "train", 2).batch(0, 200).tolist() != first
    assert len({tuple(row) for row in first}) > 150


def test_a_stream_can_be_gone_on_with_at_any_place(code: Path, tmp_path: Path) -> None:
    folder = streamed(tmp_path, code)
    whole = StreamRows(folder, "train", 1).batch(0, 40).tolist()
    later = StreamRows(folder, "train", 1)

    assert later.batch(25, 5).tolist() == whole[25:30]
    assert later.batch(30, 10).tolist() == whole[30:40]
    assert later.batch(3, 2).tolist() == whole[3:5]


def test_a_document_is_on_one_side(code: Path, tmp_path: Path) -> None:
    folder = streamed(tmp_path, code, validation_share=0.3)
    sides = [
        {text.text for text in StreamRows(folder, side)._own_side()}
        for side in ("train", "validation")
    ]

    assert sides[0]
    assert sides[1]
    assert not sides[0] & sides[1]
    assert len(StreamRows(folder, "validation").first(3)) == 3


def test_the_buffer_bounds_what_is_held() -> None:
    held = most = 0

    def counted() -> Iterator[Text]:
        nonlocal held, most
        for number in range(1000):
            held += 1
            most = max(most, held)
            yield Text(f"{number}")

    seen = []
    for text in shuffled(counted(), 10, Random(1)):
        held -= 1
        seen.append(int(text.text))

    assert most <= 11
    assert sorted(seen) == list(range(1000))
    assert seen != sorted(seen)


def test_archives_and_languages_are_read_as_folders_are(code: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        for file in sorted(code.iterdir()):
            archive.write(file, file.name)

    folder, archived = (
        list(texts_of(StreamPlan((str(place),)))) for place in (code, tmp_path / "code.zip")
    )
    assert folder == archived
    assert {text.control for text in folder} == {"<|python|>", "<|java|>"}
    (only,) = texts_of(StreamPlan((str(code),), languages=("java",)))
    assert only.control == "<|java|>"


@pytest.fixture
def json_lines(tmp_path: Path) -> Path:
    lines = [json.dumps({"code": source(f"x{i}", 6), "stars": i}) for i in range(30)]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "part.jsonl").write_text("\n".join(lines))
    return tmp_path / "data"


@pytest.mark.filterwarnings("ignore")  # of the library's own
def test_data_sets_are_streamed_by_their_column(json_lines: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    folder = streamed(tmp_path / "out", json_lines, text_column="code")
    file = streamed(tmp_path / "file", json_lines / "part.jsonl", text_column="code")

    rows = [StreamRows(each, "train", 1).batch(0, 20).tolist() for each in (folder, file)]
    assert rows[0] == rows[1]
    with pytest.raises(CorpusError, match=r"no column 'text'; its columns are code, stars"):
        streamed(tmp_path / "out", json_lines)


def test_what_cannot_be_streamed_is_told(code: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no text of the languages"):
        streamed(tmp_path / "out", code, languages=("cpp",))
    with pytest.raises(CorpusError, match="no source was named"):
        streamed(tmp_path / "out")
    with pytest.raises(CorpusError, match="--block-size"):
        streamed(tmp_path / "out", code, block_size=1)
    big = streamed(tmp_path / "big", code, block_size=100_000)
    with pytest.raises(CorpusError, match="less than one block"):
        StreamRows(big, "train").batch(0, 1)


def test_a_streamed_run_in_pieces_is_the_run_in_one(code: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    base = make_family("gpt_neo", tmp_path / "base")
    data = streamed(tmp_path / "data", code, base=base, validation_share=0.2)
    plan = FineTuning(
        str(base), data, batch_size=4, rate=1e-3, evaluation_steps=3, threads=1, steps=5
    )
    for name, steps in (("whole", 100), ("pieces", 3), ("pieces", 100)):
        recipe = read_recipe(tuning_recipe(plan, tmp_path / name / "run"))
        Run(recipe, tmp_path / name / "run").train(Limits(steps=steps))

    assert steps_of(tmp_path / "whole" / "run") == steps_of(tmp_path / "pieces" / "run")
    assert steps_of(tmp_path / "whole" / "run")[-1]["step"] == 5


def test_a_stream_without_an_end_needs_a_number_of_steps(code: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="give --steps"):
        tuning_recipe(FineTuning(str(SHIPPED), streamed(tmp_path, code)), tmp_path / "run")
