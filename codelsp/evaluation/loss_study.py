"""Loss against size: bits a character of models, on files that none of them was trained on.

Codex's paper draws loss against the number of parameters without embeddings (Chen et al. 2021,
arXiv 2107.03374, figure 4).  Nats a token cannot be compared between vocabularies, bits a character
can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codelsp import __version__
from codelsp.errors import EvaluationError
from codelsp.evaluation.bits import BitsCounter
from codelsp.evaluation.figures import machine
from codelsp.evaluation.hole_run import ledger_file
from codelsp.evaluation.intervals import share
from codelsp.evaluation.ledger import Ledger
from codelsp.evaluation.markdown import number, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from codelsp.evaluation.source_files import SourceFile, SourceSet

_WINDOW_CHARS = 1600
_MOST_TOKENS = 512


@dataclass(frozen=True)
class Sized:
    """A model of transformers in a folder, and how large it is."""

    name: str
    bits: BitsCounter
    tokenizer: Any
    """``tokenizers.Tokenizer``."""
    parameters: int
    """Without embeddings, as scaling laws count."""
    parameters_in_all: int

    @classmethod
    def of(cls, folder: Path, name: str = "") -> Sized:
        """Load the model in ``folder``.

        Raises:
            EvaluationError: there is none with safetensors and ``tokenizer.json``.
        """
        file = folder / "tokenizer.json"
        bits = BitsCounter.beside(folder / "model.gguf")
        if bits is None or not file.is_file():
            raise EvaluationError(
                f"{folder} has no model.safetensors with tokenizer.json; loss is told of folders of"
                " transformers, not of GGUF files (and needs `pip install 'codelsp[torch]'`)."
            )
        from tokenizers import Tokenizer

        tables = {id(bits.model.get_input_embeddings().weight)}
        if (head := bits.model.get_output_embeddings()) is not None:
            tables.add(id(head.weight))
        sizes = {id(each): each.numel() for each in bits.model.parameters()}
        outside = sum(size for key, size in sizes.items() if key not in tables)
        tokenizer = Tokenizer.from_file(str(file))
        return cls(name or folder.name, bits, tokenizer, outside, sum(sizes.values()))

    def bits_of(self, text: str) -> tuple[float, int]:
        """Return the bits of ``text`` after its first token, and the characters they are of."""
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids[:_MOST_TOKENS]
        if len(ids) < 2:  # noqa: PLR2004  # one to read, one to foretell
            return 0.0, 0
        shown = self.tokenizer.decode(ids[1:], skip_special_tokens=False)
        return self.bits.bits(ids[:1], ids[1:]), len(shown)


def run_loss(
    sized: Sized,
    sources: SourceSet,
    n_files: int,
    folder: Path,
    tell: Callable[[int, int], None],
) -> Ledger:
    """Measure one model on a window of each of ``n_files`` files, resumable.

    Raises:
        EvaluationError: the ledger holds something else, or cannot be written.
    """
    head = {
        "codelsp": __version__,
        "measured": "loss",
        "sources": sources.digest,
        "model": sized.name,
        "parameters": sized.parameters,
        "parameters_in_all": sized.parameters_in_all,
    }
    ledger = Ledger.open(ledger_file(folder, "loss", sized.name), head)
    files = sources.in_turn()[:n_files]
    for done, file in enumerate(files, 1):
        if file.key not in ledger.records:
            bits, n_chars = sized.bits_of(_window(file))
            ledger.put(file.key, {"file": file.key, "bits": round(bits, 3), "chars": n_chars})
        tell(done, len(files))
    return ledger


def loss_report(ledgers: Sequence[Ledger]) -> dict[str, Any]:
    """Return bits a character of each model, the smallest first; intervals are over files."""
    figures = []
    for ledger in sorted(ledgers, key=lambda each: int(each.head["parameters"])):
        values = [(r["file"], r["bits"], float(r["chars"])) for r in ledger.records.values()]
        figures.append(
            {
                "model": ledger.head["model"],
                "parameters": ledger.head["parameters"],
                "parameters_in_all": ledger.head["parameters_in_all"],
                "metric": "bits a character",
                **share(values).as_dict(),
            }
        )
    return {"measured": "loss", "machine": machine(), "figures": figures}


def loss_markdown(report: Mapping[str, Any]) -> str:
    """Return the page of a report of ``loss_report``."""
    rows = [
        [
            figure["model"],
            f"{figure['parameters'] / 1e6:,.1f} M",
            f"{figure['parameters_in_all'] / 1e6:,.1f} M",
            number(figure),
        ]
        for figure in report["figures"]
    ]
    n = max(figure["n"] for figure in report["figures"])
    return "\n".join(
        [
            "## Loss against size\n",
            f"A window of each of {n} files, read from left to right; 95 % intervals over files.\n",
            table(("", "parameters without embeddings", "in all", "bits a character"), rows),
        ]
    )


def _window(file: SourceFile) -> str:
    """Return the middle of a file, from a line's start."""
    text = file.text.replace("\r\n", "\n")
    start = text.find("\n", max(0, (len(text) - _WINDOW_CHARS) // 2)) + 1
    return text[start : start + _WINDOW_CHARS]
