"""``codelsp generate``: texts from a prompt or from nothing, as OpenAI's GPT-2 tools write them."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codelsp.cli.session import Invocation, effective_settings, make_console, wait_until_ready
from codelsp.errors import CodelspError, ModelNotFoundError, SettingsError
from codelsp.model_store import ModelKind, resolve_model

if TYPE_CHECKING:
    from codelsp.pipeline.samples import Sample, SamplingPlan

_RULE = "=" * 40
_MAX_SEED = 2**31


def generate(
    context: typer.Context,
    prompt: Annotated[
        str | None,
        typer.Argument(help="Text to go on from; - reads standard input; none writes from nothing"),
    ] = None,
    prompt_file: Annotated[
        Path | None, typer.Option("--prompt-file", "-f", help="File with the prompt.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Model of the store, folder, gpt2, distilgpt2, OWNER/NAME.")
    ] = "",
    models_dir: Annotated[
        Path | None, typer.Option(help="Folder in which models lie by their names.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same text.")] = None,
    n_samples: Annotated[
        int, typer.Option("--nsamples", help="How many texts; 0 goes on without end.")
    ] = 1,
    batch_size: Annotated[int, typer.Option(help="Texts at once; divides --nsamples.")] = 1,
    length: Annotated[
        int | None,
        typer.Option(help="New tokens; half the context, or all of it without a prompt."),
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(help="Tokens of prompt and text together, instead of --length.")
    ] = None,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Draw from so many tokens; 0 is all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Draw from this share of probability.")] = 1.0,
    num_beams: Annotated[int, typer.Option(help="Beams.")] = 1,
    do_sample: Annotated[
        bool, typer.Option("--do-sample/--no-sample", help="Draw, or take the likeliest.")
    ] = True,
    early_stopping: Annotated[
        bool, typer.Option("--early-stopping", help="End beams once enough are whole.")
    ] = False,
    ignore_end: Annotated[
        bool, typer.Option("--ignore-end", help="Write on after the end of a text.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16.")] = "auto",
    echo: Annotated[
        bool, typer.Option("--echo", help="Print the prompt before each text.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Write texts that go on from a prompt, or from nothing."""
    from random import randrange

    from codelsp.pipeline.samples import SamplingPlan

    chosen = randrange(_MAX_SEED) if seed is None else seed  # noqa: S311  no secret
    plan = SamplingPlan(
        n_samples, batch_size, length, max_length, temperature, top_k, top_p, num_beams, do_sample,
        early_stopping, ignore_end, chosen,
    )  # fmt: skip
    plan.check()
    text = _prompt(prompt, prompt_file)
    written = _Written(text if echo else "", chosen, as_json=as_json)
    gguf = _gguf_of(model, models_dir)
    if gguf is not None:
        asyncio.run(_by_engine(context.obj.with_options(model=gguf), text, plan, written))
    else:
        _by_transformers(_Model(model, models_dir, device, dtype), text, plan, written)
    written.end()


def _gguf_of(name: str, models_dir: Path | None) -> str | None:
    """Return the GGUF file that ``name`` means, if that is all there is of the model."""
    if models_dir is not None and name and (models_dir / name).exists():
        name = str(models_dir / name)
    try:
        model = resolve_model(name, ModelKind.HF)
    except ModelNotFoundError:
        return None
    return str(model.path) if model.kind is ModelKind.GGUF else None


async def _by_engine(
    invocation: Invocation, text: str, plan: SamplingPlan, written: _Written
) -> None:
    from codelsp.engine.open import open_engine
    from codelsp.pipeline.samples import EngineSampler

    engine = open_engine(effective_settings(invocation))
    try:
        with make_console(stderr=True).status("loading the model"):
            model, _ = await wait_until_ready(engine)
        async with aclosing(EngineSampler(engine, model).samples(text, plan)) as samples:
            async for sample in samples:
                written.add(sample)
    finally:
        await engine.close()


@dataclass(frozen=True)
class _Model:
    """Which model, and where it runs."""

    name: str
    models_dir: Path | None
    device: str
    dtype: str


def _by_transformers(model: _Model, text: str, plan: SamplingPlan, written: _Written) -> None:
    _need_torch()
    from codelsp.model_store.hub import transformers_folder
    from codelsp.torch_engine.loading import LoadOptions
    from codelsp.torch_engine.sampler import Sampler

    console = make_console(stderr=True)
    folder = transformers_folder(
        model.name, model.models_dir, lambda line: console.print(line, markup=False)
    )
    with console.status("loading the model"):
        sampler = Sampler(folder, LoadOptions(device=model.device, dtype=model.dtype))
    for sample in sampler.samples(text, plan):
        written.add(sample)


def _prompt(prompt: str | None, file: Path | None) -> str:
    """Return the prompt; empty only if none was given.

    Raises:
        SettingsError: two were given, one cannot be read, or it is empty.
    """
    if prompt is None and file is None:
        return ""
    if prompt is not None and file is not None:
        raise SettingsError("give a prompt or --prompt-file, not both")
    try:
        if file is not None:
            text = file.read_text(encoding="utf-8")
        else:
            text = sys.stdin.read() if prompt == "-" else prompt or ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the prompt cannot be read: {error}") from error
    if not text:
        raise SettingsError("the prompt is empty; give some text, or none to write from nothing")
    return text


class _Written:
    """Samples on standard output, as OpenAI's tools separate them or as JSON."""

    def __init__(self, before: str, seed: int, *, as_json: bool) -> None:
        self._before, self._seed, self._as_json = before, seed, as_json
        make_console()  # standard output takes every character from here on

    def add(self, sample: Sample) -> None:
        """Write one more."""
        text = self._before + sample.text
        if self._as_json:
            described = {
                "sample": sample.number,
                "text": text,
                "tokens": sample.n_tokens,
                "ended": sample.has_ended,
                "seed": self._seed,
            }
            sys.stdout.write(json.dumps(described, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(f"{_RULE} SAMPLE {sample.number} {_RULE}\n{text}\n")
        sys.stdout.flush()

    def end(self) -> None:
        """Write what closes the last one."""
        if not self._as_json:
            sys.stdout.write(_RULE * 2 + "\n")


def _need_torch() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        raise CodelspError(
            f"a model in safetensors needs {' and '.join(missing)}: pip install 'codelsp[torch]'"
        )
