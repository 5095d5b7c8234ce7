"""``codelsp interact``: type code, and see any model of the store go on with it.

What auto_coding's ``interact.py`` does, over the engine that editors use, so every kind of model
works.  On a terminal lines are edited with prompt_toolkit, the library behind IPython's prompt,
where it is installed; a pipe is read line by line.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing, suppress
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from random import randrange
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codelsp.cli.options import EngineOption, ModelOption  # noqa: TC001  # typer reads annotations
from codelsp.cli.session import Invocation, effective_settings, make_console, wait_until_ready
from codelsp.document.languages import language_of
from codelsp.errors import CodelspError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rich.console import Console

    from codelsp.engine.port import Engine, ModelInfo
    from codelsp.pipeline.continuation import ContinuationPlan

_BLOCK = '"""'
_MAX_SEED = 2**31
_HELP = """Type code, and the model goes on with it.
\"\"\" begins and ends several lines; Ctrl-C stops an answer.
/more            go on with the last answer
/again           answer the last text anew
/language ID     python, java, c, cpp, javascript, typescript, ... (also: change_lang)
/length N        most tokens of an answer        /temperature T   0 takes the likeliest
/top-p P         share of probability            /top-k K         so many tokens; 0 is all
/seed N          repeat answers; - draws anew    /stop TEXT       what ends an answer; - is none
/model NAME      another model                   /settings        what is set
/history         what was typed                  /exit            leave (also: exit, Ctrl-D)"""


def interact(
    context: typer.Context,
    model: ModelOption = None,
    engine: EngineOption = None,
    language: Annotated[str, typer.Option(help="Language id to begin with.")] = "python",
    length: Annotated[
        int, typer.Option("--length", "--max-length", min=1, help="Most tokens of an answer.")
    ] = 128,
    temperature: Annotated[
        float, typer.Option(min=0, max=2, help="0 takes the likeliest token.")
    ] = 0.7,
    top_p: Annotated[float, typer.Option(min=0.01, max=1, help="Share of probability.")] = 0.95,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same answers.")] = None,
    stop: Annotated[str, typer.Option(help="Text that ends an answer; - is none.")] = "\\n\\n",
    keeps_history: Annotated[
        bool, typer.Option("--history/--no-history", help="Keep what you type in a file.")
    ] = True,
) -> None:
    """Type code, and see a model go on with it."""
    from codelsp.pipeline.continuation import ContinuationPlan

    invocation: Invocation = context.obj.with_options(model=model, engine=engine)
    plan = ContinuationPlan(
        known_language(language), length, temperature, top_p, None, 0, unescaped(stop)
    )
    talk = Talk(invocation, plan, seed, make_console())
    try:
        talk.connect()
        talk.go_on(reader_of(talk, keeps_history=keeps_history))
    finally:
        talk.close()


def known_language(name: str) -> str:
    """Return the id of a language by id, alias or file ending.

    Raises:
        SettingsError: codelsp does not know it.
    """
    language = language_of(name.strip(), f"file:///x.{name.strip()}")
    if language.extensions or language.line_comment:
        return language.id
    raise SettingsError(
        f"no language {name!r}; among others there are python, java, c, cpp, "
        "javascript, typescript, go, rust"
    )


def unescaped(text: str) -> str:
    r"""Return ``text`` with ``\n`` and ``\t`` as what they mean; ``-`` is nothing."""
    return "" if text == "-" else text.replace("\\n", "\n").replace("\\t", "\t")


@dataclass
class _Last:
    """The last text and what came of it."""

    text: str = ""
    answer: str = ""


