"""A folder to windows: what is cut, what is held out, and that nothing is on both sides."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from codelsp.errors import CorpusError, ModelFileError, TrainingError
from codelsp.training import segments
from codelsp.training.rows import RowsDescription
from codelsp.training.segments import ConvertPlan, convert, write_jsonl
from codelsp.training.tokenizer import load_tokenizer
from codelsp.training.windows import Windows, n_windows, open_rows
from tests.training.material import write_tree
from tests.training.tiny_models import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from codelsp.training.segments import Converted


def source(name: str, n: int = 30) -> str:
    lines = (f"{name}_{i} = {name}({i}, '{name * 2}')  # {i * i}" for i in range(n))
    return "\n".join(lines) + "\n"


def tree(folder: Path) -> Path:
    files = {f"app/part_{i}.py": source(f"part{i}") for i in range(12)}
    files |= {"Main.java": "class Main {\n" + "  int value = 1;\n" * 40 + "}\n"}
    files |= {"view.tsx": "export const View = () => <b>1</b>;\n", "tiny.c": "int x;\n"}
    files |= {"copy.py": source("part0"), "empty.py": "", "notes.md": "# not code\n"}
    files |= {"node_modules/other.js": "let x = 1;\n", "latin.py": "x = 1\n"}
    write_tree(folder, files)
    (folder / "latin.py").write_bytes(b"x = '\xe9'\n")
    return folder


def converted(folder: Path, output: Path, **options: Any) -> Converted:
    return convert(ConvertPlan(folder, output, SHIPPED, **options))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Converted]:
    root = tmp_path_factory.mktemp("converted")
    return root / "out", converted(tree(root / "src"), root / "out", segment_len=48, stride=10)


def test_every_language_begins_with_its_control_token(made: tuple[Path, Converted]) -> None:
    output, report = made
    tokenizer = load_tokenizer(output / "tokenizer.json")
    firsts: set[str | None] = set()
    for side in ("train", "validation"):
        windows = Windows(output, side)
        firsts |= {tokenizer.id_to_token(row[0]) for row in windows.first(len(windows)).tolist()}

    assert firsts == {"<|python|>", "<|java|>", "<|typescript|>", "<|c|>"}
    assert report.left_out == {"a copy": 1, "empty": 1, "no text": 1}
    assert sum(report.n_files.values()) == 15


def test_a_window_ends_with_the_end_token_only_where_the_file_does(
    made: tuple[Path, Converted],
) -> None:
    output, _ = made
    windows = Windows(output, "train")
    rules = windows.description.rules
    rows = windows.first(len(windows))
    documents = np.fromfile(output / "train.documents", "<i8").reshape(-1, 3)

    assert int((rows == rules["end_id"]).sum()) == len(documents)
    assert int((rows[:, 1:] != rules["pad_id"]).sum()) == windows.n_targets


def test_windows_begin_every_stride_and_reach_the_end(made: tuple[Path, Converted]) -> None:
    output, _ = made
    windows = Windows(output, "train")
    begin, n, _ = np.fromfile(output / "train.documents", "<i8").reshape(-1, 3)[0].tolist()
    ids = np.fromfile(output / "train.ids", windows.description.type)[begin : begin + n].tolist()
    count = n_windows(n, 46, 10)
    rows = windows.first(len(windows))[:count]

    for number, row in enumerate(rows.tolist()):
        start = min(number * 10, n - 46)
        assert row[1:47] == ids[start : start + 46]
    assert rows[-1][46] == ids[-1]


def test_nothing_that_is_trained_on_is_held_out(made: tuple[Path, Converted]) -> None:
    output, report = made
    sides = [set(open_rows(output, side).description.repositories) for side in report.n_files]

    assert sides[0]
    assert sides[1]
    assert not sides[0] & sides[1]
    assert report.split_by == "file"
    share = report.n_tokens["validation"] / sum(report.n_tokens.values())
    assert 0.05 < share < 0.4


def test_held_out_windows_do_not_overlap(made: tuple[Path, Converted]) -> None:
    output, report = made
    windows = Windows(output, "validation")

    assert windows.description.rules["stride"] == 46
    assert windows.n_targets <= report.n_tokens["validation"] + 46 * report.n_files["validation"]


def test_repositories_are_held_out_whole(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        files = {f"{name}/src/{i}.py": source(f"{name}{i}") for i in range(4)}
        write_tree(tmp_path / "src", {**files, f"{name}/.git/HEAD": "ref: x\n"})

    report = converted(tmp_path / "src", tmp_path / "out", dev_size=0.2, stride=200)

    assert report.split_by == "repository"
    assert report.n_files == {"train": 8, "validation": 4}
    described = RowsDescription.load(tmp_path / "out" / "train.json")
    assert len(described.repositories) == 2


def test_the_same_seed_holds_out_the_same_files(tmp_path: Path) -> None:
    src = tree(tmp_path / "src")
    held_out = []
    for number, seed in enumerate((1, 1, 2)):
        converted(src, tmp_path / str(number), seed=seed)
        described = RowsDescription.load(tmp_path / str(number) / "validation.json")
        held_out.append(described.repositories)

    assert held_out[0] == held_out[1] != held_out[2]


class StoppedError(Exception):
    """Somebody pressed Ctrl-C."""


def stop_after(n: int) -> Callable[[int, int], None]:
    """Return what hears of progress, and stops the conversion the ``n``-th time."""
    heard: list[int] = []

    def told(done: int, _total: int) -> None:
        heard.append(done)
        if len(heard) == n:
            raise StoppedError

    return told


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ConvertPlan, Path]:
    """A conversion, stopped after three batches, and what it would have made."""
    monkeypatch.setattr(segments, "_BATCH_CHARS", 2_000)
    folder = tree(tmp_path / "src")
    converted(folder, tmp_path / "whole", segment_len=48)
    plan = ConvertPlan(folder, tmp_path / "out", SHIPPED, segment_len=48)
    with pytest.raises(StoppedError):
        convert(plan, stop_after(3))
    return plan, tmp_path / "whole"


def test_a_stopped_conversion_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, whole = stopped(tmp_path, monkeypatch)
    for name in ("train.ids", "validation.documents", "converting.jsonl"):
        with (plan.output / name).open("ab") as stream:
            stream.write(b"torn")  # what a kill leaves of a batch
    heard: list[int] = []
    report = convert(plan, lambda done, _total: heard.append(done))

    assert contents(plan.output) == contents(whole)
    assert report.left_out == {"a copy": 1, "empty": 1, "no text": 1}
    assert sum(report.n_files.values()) == 15
    assert len(heard) < 6, "the first three batches were not read again"


@pytest.mark.parametrize(
    "change", ["a file", "the plan", "a lost file", "a journal torn at its start"]
)
def test_a_conversion_of_something_else_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    plan, _ = stopped(tmp_path, monkeypatch)
    if change == "a file":
        (plan.folder / "app" / "part_0.py").write_text(source("other"))
    elif change == "the plan":
        plan = replace(plan, stride=20)
    elif change == "a lost file":
        (plan.output / "train.ids").unlink()
    else:
        (plan.output / "converting.jsonl").write_bytes(b'{"pl')
    report = convert(plan)
    again = convert(replace(plan, output=tmp_path / "anew"))

    assert contents(plan.output) == contents(tmp_path / "anew")
    assert report == again


def test_json_lines_are_auto_codings(made: tuple[Path, Converted], tmp_path: Path) -> None:
    output, report = made
    tokenizer = load_tokenizer(output / "tokenizer.json")

    n = write_jsonl(output, "train", tmp_path / "train.jsonl", tokenizer)

    lines = [json.loads(x) for x in (tmp_path / "train.jsonl").read_text().strip().split("\n")]
    assert n == len(lines) == report.n_windows["train"]
    end = tokenizer.token_to_id("<|endoftext|>")
    assert all(line["token_ids"][-1] == end and len(line["token_ids"]) <= 48 for line in lines)
    assert {line["label"] for line in lines} <= {"python", "java", "typescript", "c"}


def test_a_single_file_leaves_nothing_to_hold_out(tmp_path: Path) -> None:
    write_tree(tmp_path / "src", {"only.py": source("only")})

    report = converted(tmp_path / "src", tmp_path / "out")

    assert report.n_files == {"train": 1, "validation": 0}
    assert not (tmp_path / "out" / "validation.json").exists()


def test_a_damaged_side_is_refused(tmp_path: Path) -> None:
    converted(tree(tmp_path / "src"), tmp_path / "out")
    with (tmp_path / "out" / "train.ids").open("r+b") as stream:
        stream.truncate(100)

    with pytest.raises(TrainingError, match="convert again"):
        Windows(tmp_path / "out", "train")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"languages": ("javascript",)}, "no file of javascript", id="no such file"),
        pytest.param(
            {"languages": ("cobol",)}, "no control token for cobol", id="no such language"
        ),
        pytest.param({"segment_len": 4}, "--segment-len", id="no room"),
        pytest.param({"dev_size": 1.0}, "--dev-size", id="nothing to train on"),
    ],
)
def test_what_cannot_be_converted_is_told(
    tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    write_tree(tmp_path / "src", {"a.py": source("a")})

    with pytest.raises(CorpusError, match=says):
        converted(tmp_path / "src", tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_none_and_a_base_without_tokenizer_are_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is no folder"):
        converted(tmp_path / "gone", tmp_path / "out")
    write_tree(tmp_path / "src", {"a.py": source("a")})
    with pytest.raises(ModelFileError, match="is no tokenizer"):
        convert(ConvertPlan(tmp_path / "src", tmp_path / "out", tmp_path))
