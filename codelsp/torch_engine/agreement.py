"""Whether a model rounded to 8 bits still writes what it writes in full precision.

Both read the same code, and at each place their best next tokens are compared: as many greedy
choices as there are tokens, in one pass each.  What was measured is kept, so a model is measured
once on a machine and not at each start.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING

import torch

from codelsp.directories import cache_dir

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.torch_engine.runner import Runner
    from codelsp.torch_engine.vocabulary import Vocabulary

logger = logging.getLogger(__name__)

LEAST_AGREEMENT = 0.96
"""Of the greedy choices: below, a model is not rounded unless the user asks for it."""
_MOST_TOKENS = 256
"""Of each text."""
_TEXTS = (
    '''"""A cache of files, the oldest of which goes first."""

import os
from collections import OrderedDict


class FileCache:
    def __init__(self, limit=100):
        self.limit = limit
        self._files = OrderedDict()

    def read(self, path):
        """Return what is in ``path``, from memory if it is known."""
        changed = os.stat(path).st_mtime
        if path in self._files:
            known, content = self._files[path]
            if known == changed:
                self._files.move_to_end(path)
                return content
        with open(path, encoding="utf-8") as file:
            content = file.read()
        self._files[path] = (changed, content)
        while len(self._files) > self.limit:
            self._files.popitem(last=False)
        return content

    def forget(self, path):
        self._files.pop(path, None)
''',
    """import { readFile } from "node:fs/promises";

export class Counter {
  constructor(names = []) {
    this.counts = new Map(names.map((name) => [name, 0]));
  }

  add(name, amount = 1) {
    const before = this.counts.get(name) ?? 0;
    this.counts.set(name, before + amount);
    return this;
  }

  most() {
    return [...this.counts.entries()].sort((a, b) => b[1] - a[1])[0];
  }
}

export async function countWords(path) {
  const text = await readFile(path, "utf8");
  const counter = new Counter();
  for (const word of text.split(" ")) {
    if (word.length > 0) {
      counter.add(word.toLowerCase());
    }
  }
  return counter;
}
""",
    """def parse(lines):
    result = []
    for number, line in enumerate(lines):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, separator, value = line.partition("=")
        if not separator:
            raise ValueError(f"line {number + 1}: no '=' in {line!r}")
        result.append((key.strip(), value.strip()))
    return result


def test_parse():
    assert parse(["a = 1", "# no", "", "b=2"]) == [("a", "1"), ("b", "2")]


def main(arguments):
    path = arguments[0] if arguments else "settings.ini"
    with open(path) as file:
        for key, value in parse(file):
            print(key, "is", value)
    return 0
""",
)


def agreement(exact: Runner, rounded: Runner, vocabulary: Vocabulary) -> float:
    """Return at how many of the places both runners have the same best token, 0 to 1."""
    n_same = n_places = 0
    for text in _TEXTS:
        ids = torch.tensor([vocabulary.encoded(text)[:_MOST_TOKENS]])
        length = ids.shape[1]
        best = [
            each.forward(ids, each.new_cache(), length)[0].argmax(-1) for each in (exact, rounded)
        ]
        n_same += int((best[0] == best[1]).sum())
        n_places += length
    return n_same / n_places


class Measured:
    """What was measured on this machine of the model in ``folder``, rounded by ``method``."""

    def __init__(self, folder: Path, method: str) -> None:
        parts = [method, *map(repr, _TEXTS)]
        for file in sorted((*folder.glob("*.safetensors"), folder / "config.json")):
            status = file.stat()
            parts.append(f"{file.resolve()} {status.st_size} {status.st_mtime_ns}")
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
        self._path = cache_dir() / "agreement" / f"{digest}.json"

    def read(self) -> float | None:
        """Return what is known; None if nothing is."""
        try:
            value = json.loads(self._path.read_bytes())["agreement"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return float(value) if isinstance(value, (int, float)) else None

    def write(self, value: float) -> None:
        """Keep what was measured; that it cannot be kept is only logged."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps({"agreement": value}), "utf-8")
        except OSError as error:
            logger.info("the agreement of 8 bits is measured again next time: %s", error)
