"""``CorpusManifest``: what a finished corpus holds, and how to read it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from codelsp.errors import CorpusError
from codelsp.training.documents import Document, read_shard
from codelsp.training.split import check_split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MANIFEST = "corpus.json"


@dataclass
class CorpusManifest:
    """What a corpus holds and where it comes from; kept as ``corpus.json`` beside the shards."""

    train_shards: list[str] = field(default_factory=list)
    validation_shards: list[str] = field(default_factory=list)
    train_repositories: list[str] = field(default_factory=list)
    validation_repositories: list[str] = field(default_factory=list)
    documents: dict[str, int] = field(default_factory=dict)
    """Number of documents, by language."""
    characters: dict[str, int] = field(default_factory=dict)
    """Number of characters, by language."""
    repository_characters: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    n_redacted: int = 0
    sources: list[dict[str, object]] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write it beside the shards."""
        part = folder / (MANIFEST + ".part")
        part.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        part.replace(folder / MANIFEST)


def load_manifest(folder: Path) -> CorpusManifest:
    """Read the manifest of a corpus, and refuse one whose split leaks.

    Raises:
        CorpusError: there is none, it is damaged, a shard is missing, or the split leaks.
    """
    try:
        facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        manifest = CorpusManifest(**facts)
    except OSError:
        raise CorpusError(f"{folder} holds no corpus; make one with codelsp corpus build") from None
    except (ValueError, TypeError) as error:
        raise CorpusError(f"{folder / MANIFEST} is damaged: {error}") from error
    check_split(manifest.train_repositories, manifest.validation_repositories)
    for name in (*manifest.train_shards, *manifest.validation_shards):
        if not (folder / name).is_file():
            raise CorpusError(f"the corpus in {folder} lacks its shard {name}")
    return manifest


def documents_of(folder: Path, shards: Sequence[str]) -> Iterator[Document]:
    """Yield the documents of some shards of a corpus."""
    for name in shards:
        yield from read_shard(folder / name)
