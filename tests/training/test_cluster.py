"""Corpora as a datatrove pipeline: the same corpus, on any executor."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("datatrove", reason="the extra `cluster` is not installed")

from codelsp.cli import corpus as corpus_commands
from codelsp.errors import CorpusError
from codelsp.training.cluster import corpus_executor
from codelsp.training.corpus import CorpusPlan, build_corpus
from codelsp.training.manifest import MANIFEST, load_manifest
from tests.training.material import MIT, MODULE, OTHER, write_tree
from tests.training.test_commands import run
from tests.training.test_corpus import plan_of


def _plan(tmp_path: Path) -> CorpusPlan:
    return plan_of(
        tmp_path,
        a={"shapes.py": MODULE},
        b={"copy.py": MODULE.replace("    ", "  "), "wrap.py": OTHER},
        c={"near.py": OTHER + "# the end\n"},
    )


def _texts(folder: Path) -> dict[str, bytes]:
    import gzip

    manifest = load_manifest(folder)
    names = (*manifest.train_shards, *manifest.validation_shards, "provenance.jsonl.gz")
    return {name: gzip.decompress((folder / name).read_bytes()) for name in names}


@pytest.mark.parametrize("tasks", [1, 3, 5])
def test_a_pipeline_builds_the_corpus_that_the_command_builds(tmp_path: Path, tasks: int) -> None:
    plan = _plan(tmp_path)
    build_corpus(plan)
    piped = replace(plan, output=tmp_path / "piped")

    corpus_executor(piped, "local", tasks).run()

    assert (piped.output / MANIFEST).read_bytes() == (plan.output / MANIFEST).read_bytes()
    assert _texts(piped.output) == _texts(plan.output)


def test_a_pipeline_that_runs_again_reads_what_has_changed(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    corpus_executor(plan, "local", 2).run()
    (tmp_path / "a" / "more.py").write_text("# a new one\n" + MODULE.replace("area", "girth"))

    corpus_executor(plan, "local", 2).run()

    assert load_manifest(plan.output).documents == {"python": 3}


def test_the_command_runs_a_pipeline_and_shows_the_corpus(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "a", {"LICENSE": MIT, "shapes.py": MODULE})
    options = ("--no-decontaminate", "--validation-share", 0, "--executor", "local", "--tasks", 2)

    said = run(corpus_commands.app, "build", f"acme/a={source}", "-o", tmp_path / "built", *options)

    assert "1 repositories to train on" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--executor", "pbs"), "no executor 'pbs'"),
        (("--executor", "local", "--executor-option", "fast"), "KEY=VALUE"),
        (("--executor", "slurm"), "slurm executor.*partition"),
        (("--executor", "local", "--executor-option", "partition=cpu"), "partition"),
    ],
)
def test_a_wrong_option_of_an_executor_is_named(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    source = write_tree(tmp_path / "a", {"LICENSE": MIT, "shapes.py": MODULE})

    with pytest.raises(CorpusError, match=message):
        run(
            corpus_commands.app,
            "build",
            f"acme/a={source}",
            "-o",
            tmp_path / "built",
            "--no-decontaminate",
            *options,
        )


SBATCH = """\
#!{python}
# Stands for a Slurm cluster: runs the tasks of a job one after the other, then says its number.
import os, re, subprocess, sys
script = open(sys.argv[-1]).read()
array = re.search(r"--array=0-(\\d+)", script)
for number in range(int(array[1]) + 1 if array else 1):
    own = {{"SLURM_ARRAY_TASK_ID": str(number), "SLURM_NODELIST": "here"}} if array else {{}}
    done = subprocess.run(["bash", sys.argv[-1]], env={{**os.environ, **own}}, capture_output=True)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout + done.stderr)
        sys.exit(1)
print("Submitted batch job 17")
"""


SCONTROL = """\
#!{python}
print("here")
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Slurm has no Windows")
def test_slurm_gets_jobs_that_build_the_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = _plan(tmp_path)
    build_corpus(plan)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("scontrol", SCONTROL)):
        (programs / name).write_text(text.format(python=sys.executable))
        (programs / name).chmod(stat.S_IRUSR | stat.S_IXUSR)
    path = os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"]))
    monkeypatch.setenv("PATH", path)
    piped = replace(plan, output=tmp_path / "piped")
    options = {"time": "0:10:00", "partition": "cpu", "with_srun": False}

    corpus_executor(piped, "slurm", 2, options).run()

    assert _texts(piped.output) == _texts(plan.output)
    assert "--partition=cpu" in (piped.output / "logs/read/launch_script.slurm").read_text()


@pytest.mark.slow
def test_two_processes_at_once_build_the_same_corpus(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    build_corpus(plan)
    piped = replace(plan, output=tmp_path / "piped", workers=2)

    corpus_executor(piped, "local", 3).run()

    assert _texts(piped.output) == _texts(plan.output)


@pytest.mark.slow
# A warning that is raised in datatrove's thread is lost, and its executor waits for good.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_ray_workers_build_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    # Its workers are started by its own processes, which must find this checkout, too.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    plan = _plan(tmp_path)
    build_corpus(plan)
    piped = replace(plan, output=tmp_path / "piped")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        corpus_executor(piped, "ray", 2, {"mem_per_cpu_gb": 0.2}).run()
    finally:
        ray.shutdown()

    assert _texts(piped.output) == _texts(plan.output)
