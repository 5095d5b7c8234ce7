"""``codelsp corpus convert``: a folder of source code to windows of token ids, with a dev side.

What auto_coding's ``convert.py`` does (https://github.com/wangcongcong123/auto_coding), without its
fault: it cut windows that overlap and then shuffled them into train and dev, so that both sides
held the same text.  Here whole files, or whole repositories, go to one side before anything is cut;
copies of a file count once; and windows of the dev side do not overlap at all.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from codelsp.errors import CorpusError
from codelsp.prompt.controls import CONTROL_TOKENS
from codelsp.training.base_model import end_and_pad
from codelsp.training.code_folder import SIDES, sides_of, source_files, unit_of
from codelsp.training.disk import room_for
from codelsp.training.filters import decoded
from codelsp.training.new_tokens import NEW_TOKENS, WHITESPACE_TOKENS, add_tokens
from codelsp.training.rows import RowsDescription
from codelsp.training.segment_files import DIGEST_BYTES, Mark, SegmentFiles
from codelsp.training.tokenizer import load_tokenizer, tokenizer_hash
from codelsp.training.windows import FORM, FRAME, Windows, n_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tokenizers import Tokenizer

    from codelsp.training.code_folder import SourceFile

_BATCH_CHARS = 1_500_000
"""Text that is tokenized at once; what is held in memory goes with it."""
_MAX_SHORT_IDS = 2**16
_MIN_SEGMENT = 8


@dataclass(frozen=True)
class ConvertPlan:
    """What to convert."""

    folder: Path
    output: Path
    base: Path
    """Folder of the model that will be trained: its tokenizer is used."""
    languages: tuple[str, ...] = tuple(CONTROL_TOKENS)
    segment_len: int = 256
    """Ids of a window, the control and the end token among them."""
    stride: int = 10
    """Ids from the beginning of a window to that of the next."""
    dev_size: float = 0.1
    """Share of the text, in bytes, that is held out."""
    split_by: Literal["auto", "repository", "file"] = "auto"
    seed: int = 122
    whitespace_tokens: bool = False
    max_file_bytes: int = 1_000_000

    def check(self) -> None:
        """Refuse what makes no windows.

        Raises:
            CorpusError: a number is out of its range, or a language has no control token.
        """
        if self.segment_len < _MIN_SEGMENT or self.stride < 1:
            raise CorpusError("--segment-len must be 8 or more, and --stride 1 or more")
        if not 0 <= self.dev_size < 1:
            raise CorpusError("--dev-size is a share: 0 or more, and less than 1")
        unknown = [name for name in self.languages if name not in CONTROL_TOKENS]
        if unknown or not self.languages:
            raise CorpusError(
                f"no control token for {', '.join(unknown) or 'no language'}; languages are "
                f"{', '.join(CONTROL_TOKENS)}"
            )


@dataclass
class Converted:
    """What came of it."""

    n_files: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SIDES, 0))
    n_tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SIDES, 0))
    n_windows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SIDES, 0))
    n_bytes: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    new_tokens: dict[str, int] = field(default_factory=dict)
    split_by: str = "file"

    def leave_out(self, reason: str) -> None:
        """Count a file that is not used."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def counts(self) -> dict[str, Any]:
        """Return what has been counted file by file."""
        return {"n_files": self.n_files, "n_bytes": self.n_bytes, "left_out": self.left_out}

    def take_counts(self, counts: dict[str, Any]) -> None:
        """Go on from what ``counts`` returned."""
        self.n_files, self.left_out = dict(counts["n_files"]), dict(counts["left_out"])
        self.n_bytes = int(counts["n_bytes"])


def convert(plan: ConvertPlan, told: Callable[[int, int], None] = lambda *_: None) -> Converted:
    """Write both sides of a folder as windows; ``told(done, all)`` hears of bytes.

    Memory goes with the number of files and the size of the largest ones, never with all text.
    A conversion that was stopped goes on where it was, if folder, plan and tokenizer are the same.

    Raises:
        CorpusError: the folder has no file of the languages, or the plan is wrong.
        TrainingError: the disk is full.
        ModelFileError: the base has no tokenizer.
    """
    plan.check()
    if not plan.folder.is_dir():
        raise CorpusError(f"{plan.folder} is no folder")
    report = Converted()
    files = [
        file for file in source_files(plan.folder, plan.languages) if _fits(file, plan, report)
    ]
    if not files:
        raise CorpusError(
            f"{plan.folder} has no file of {', '.join(plan.languages)}; name other --languages, or "
            "another folder"
        )
    tokenizer = load_tokenizer(plan.base / "tokenizer.json")
    end, pad = end_and_pad(plan.base, tokenizer)
    controls = [CONTROL_TOKENS[language] for language in plan.languages]
    plain = WHITESPACE_TOKENS if plan.whitespace_tokens else ()
    report.new_tokens = add_tokens(tokenizer, [*controls, pad], plain)
    sides, report.split_by = sides_of(files, plan.split_by, plan.dev_size, plan.seed)
    with room_for("the windows", plan.output):
        plan.output.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(plan.output / "tokenizer.json"))
        (plan.output / NEW_TOKENS).write_text(
            json.dumps({"base": str(plan.base), "end": end, "pad": pad, "new": report.new_tokens})
        )
        _Conversion(plan, sides, _Target(tokenizer, end, pad), report).write(files, told)
    return report


def _fits(file: SourceFile, plan: ConvertPlan, report: Converted) -> bool:
    if 0 < file.size <= plan.max_file_bytes:
        return True
    report.leave_out("too large" if file.size else "empty")
    return False


