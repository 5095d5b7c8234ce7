"""A tiny corpus, tokenizer, rows and recipe, made once by the real commands."""

from __future__ import annotations

import argparse
import ast
import configparser
import csv
import importlib.util
import json.decoder
import json.encoder
import logging
import textwrap
import typing

import pytest

from tests.training.material import ALPHA, BETA, GAMMA, library_files, write_tree

if typing.TYPE_CHECKING:
    from pathlib import Path

_NEEDED = ("torch", "transformers", "tokenizers", "datasketch", "identify", "numpy")
if any(importlib.util.find_spec(name) is None for name in _NEEDED):
    collect_ignore_glob = ["test_*.py"]  # the extra `train` is not installed


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three repositories of the standard library's text; the last one is held out."""
    from codelsp.training.corpus import CorpusPlan, build_corpus
    from codelsp.training.filters import FileLimits
    from codelsp.training.sources import Source
    from codelsp.training.staging import StagingRules

    root = tmp_path_factory.mktemp("corpus")
    modules = {
        ALPHA: (argparse, textwrap, csv),
        BETA: (configparser, json.encoder, typing),
        GAMMA: (logging, json.decoder, ast),
    }
    sources = tuple(
        Source(name, write_tree(root / name, library_files(*own))) for name, own in modules.items()
    )
    from codelsp.training import split

    share = min(s for s in (n / 100 for n in range(1, 100)) if _n_held_out(split, s) == 1)
    rules = StagingRules(FileLimits(frozenset({"python"})), frozenset({"MIT"}))
    build_corpus(CorpusPlan(sources, root / "built", rules, validation_share=share))
    return root / "built"


def _n_held_out(split: typing.Any, share: float) -> int:
    return sum(split.side_of(name, share) == "validation" for name in (ALPHA, BETA, GAMMA))


@pytest.fixture(scope="session")
def tokenizer_file(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of 512 tokens."""
    from codelsp.training.manifest import documents_of, load_manifest
    from codelsp.training.tokenizer import train_tokenizer

    documents = documents_of(corpus, load_manifest(corpus).train_shards)
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    train_tokenizer(documents, 512, 400_000).save(str(file))
    return file


@pytest.fixture(scope="session")
def rows(corpus: Path, tokenizer_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both sides of the corpus as rows of 96 tokens, and holes."""
    from codelsp.training.examples import ExampleRules
    from codelsp.training.holes import FILE, write_holes
    from codelsp.training.manifest import documents_of, load_manifest
    from codelsp.training.prepare import PreparePlan, prepare

    output = tmp_path_factory.mktemp("rows")
    for side in ("train", "validation"):
        prepare(
            PreparePlan(
                corpus,
                tokenizer_file,
                output,
                typing.cast("typing.Any", side),
                96,
                ExampleRules(window=180),
                max_tokens=30_000,
            )
        )
    shards = load_manifest(corpus).validation_shards
    write_holes(documents_of(corpus, shards), output / FILE, n=4)
    return output


RECIPE = """
name = "tiny"
size = "tiny"
tokenizer = "{tokenizer}"
threads = 1
validation_rows = 4
n_holes = 2
[[phases]]
rows = "{rows}"
[schedule]
total = 5800
warmup = 1000
decay = 2500
[batch]
tokens = 768
micro_rows = 4
[cadence]
checkpoint = 0
validate = 1e9
keep = 3
"""


@pytest.fixture(scope="session")
def recipe_file(rows: Path, tokenizer_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of about eight steps, with a checkpoint after each."""
    file = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    text = RECIPE.format(tokenizer=tokenizer_file.as_posix(), rows=rows.as_posix())
    file.write_text(text, encoding="utf-8")
    return file
