"""``codelsp tokenizer``: train a tokenizer on a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="tokenizer", no_args_is_help=True)


@app.callback()
def tokenizer() -> None:
    """Make a tokenizer of one's own."""


@app.command("train")
def train(
    corpus: Annotated[Path, typer.Argument(help="Folder of the corpus.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where tokenizer.json goes.")
    ] = Path("tokenizer.json"),
    vocabulary: Annotated[int, typer.Option(help="Number of tokens; 8192 or 16384.")] = 8192,
    max_mb: Annotated[float, typer.Option(help="Text to look at, MB.")] = 200.0,
    seed: Annotated[int, typer.Option(help="Which documents are drawn.")] = 0,
) -> None:
    """Train a byte-level BPE tokenizer on the training side of a corpus."""
    from itertools import islice
    from random import Random

    from rich.console import Console

    from codelsp.training.disk import room_for
    from codelsp.training.manifest import documents_of, load_manifest
    from codelsp.training.tokenizer import load_tokenizer, train_tokenizer

    manifest = load_manifest(corpus)
    available = sum(manifest.characters.values())
    share = min(1.0, max_mb * 1e6 / max(1, available))
    random = Random(seed)  # noqa: S311  no secret
    drawn = (
        document
        for document in documents_of(corpus, manifest.train_shards)
        if random.random() < share
    )
    trained = train_tokenizer(drawn, vocabulary, int(max_mb * 1e6))
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(output.name + ".part")
    with room_for("the tokenizer", output):
        trained.save(str(part))
    part.replace(output)
    documents = documents_of(corpus, manifest.train_shards)
    sample = [document.text for document in islice(documents, 400)]
    n_tokens = sum(len(e.ids) for e in load_tokenizer(output).encode_batch_fast(sample))
    Console(stderr=True).print(
        f"{output}: {vocabulary} tokens, {sum(map(len, sample)) / n_tokens:.2f} characters a token"
    )
