"""``codelsp interact``: what is typed, and what comes back."""

from __future__ import annotations

import io
import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from codelsp.cli import main
from codelsp.engine.scripted import ScriptedEngine
from codelsp.errors import ModelNotFoundError
from tests.client import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from codelsp.settings import Settings

    Talk = Callable[..., str]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    scripted = ScriptedEngine(lambda prompt: f" # {prompt[-3:]!r}\n\nleft out")
    scripted.info = replace(
        scripted.info, special_tokens={"<|python|>": 1, "<|java|>": 2, "<|endoftext|>": 0}
    )

    def opened(settings: Settings) -> ScriptedEngine:
        if settings.model == "gone":
            raise ModelNotFoundError("There is no model 'gone'.")
        return scripted

    monkeypatch.setattr("codelsp.engine.open.open_engine", opened)
    return scripted


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Talk:
    def typed(*lines: str, options: tuple[str, ...] = ()) -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(line + "\n" for line in lines)))
        assert main(["interact", *options]) == 0
        return capsys.readouterr().out

    return typed


def test_a_line_is_shown_with_what_the_model_goes_on_with(talk: Talk) -> None:
    assert "x = 1 # '= 1'\n" in talk("x = 1")


def test_the_language_can_be_chosen_and_changed(talk: Talk, engine: ScriptedEngine) -> None:
    talk("a", "/language java", "b", "change_lang python", "c", options=("--language", "java"))

    assert engine.prompts == ["<|java|>a", "<|java|>b", "<|python|>c"]


def test_several_lines_stand_between_quotes(talk: Talk, engine: ScriptedEngine) -> None:
    talk('"""', "if x:", "    y", '"""', '"""one', 'two"""')

    assert engine.prompts == ["<|python|>if x:\n    y", "<|python|>one\ntwo"]


def test_an_answer_can_be_gone_on_with_and_drawn_anew(talk: Talk, engine: ScriptedEngine) -> None:
    talk("x", "/more", "/again")

    texts = [prompt.removeprefix("<|python|>") for prompt in engine.prompts]
    assert texts[1] == "x # '|>x'"
    assert texts[2] == texts[1]
    assert len({request.seed for request in engine.requests}) > 1


def test_settings_hold_until_they_are_changed(talk: Talk, engine: ScriptedEngine) -> None:
    output = talk(
        "/temperature 0.1", "/length 9", "/top-k 4", "/top-p 0.5", "/seed 3", "a", "b",
        "/seed -", "/settings", "/history", "/help", "exit", "never read",
    )  # fmt: skip

    for request in engine.requests:
        assert (request.temperature, request.max_tokens) == (0.1, 9)
        assert (request.top_k, request.top_p, request.seed) == (4, 0.5, 3)
    assert len(engine.requests) == 2
    assert "temperature: 0.1" in output
    assert "2: b" in output
    assert "/again" in output


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/nosuch", "there is no /nosuch"),
        ("/length many", "takes a number from 1"),
        ("/temperature 3", "takes a number from 0 to 2"),
        ("/language klingon", "no language 'klingon'"),
        ("/more", "no answer yet"),
        ("/model gone", "no model 'gone'"),
        ("/length 5000", ""),
    ],
)
def test_a_mistake_is_told_and_the_talk_goes_on(
    talk: Talk, engine: ScriptedEngine, line: str, says: str
) -> None:
    output = talk(line, "/length 8", "x")

    assert says in output
    assert len(engine.requests) == 1


def test_code_that_begins_with_a_slash_is_code(talk: Talk, engine: ScriptedEngine) -> None:
    talk("// a comment", "/* another */")

    assert len(engine.requests) == 2


_READS, _READS_NO_MORE = "\x1b[?2004h", "\x1b[?2004l"
"""What prompt_toolkit tells a terminal before it reads a line, and after it (bracketed paste)."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of its own")
def test_on_a_terminal_lines_are_edited_colored_and_remembered(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ |= {
            "CODELSP_HOME": str(tmp_path),
            "TERM": "xterm-256color",
            "PROMPT_TOOLKIT_NO_CPR": "1",
        }
        os.execv(
            sys.executable,
            [sys.executable, "-m", "codelsp", "interact", "--seed", "1", "--length", "12"],
        )
    screen = Screen(terminal)
    try:
        screen.wait_for(_READS)
        screen.type("def add(a, b):\r")
        screen.wait_for(_READS, after=_READS_NO_MORE)
        screen.type("\x1b[A")  # the line before, from the history
        screen.wait_for("add")
        screen.type("\x03")  # Ctrl-C throws the line away, and not the talk
        screen.wait_for(_READS, after=_READS_NO_MORE)
        screen.type("/language java\r")
        screen.wait_for("java>")
        screen.type("exit\r")
        _, status = os.waitpid(pid, 0)
        assert status == 0
        assert "def add(a, b):" in (tmp_path / "data" / "interact-history").read_text()
    finally:
        os.close(terminal)
        os.environ["CODELSP_HOME"], before = str(tmp_path), os.environ.get("CODELSP_HOME")
        main(["engine", "stop"])
        os.environ.pop("CODELSP_HOME")
        if before is not None:
            os.environ["CODELSP_HOME"] = before


class Screen:
    """What a program writes on a terminal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self.seen = ""
        self._from = 0

    def type(self, keys: str) -> None:
        self._from = len(self.seen)
        os.write(self._terminal, keys.encode())

    def wait_for(self, text: str, *, after: str = "", seconds: float = 90) -> None:
        """Wait until ``text`` has come since the last key, behind ``after``."""
        import select

        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            new = self.seen[self._from :]
            begin = new.find(after)
            if begin >= 0 and text in new[begin + len(after) :]:
                return
            if select.select([self._terminal], [], [], 0.2)[0]:
                self.seen += os.read(self._terminal, 4096).decode("utf-8", "replace")
        raise AssertionError(f"{text!r} has not come: {self.seen[self._from :]!r}")