@dataclass(frozen=True)
class _Target:
    """The tokenizer that texts are written with."""

    tokenizer: Tokenizer
    end: str
    pad: str

    def id_of(self, token: str) -> int:
        number = self.tokenizer.token_to_id(token)
        assert number is not None  # noqa: S101  all of them were looked up or added
        return int(number)


@dataclass(frozen=True)
class _Conversion:
    """Files to ids, a batch at a time."""

    plan: ConvertPlan
    sides: dict[str, str]
    target: _Target
    report: Converted

    @property
    def _id_bytes(self) -> int:
        return 2 if self.target.tokenizer.get_vocab_size() <= _MAX_SHORT_IDS else 4

    def write(self, files: list[SourceFile], told: Callable[[int, int], None]) -> None:
        """Write both sides; ``told(done, all)`` hears of bytes."""
        total = sum(file.size for file in files)
        with SegmentFiles(self.plan.output, self._head(files)) as written:
            n_read = written.mark.n_read
            if n_read:
                self.report.take_counts(written.mark.counts)
            for batch, n_done in self._texts(files, n_read, written):
                self._add(batch, written)
                written.set_mark(Mark(n_done, self.report.counts()))
                told(self.report.n_bytes, total)
        for side in SIDES:
            self._describe(side, written.units(side))
        written.finish()

    def _head(self, files: list[SourceFile]) -> dict[str, Any]:
        """Return what must be the same for a conversion to be gone on with."""
        listing = sha256()
        for file in files:
            listing.update(f"{file.path}:{file.size}:{file.modified_ns}\n".encode(errors="replace"))
        plan = {name: str(value) for name, value in asdict(self.plan).items()}
        tokenizer = tokenizer_hash(self.target.tokenizer)
        return {"plan": plan, "files": listing.hexdigest(), "tokenizer": tokenizer}

    def _add(self, batch: list[tuple[SourceFile, str]], written: SegmentFiles) -> None:
        texts = [text for _, text in batch]
        encoded = self.target.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        for (file, _), encoding in zip(batch, encoded, strict=True):
            unit = unit_of(file, self.report.split_by)
            side = self.sides[unit]
            ids = np.asarray(encoding.ids, f"<u{self._id_bytes}")
            begin = written.size(side) // self._id_bytes
            control = self.target.id_of(CONTROL_TOKENS[file.language])
            document = np.array((begin, len(ids), control), "<i8")
            written.add(side, ids.tobytes(), document.tobytes(), unit)
            self.report.n_files[side] += 1
            self.report.n_bytes += file.size

    def _texts(
        self, files: list[SourceFile], first: int, written: SegmentFiles
    ) -> Iterator[tuple[list[tuple[SourceFile, str]], int]]:
        """Yield texts in batches that fit into memory, and how many files are read by then.

        Copies and what is no text are left out.
        """
        seen = written.digests()
        batch: list[tuple[SourceFile, str]] = []
        n_chars = 0
        for number, file in enumerate(files[first:], first + 1):
            text = self._text_of(file, seen, written)
            if text is not None:
                batch.append((file, text))
                n_chars += len(text)
            if n_chars >= _BATCH_CHARS or number == len(files):
                yield batch, number
                batch, n_chars = [], 0

    def _text_of(self, file: SourceFile, seen: set[bytes], written: SegmentFiles) -> str | None:
        try:
            content = (self.plan.folder / file.path).read_bytes()
        except OSError:
            self.report.leave_out("not readable")
            return None
        digest = sha256(content).digest()[:DIGEST_BYTES]
        text = decoded(content)
        if digest in seen or not text or not text.strip():
            self.report.leave_out("a copy" if digest in seen else "no text")
            return None
        seen.add(digest)
        written.add_digest(digest)
        return text

    def _describe(self, side: str, units: list[str]) -> None:
        """Write what a run has to know of a side; one without a file has no description."""
        plan, content = self.plan, self.plan.segment_len - FRAME
        stride = plan.stride if side == "train" else content
        documents = np.fromfile(plan.output / f"{side}.documents", "<i8").reshape(-1, 3)
        counts = [n_windows(int(n), content, stride) for n in documents[:, 1].tolist()]
        n_ids = int(documents[:, 1].sum())
        self.report.n_tokens[side] = n_ids
        self.report.n_windows[side] = sum(counts)
        if not counts:
            return
        RowsDescription(
            row_length=plan.segment_len,
            n_rows=sum(counts),
            tokenizer_hash=tokenizer_hash(self.target.tokenizer),
            n_characters=0,
            n_tokens=n_ids,
            n_documents=len(documents),
            kinds={},
            repositories=units,
            rules={
                "form": FORM,
                "stride": stride,
                "end_id": self.target.id_of(self.target.end),
                "pad_id": self.target.id_of(self.target.pad),
                "split_by": self.report.split_by,
            },
            seed=plan.seed,
            id_bytes=self._id_bytes,
        ).save(plan.output / f"{side}.json")


def write_jsonl(output: Path, side: str, file: Path, tokenizer: Tokenizer) -> int:
    """Write the windows of a side as auto_coding does, and return how many there are.

    A line is ``{"token_ids": [...], "label": "python"}``, control token first, end token last.

    Raises:
        TrainingError: the side is not whole.
    """
    languages = {
        tokenizer.token_to_id(token): language for language, token in CONTROL_TOKENS.items()
    }
    part = file.with_suffix(".part")
    n = 0
    with room_for("the windows", file), part.open("w", encoding="utf-8") as stream:
        for ids in Windows(output, side).segments():
            stream.write(json.dumps({"token_ids": ids, "label": languages[ids[0]]}) + "\n")
            n += 1
    part.replace(file)
    return n
