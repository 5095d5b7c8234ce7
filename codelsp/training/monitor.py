"""What a run tells while it goes: a file of figures, TensorBoard, and whoever else listens."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from codelsp.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from codelsp.training.validation import ValidationReport

logger = logging.getLogger(__name__)

METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class StepReport:
    """One step of a run."""

    step: int
    tokens: int
    seconds: float
    loss: float
    """Nats per token, without weights."""
    norm: float
    """Of the gradients, before clipping."""
    factor: float
    """Share of the highest learning rate."""
    tokens_per_second: float
    utilization: float
    """Model FLOPs as a share of what the devices could do (MFU)."""


class Observer(Protocol):
    """Hears what happens in a run."""

    def on_step(self, report: StepReport) -> None:
        """A step is done."""

    def on_validation(self, step: int, tokens: int, report: ValidationReport) -> None:
        """The model was measured."""

    def on_note(self, text: str) -> None:
        """Something that a person should know."""


class MetricsFile:
    """Appends figures to ``metrics.jsonl``; a resumed run takes back what came after its start."""

    def __init__(self, run: Path, from_step: int) -> None:
        self._file = run / METRICS
        if self._file.is_file():
            lines = self._file.read_text(encoding="utf-8").split("\n")
            kept = [line for line in lines if line and _step_of(line) <= from_step]
            part = self._file.with_suffix(".part")
            part.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
            part.replace(self._file)

    def on_step(self, report: StepReport) -> None:
        """Append a step."""
        self._append({"kind": "step", **asdict(report)})

    def on_validation(self, step: int, tokens: int, report: ValidationReport) -> None:
        """Append a validation."""
        figures = {**asdict(report), "perplexity": report.perplexity}
        self._append({"kind": "validation", "step": step, "tokens": tokens, **figures})

    def on_note(self, text: str) -> None:
        """Say it in the log."""
        logger.info("%s", text)

    def _append(self, entry: dict[str, object]) -> None:
        try:
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")
        except OSError as error:  # a full disk must not end a run
            logger.warning("figures were not written: %s", error)


def _step_of(line: str) -> int:
    """Return the step a line is about; a line torn by a kill counts as after everything."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 2**62


class TensorBoard:
    """Writes TensorBoard's event files, where the package is installed."""

    def __init__(self, run: Path, from_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=from_step + 1)
        self._has_failed = False

    def on_step(self, report: StepReport) -> None:
        """Draw a step."""
        self._draw("train", report.step, asdict(report))

    def on_validation(self, step: int, tokens: int, report: ValidationReport) -> None:
        """Draw a validation."""
        del tokens
        self._draw("validation", step, {**asdict(report), "perplexity": report.perplexity})

    def on_note(self, text: str) -> None:
        """Nothing is drawn."""

    def _draw(self, group: str, step: int, values: dict[str, float]) -> None:
        if self._has_failed:
            return
        try:
            for name, value in values.items():
                if name != "step":
                    self._writer.add_scalar(f"{group}/{name}", value, step)
            if group == "validation":
                self._writer.flush()
        except OSError as error:  # a full disk must not end a run; its writer is of no use after it
            self._has_failed = True
            logger.warning("nothing is drawn for TensorBoard any more: %s", error)


class WeightsAndBiases:
    """Sends figures to a project of Weights & Biases; only where the user asked for it by name.

    Args:
        run: Folder of the run; a resumed one goes on in the same chart.
        project: Name of the project.
        facts: The recipe.

    Raises:
        TrainingError: the package is not installed, or the service refuses.
    """

    def __init__(self, run: Path, project: str, facts: Mapping[str, Any]) -> None:
        try:
            import wandb
        except ImportError:
            raise TrainingError(
                "--wandb-project needs: pip install wandb; without it, figures are in"
                f" {run / METRICS} and for TensorBoard"
            ) from None
        run.mkdir(parents=True, exist_ok=True)
        identity = run / "wandb-id"
        if not identity.is_file():
            identity.write_text(uuid4().hex[:12], encoding="utf-8")
        try:
            self._run = wandb.init(
                project=project,
                dir=str(run),
                id=identity.read_text(encoding="utf-8"),
                resume="allow",
                config=dict(facts),
            )
        except Exception as error:
            raise TrainingError(f"Weights & Biases refused: {error}") from error

    def on_step(self, report: StepReport) -> None:
        """Send a step."""
        self._send("train", report.step, asdict(report))

    def on_validation(self, step: int, tokens: int, report: ValidationReport) -> None:
        """Send a validation."""
        del tokens
        self._send("validation", step, {**asdict(report), "perplexity": report.perplexity})

    def on_note(self, text: str) -> None:
        """Nothing is sent: a note may name files."""

    def _send(self, group: str, step: int, values: dict[str, float]) -> None:
        self._run.log({f"{group}/{name}": value for name, value in values.items()}, step=step)


def usual_observers(run: Path, from_step: int) -> list[Observer]:
    """Return the file of figures, and TensorBoard if it is installed."""
    observers: list[Observer] = [MetricsFile(run, from_step)]
    try:
        observers.append(TensorBoard(run, from_step))
    except ImportError:
        logger.info("tensorboard is not installed; figures go to %s alone", METRICS)
    return observers
