"""Helix and Emacs: completion items, and ghost text in lsp-mode, in the real editors."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.editors.editors import editor, editor_environment, scripted
from tests.e2e.editors.terminal import ESCAPE, Terminal, terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.editor]

WRITES = (("return self.name", "total = add(first, second)"),)
COMPLETE = "\x1b\t"
LANGUAGES = """
[language-server.codelsp]
command = {command}
args = {arguments}

[[language]]
name = "python"
language-servers = ["codelsp"]
"""
EGLOT = """
(require 'eglot)
(add-to-list 'eglot-server-programs '(python-mode . ({command})))
(add-hook 'python-mode-hook #'eglot-ensure)
"""
LSP_MODE = """
; An installed package is loaded part by part, when one is needed.
(dolist (part '(mode lens modeline headerline diagnostics completion inline-completion))
  (require (intern (format "lsp-%s" part))))
; Whatever else is on the machine has no say.
(setq lsp-enabled-clients '(codelsp))
(setq lsp-auto-guess-root t lsp-inline-completion-idle-delay 0.1)
(lsp-register-client
 (make-lsp-client :new-connection (lsp-stdio-connection '({command}))
                  :activation-fn (lambda (&rest _) t)
                  :add-on? t
                  :server-id 'codelsp))
(add-hook 'python-mode-hook #'lsp)
(define-key lsp-inline-completion-active-map (kbd "TAB") #'lsp-inline-completion-accept)
"""


def lisp(command: list[str]) -> str:
    return " ".join(json.dumps(argument) for argument in command)


def written(opened: Terminal, file: Path, keys: str) -> str:
    """Press the keys that write the file, and return what it then holds."""
    before = file.stat().st_mtime_ns
    opened.type(keys)
    opened.wait_for(lambda: file.stat().st_mtime_ns != before, "a written file")
    opened.look(0.2)
    return file.read_text("utf-8")


def test_helix_shows_the_suggestion_in_its_menu_and_inserts_it_once(tmp_path: Path) -> None:
    program = editor("hx")
    command = scripted(tmp_path, WRITES)
    config = tmp_path / "helix"
    config.mkdir()
    (config / "languages.toml").write_text(
        LANGUAGES.format(command=json.dumps(command[0]), arguments=json.dumps(command[1:]))
    )
    file = tmp_path / "example.py"
    file.write_text("total = add()\n")

    with terminal([program, str(file)], tmp_path, editor_environment(tmp_path)) as opened:
        opened.wait_for_text("example.py")
        opened.press("o", *"return self.")
        opened.wait_for(lambda: _ask_again(opened), "the menu")
        opened.type("\t")
        opened.wait_for_line("2  return self.name")
        opened.press(ESCAPE)
        text = written(opened, file, ":write\r")

    assert text == "total = add()\nreturn self.name\n"


def _ask_again(opened: Terminal) -> bool:
    """Whether the menu is there; ask for it once more, the server may have been starting."""
    if any("name text" in line for line in opened.lines):
        return True
    opened.type("\x18")
    opened.look(1.0)
    return False


def emacs(folder: Path, package: str, file: Path) -> Terminal:
    """Start an Emacs with a package set up for the scripted server."""
    program = editor("emacs")
    settings = "(setq inhibit-startup-screen t make-backup-files nil create-lockfiles nil)"
    init = folder / "init.el"
    init.write_text(settings + package.format(command=lisp(scripted(folder, WRITES))))
    file.write_text("")
    command = [program, "-nw", "-q", "-l", str(init), str(file)]
    return Terminal(command, folder, editor_environment(folder))


def test_eglot_completes_at_point(tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    with contextlib.closing(emacs(tmp_path, EGLOT, file)) as opened:
        opened.wait_for_text("eglot:")
        opened.press(*"return self.")
        opened.type(COMPLETE)
        opened.wait_for_line("return self.name")
        text = written(opened, file, "\x18\x13")

    assert text.rstrip("\n") == "return self.name"


def test_lsp_mode_shows_ghost_text_and_tab_accepts_it(tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    with contextlib.closing(emacs(tmp_path, LSP_MODE, file)) as opened:
        opened.wait_for_text("LSP[codelsp:")
        opened.wait_without("/starting]")
        opened.press(*"return self.")
        opened.wait_for_line("return self.name")
        opened.press("\t")
        text = written(opened, file, "\x18\x13")

    assert text.rstrip("\n") == "return self.name"
