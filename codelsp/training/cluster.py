"""The corpus of ``corpus build`` on more than one machine: the same steps as a datatrove pipeline.

The first pass, which takes nearly all the time, knows one source at a time: each task reads its
share of them.  A last task compares the signatures of all documents (half a kilobyte each), and
writes the corpus; it finds every source staged.  Corpora come out the same to the byte, whatever
the executor and the number of tasks, and a job that was killed goes on with what is left.

Sources and output lie on a file system that all machines see.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codelsp.errors import CorpusError
from codelsp.training.corpus import build_corpus, stage_share

try:
    from datatrove.pipeline.base import PipelineStep
except ImportError:
    raise CorpusError(
        "building a corpus on a cluster needs datatrove; install it with: "
        "pip install 'codelsp[cluster]'"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datatrove.executor.base import PipelineExecutor

    from codelsp.training.corpus import CorpusPlan

EXECUTORS = ("local", "slurm", "ray")


class StageSources(PipelineStep):  # type: ignore[misc]  # datatrove has no types
    """The first pass over every source that falls to a task."""

    name = "read, filter, clean, sign"
    type = "codelsp"

    def __init__(self, plan: CorpusPlan) -> None:
        super().__init__()
        self._plan = plan

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Stage sources ``rank``, ``rank + world_size``, ...; there is nothing to hand on."""
        yield from data or ()
        for report in stage_share(self._plan, rank, world_size):
            self.stat_update("sources")
            self.stat_update("documents", value=report.n_documents, unit="source")
            if report.problem:
                self.stat_update("sources left out")


class FinishCorpus(PipelineStep):  # type: ignore[misc]  # datatrove has no types
    """Deduplication, caps, split and shards; one task."""

    name = "compare and write"
    type = "codelsp"

    def __init__(self, plan: CorpusPlan) -> None:
        super().__init__()
        self._plan = plan

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Write the corpus; sources that a task did not come to are staged here."""
        del rank, world_size
        yield from data or ()
        manifest = build_corpus(replace(self._plan, workers=1))
        self.stat_update("documents kept", value=sum(manifest.documents.values()))


def corpus_executor(
    plan: CorpusPlan, kind: str = "local", tasks: int = 1, options: dict[str, Any] | None = None
) -> PipelineExecutor:
    """Return the executor whose ``run()`` builds the corpus of ``plan``.

    Args:
        plan: What to build; ``workers`` is how many tasks run at once.
        kind: Where: processes of this machine, a Slurm cluster, or a Ray cluster.
        tasks: In how many parts the first pass is divided.
        options: More arguments of datatrove's executor; Slurm needs ``time`` and ``partition``.

    Raises:
        CorpusError: there is no such executor, its packages are missing, or an option is wrong.
    """
    logs = plan.output / "logs"
    # What is done is known by the staged sources themselves; datatrove's own marks would keep a
    # changed source, or a second build, from being read.
    common = {"workers": plan.workers, "skip_completed": False, **(options or {})}
    make = _executor_class(kind)
    try:
        first = make([StageSources(plan)], tasks=tasks, logging_dir=str(logs / "read"), **common)
        return make(
            [FinishCorpus(plan)],
            tasks=1,
            logging_dir=str(logs / "write"),
            depends=first,
            **common,
        )
    except TypeError as error:
        raise CorpusError(f"the {kind} executor cannot be made: {error}") from error


def _executor_class(kind: str) -> Any:
    if kind not in EXECUTORS:
        raise CorpusError(f"no executor {kind!r}; there are {', '.join(EXECUTORS)}")
    try:
        if kind == "slurm":
            from datatrove.executor.slurm import SlurmPipelineExecutor

            return SlurmPipelineExecutor
        if kind == "ray":
            import ray  # noqa: F401  datatrove imports it only when it runs
            from datatrove.executor.ray import RayPipelineExecutor

            return RayPipelineExecutor
    except ImportError as error:
        raise CorpusError(
            f"the {kind} executor needs {error.name}; install it with: "
            f"pip install 'codelsp[cluster]' {error.name}"
        ) from None
    from datatrove.executor.local import LocalPipelineExecutor

    return LocalPipelineExecutor
