"""Copies of public code are found, what everybody writes is not, and only hashes are kept."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("datasketch")

from codelsp.errors import CorpusError, ModelFileError  # noqa: E402
from codelsp.public_code import PublicCodeIndex, Source, find_match, open_index  # noqa: E402
from codelsp.public_code.index import head_bytes  # noqa: E402
from codelsp.public_code.match import LEAST_SUGGESTED_TOKENS, LEAST_TOKENS  # noqa: E402
from codelsp.public_code.tokens import run_hashes, tokens_of  # noqa: E402
from codelsp.training import public_code  # noqa: E402
from codelsp.training.documents import Document, ShardWriter  # noqa: E402
from codelsp.training.manifest import CorpusManifest  # noqa: E402
from codelsp.training.public_code import build_cells, index_corpus, winnowed  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

WORDS = [f"{head}_{tail}" for head in ("read", "shelf", "title", "count") for tail in "abcdefgh"]


def code(seed: int, n_lines: int = 80) -> str:
    """Return lines of code that no other seed has."""
    draw = random.Random(seed)
    return "".join(
        f"    {draw.choice(WORDS)}.{draw.choice(WORDS)} = {draw.choice(WORDS)}("
        f"{draw.choice(WORDS)}, {draw.randrange(1000)})\n"
        for _ in range(n_lines)
    )


IDIOM = code(1, 12)


def corpus_of(folder: Path, files: dict[str, list[str]]) -> Path:
    folder.mkdir()
    with ShardWriter(folder, "train") as writer:
        for repository, texts in files.items():
            for number, text in enumerate(texts):
                writer.add(Document(repository, f"{number}.py", "python", "MIT", text))
    manifest = CorpusManifest([path.name for path in writer.paths], [], list(files), [])
    manifest.save(folder)
    return folder


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> PublicCodeIndex:
    folder = tmp_path_factory.mktemp("public")
    files = {f"owner/{n}": [code(10 + n) + IDIOM, code(50 + n)] for n in range(6)}
    index_corpus(corpus_of(folder / "corpus", files), folder / "index")
    opened = open_index(folder / "index")
    assert opened is not None
    return opened


def cut(text: str, n_tokens: int, start: int = 0) -> str:
    """Return ``n_tokens`` tokens of ``text``."""
    tokens = tokens_of(text)
    return text[tokens.starts[start] : tokens.ends[start + n_tokens - 1]]


@pytest.mark.parametrize("start", [0, 7, 100, 301])
def test_a_copy_of_64_tokens_is_always_found_and_names_its_repository(
    index: PublicCodeIndex, start: int
) -> None:
    for number in range(6):
        found = find_match(index, "x = 1\n", cut(code(10 + number), 64, start))

        assert found is not None
        assert found.source == Source(f"owner/{number}", "MIT")
        assert found.n_tokens >= LEAST_TOKENS


def test_layout_hides_no_copy(index: PublicCodeIndex) -> None:
    copied = "\n\n".join(cut(code(12), 70).replace("    ", "\t").split("\n"))

    assert find_match(index, "", copied.replace(", ", ",")) is not None


def test_a_copy_that_the_user_began_is_found_when_the_suggestion_goes_on_with_it(
    index: PublicCodeIndex,
) -> None:
    before, text = cut(code(12), 60), cut(code(12), 12, 60)

    assert find_match(index, before, " " + text) is not None
    assert find_match(index, before, " something = else_entirely(1)") is None


def test_a_word_or_two_of_a_copy_is_the_users_own_affair(index: PublicCodeIndex) -> None:
    before, text = cut(code(12), 60), cut(code(12), LEAST_SUGGESTED_TOKENS - 1, 60)

    assert find_match(index, before, " " + text) is None


def test_what_many_repositories_share_is_nobodys(index: PublicCodeIndex) -> None:
    assert find_match(index, "", IDIOM) is None


def test_short_runs_are_not_flagged(index: PublicCodeIndex) -> None:
    assert find_match(index, "", cut(code(12), LEAST_TOKENS - 1)) is None


def test_renamed_code_is_no_verbatim_copy(index: PublicCodeIndex) -> None:
    assert find_match(index, "", code(12).replace("shelf_", "rack_")) is None


def test_other_code_is_hardly_ever_taken_for_a_copy(index: PublicCodeIndex) -> None:
    wrong = [find_match(index, "", code(seed, 12)) for seed in range(1_000, 3_000)]

    assert sum(found is not None for found in wrong) <= 1


def test_a_single_run_is_taken_for_a_known_one_once_in_a_hundred_at_most(
    index: PublicCodeIndex,
) -> None:
    draw = random.Random(1)
    known = sum(index.source_of(draw.getrandbits(64)) is not None for _ in range(20_000))

    assert known / 20_000 < 0.01


def test_the_file_holds_no_word_of_the_code(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", {"owner/one": [code(10)]})

    index_corpus(corpus, tmp_path / "index")

    content = (tmp_path / "index").read_bytes()
    assert not [word for word in WORDS if word.encode() in content]


@pytest.mark.parametrize("n_runs", [1, 2, 17, 400, 30_000])
def test_every_run_of_an_index_of_any_size_is_found(n_runs: int) -> None:
    random_numbers = np.random.default_rng(n_runs)
    runs = np.unique(random_numbers.integers(0, 2**64, n_runs, dtype=np.uint64))
    owners = (runs % np.uint64(7)).astype(np.uint8)
    shape, cells = build_cells(runs, owners)
    sources = tuple(Source(str(number), "MIT") for number in range(7))
    index = PublicCodeIndex(head_bytes(shape, sources) + cells.astype("<u2").tobytes())

    for run in runs[:2_000].tolist():
        found = index.source_of(run)
        assert found is not None
        assert found.name == str(run % 7)


def test_both_ways_to_hash_runs_agree() -> None:
    hashes = tokens_of(code(3)).hashes

    assert public_code.run_hashes(np.array(hashes, np.uint64)).tolist() == run_hashes(hashes)


def test_of_every_window_of_runs_one_is_kept() -> None:
    tokens = np.array(tokens_of(code(3)).hashes, np.uint64)
    kept, runs = set(winnowed(tokens).tolist()), public_code.run_hashes(tokens).tolist()

    assert all(
        kept & set(runs[start : start + public_code.WINDOW])
        for start in range(len(runs) - public_code.WINDOW + 1)
    )
    assert len(kept) < len(runs) / 5


def test_a_missing_index_is_none_and_a_damaged_one_says_what_to_do(
    tmp_path: Path, index: PublicCodeIndex
) -> None:
    assert open_index(tmp_path / "nowhere") is None
    whole = head_bytes(index.shape, index.sources)
    for content in (b"", b"something else entirely, and long enough", whole, whole[:40]):
        (tmp_path / "damaged").write_bytes(content)
        with pytest.raises(ModelFileError):
            open_index(tmp_path / "damaged")


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="empty"):
        index_corpus(corpus_of(tmp_path / "corpus", {}), tmp_path / "index")
