"""``codelsp generate``: texts from a prompt or from nothing, as OpenAI's GPT-2 tools write them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codelsp.cli.session import make_console
from codelsp.errors import CodelspError, SettingsError

if TYPE_CHECKING:
    from codelsp.torch_engine.sampler import Sample

_RULE = "=" * 40
_MAX_SEED = 2**31


def generate(
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
    _need_torch()
    from random import randrange

    from codelsp.model_store.hub import transformers_folder
    from codelsp.torch_engine.loading import LoadOptions
    from codelsp.torch_engine.sampler import Sampler, SamplingPlan

    chosen = randrange(_MAX_SEED) if seed is None else seed  # noqa: S311  no secret
    plan = SamplingPlan(
        n_samples, batch_size, length, max_length, temperature, top_k, top_p, num_beams, do_sample,
        early_stopping, ignore_end, chosen,
    )  # fmt: skip
    plan.check()
    text = _prompt(prompt, prompt_file)
    console = make_console(stderr=True)
    folder = transformers_folder(model, models_dir, lambda line: console.print(line, markup=False))
    with console.status("loading the model"):
        sampler = Sampler(folder, LoadOptions(device=device, dtype=dtype))
    make_console()  # stdout takes every character from here on
    for sample in sampler.samples(text, plan):
        _write(sample, text if echo else "", chosen, as_json=as_json)
    if not as_json:
        sys.stdout.write("=" * 80 + "\n")


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


def _write(sample: Sample, before: str, seed: int, *, as_json: bool) -> None:
    if as_json:
        described = {
            "sample": sample.number,
            "text": before + sample.text,
            "tokens": sample.n_tokens,
            "ended": sample.has_ended,
            "seed": seed,
        }
        sys.stdout.write(json.dumps(described, ensure_ascii=False) + "\n")
    else:
        head = f"{_RULE} SAMPLE {sample.number} {_RULE}"
        sys.stdout.write(f"{head}\n{before}{sample.text}\n")
    sys.stdout.flush()


def _need_torch() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        raise CodelspError(
            f"`codelsp generate` needs {' and '.join(missing)}: pip install 'codelsp[torch]'"
        )