class Talk:
    """A conversation with a model: what is set, and what was said."""

    def __init__(
        self,
        invocation: Invocation,
        plan: ContinuationPlan,
        seed: int | None,
        console: Console,
    ) -> None:
        self._invocation, self.plan, self._seed = invocation, plan, seed
        self._console = console
        self._loop = asyncio.new_event_loop()
        self._engine: Engine | None = None
        self._model: ModelInfo | None = None
        self._last = _Last()
        self._typed: list[str] = []
        self._n_answers = 0

    @property
    def greeting(self) -> str:
        """What the prompt shows."""
        return f"{self.plan.language}> "

    def connect(self) -> None:
        """Find or start the engine.

        Raises:
            CodelspError: there is no such model or no engine.
        """
        from codelsp.engine.open import open_engine

        engine = open_engine(effective_settings(self._invocation))
        with make_console(stderr=True).status("loading the model"):
            self._model, _ = self._run(wait_until_ready(engine))
        self._engine = engine
        self._say(f"{self._model.name}; /help tells what you can do, /exit leaves")

    def close(self) -> None:
        """Let go of the engine, which stays for editors."""
        if self._engine is not None:
            self._run(self._engine.close())
        self._engine = None
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def go_on(self, read: Callable[[], str]) -> None:
        """Answer what ``read`` returns until it ends."""
        while True:
            try:
                text = read()
            except EOFError:
                return
            except KeyboardInterrupt:
                continue
            try:
                if not self._heard(text):
                    return
            except CodelspError as error:
                self._say(f"codelsp: {error}", style="red")

    def _heard(self, text: str) -> bool:
        """Do what was typed; tell whether to go on."""
        word, _, rest = text.strip().partition(" ")
        if word in {"/exit", "/quit", "exit", "quit"} and not rest:
            return False
        if word in {"change_lang", "/lang"}:
            word = "/language"
        if word.startswith("/") and word[1:].replace("-", "_") in _COMMANDS:
            _COMMANDS[word[1:].replace("-", "_")](self, rest.strip())
        elif word.startswith("/") and not word.startswith(("//", "/*")) and word[1:].isalpha():
            raise SettingsError(f"there is no {word}; /help lists what there is")
        elif text.strip():
            self._typed.append(text)
            self._answer(text)
        return True

    def _answer(self, text: str) -> None:
        answer = ""
        try:
            answer = self._run(self._streamed(text))
        finally:
            self._last = _Last(text, answer)

    async def _streamed(self, text: str) -> str:
        from codelsp.cli.streamed_code import StreamedCode
        from codelsp.pipeline.continuation import continuation

        assert self._engine is not None  # noqa: S101  connected before anything is read
        assert self._model is not None  # noqa: S101
        seed = randrange(_MAX_SEED) if self._seed is None else self._seed  # noqa: S311  no secret
        plan = replace(self.plan, seed=seed)
        with StreamedCode(self._console, text, plan.language) as shown:
            answer = continuation(self._engine, self._model, text, plan)
            with suppress(asyncio.CancelledError):
                async with aclosing(answer) as pieces:
                    async for piece in pieces:
                        shown.add(piece)
            return shown.answer

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run ``work``; Ctrl-C cancels it, and what it returns then is returned."""
        task = self._loop.create_task(work)
        try:
            return self._loop.run_until_complete(task)
        except KeyboardInterrupt:
            task.cancel()
            with suppress(asyncio.CancelledError):
                return self._loop.run_until_complete(task)
            return ""

    def _say(self, text: str, style: str = "dim") -> None:
        self._console.print(text, style=style, markup=False, highlight=False)

    def _more(self, _: str) -> None:
        if not self._last.text:
            raise SettingsError("there is no answer yet to go on with")
        self._answer(self._last.text + self._last.answer)

    def _again(self, _: str) -> None:
        if not self._last.text:
            raise SettingsError("nothing was typed yet")
        self._answer(self._last.text)

    def _set_language(self, name: str) -> None:
        self.plan = replace(self.plan, language=known_language(name))

    def _set_seed(self, value: str) -> None:
        self._seed = None if value == "-" else int(_number(value, "seed", 0, _MAX_SEED))

    def _set_stop(self, value: str) -> None:
        self.plan = replace(self.plan, stop=unescaped(value))

    def _set_length(self, value: str) -> None:
        self.plan = replace(self.plan, length=int(_number(value, "length", 1, 100_000)))

    def _set_temperature(self, value: str) -> None:
        self.plan = replace(self.plan, temperature=_number(value, "temperature", 0, 2))

    def _set_top_p(self, value: str) -> None:
        self.plan = replace(self.plan, top_p=_number(value, "top-p", 0.01, 1))

    def _set_top_k(self, value: str) -> None:
        self.plan = replace(self.plan, top_k=int(_number(value, "top-k", 0, 1_000_000)))

    def _set_model(self, name: str) -> None:
        before, engine = self._invocation, self._engine
        self._invocation = before.with_options(model=name)
        try:
            self.connect()
        except CodelspError:
            self._invocation = before
            raise
        if engine is not None:
            self._run(engine.close())

    def _show_settings(self, _: str) -> None:
        shown = {field.name: getattr(self.plan, field.name) for field in fields(self.plan)}
        shown["seed"] = "drawn anew" if self._seed is None else self._seed
        for name, value in shown.items():
            self._say(f"{name.replace('_', '-')}: {value!r}")

    def _show_history(self, _: str) -> None:
        for number, text in enumerate(self._typed, 1):
            self._say(f"{number}: {text}")

    def _show_help(self, _: str) -> None:
        self._say(_HELP)


_COMMANDS: dict[str, Callable[[Talk, str], None]] = {
    "more": Talk._more,  # noqa: SLF001  a table of its own methods
    "again": Talk._again,  # noqa: SLF001
    "language": Talk._set_language,  # noqa: SLF001
    "length": Talk._set_length,  # noqa: SLF001
    "temperature": Talk._set_temperature,  # noqa: SLF001
    "top_p": Talk._set_top_p,  # noqa: SLF001
    "top_k": Talk._set_top_k,  # noqa: SLF001
    "seed": Talk._set_seed,  # noqa: SLF001
    "stop": Talk._set_stop,  # noqa: SLF001
    "model": Talk._set_model,  # noqa: SLF001
    "settings": Talk._show_settings,  # noqa: SLF001
    "history": Talk._show_history,  # noqa: SLF001
    "help": Talk._show_help,  # noqa: SLF001
}


def _number(text: str, name: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise SettingsError(f"/{name} takes a number from {low:g} to {high:g}, not {text!r}")
    return value


def reader_of(talk: Talk, *, keeps_history: bool) -> Callable[[], str]:
    """Return what reads the next text: a line, or several between two ``\"\"\"``.

    The function returned raises EOFError when nothing more comes.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return lambda: _whole(_line_of_pipe)
    if find_spec("prompt_toolkit") is None:
        return lambda: _whole(lambda: input(talk.greeting))
    line = _edited_line(talk, keeps_history=keeps_history)
    return lambda: _whole(line)


def _line_of_pipe() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n")


def _whole(line: Callable[[], str]) -> str:
    first = line()
    if not first.startswith(_BLOCK):
        return first
    lines = [first.removeprefix(_BLOCK)] if first != _BLOCK else []
    while not lines or not lines[-1].endswith(_BLOCK):
        lines.append(line())
    lines[-1] = lines[-1].removesuffix(_BLOCK)
    return "\n".join(lines if lines[-1] else lines[:-1])


def _edited_line(talk: Talk, *, keeps_history: bool) -> Callable[[], str]:
    """Return a reader with history, search and highlighting."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.lexers import PygmentsLexer
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    from codelsp.directories import data_dir

    history: History = InMemoryHistory()
    if keeps_history:
        data_dir().mkdir(parents=True, exist_ok=True)
        history = FileHistory(str(data_dir() / "interact-history"))
    session: PromptSession[str] = PromptSession(history=history)

    def read() -> str:
        lexer = None
        with suppress(ClassNotFound):
            lexer = PygmentsLexer(type(get_lexer_by_name(talk.plan.language)))
        return session.prompt(talk.greeting, lexer=lexer)

    return read
