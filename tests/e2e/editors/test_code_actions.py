"""Code actions in real Neovims: the docstring is in the buffer, and one undo takes it back."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.client import ROOT
from tests.e2e.editors.editors import editor, editor_environment, scripted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.editor]

TEXT = "def area(width):\n    return width\n"
WRITES = (('"""Return the area of a square.', "width: The width of the square."),)
SCRIPT = """
vim.opt.rtp:prepend({plugin})
require('codelsp').setup({{ cmd = vim.json.decode({cmd}) }})
vim.cmd.source({plugin} .. '/plugin/codelsp.lua')
vim.cmd.edit({file})
vim.bo.filetype = 'python'
local lines = function()
  return vim.api.nvim_buf_get_lines(0, 0, -1, false)
end
local found = {{ previews = 0 }}
local show = require('codelsp.preview').show
require('codelsp.preview').show = function(preview)
  show(preview)
  found.previews = found.previews + 1
end
found.attached = vim.wait(30000, function()
  local client = require('codelsp.client').of(0)
  return client ~= nil and client.initialized
end, 20)
vim.api.nvim_win_set_cursor(0, {{ 2, 4 }})
local context = {{ only = {{ 'refactor.rewrite.docstring' }}, diagnostics = {{}} }}
vim.lsp.buf.code_action({{ context = context, apply = true }})
found.changed = vim.wait(30000, function()
  return #lines() > 2
end, 20)
found.written = lines()
vim.cmd.undo()
found.undone = lines()
vim.fn.writefile({{ vim.json.encode(found) }}, {result})
vim.cmd('qall!')
"""


@pytest.mark.parametrize("version", ["0.12", "0.11", "0.10"])
def test_a_docstring_is_written_and_undone_in_one_step(version: str, tmp_path: Path) -> None:
    command = editor(f"nvim-{version}")
    script, result, file = (tmp_path / name for name in ("run.lua", "result.json", "area.py"))
    file.write_text(TEXT, "utf-8")
    server = json.dumps(scripted(tmp_path, WRITES, "--delay-ms", "5"))
    script.write_text(
        SCRIPT.format(
            plugin=json.dumps(str(ROOT / "editors" / "neovim")),
            cmd=f"[=[{server}]=]",
            file=json.dumps(str(file)),
            result=json.dumps(str(result)),
        ),
        "utf-8",
    )

    run = subprocess.run(
        [command, "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", f"luafile {script}"],
        env=editor_environment(tmp_path),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert result.exists(), run.stdout + run.stderr
    found = json.loads(result.read_text("utf-8"))
    assert found["attached"]
    assert found["changed"], run.stdout + run.stderr
    assert found["written"] == [
        "def area(width):",
        '    """Return the area of a square.',
        "",
        "    Args:",
        "        width: The width of the square.",
        "",
        "    Returns:",
        "        The result.",
        '    """',
        "    return width",
    ]
    assert found["undone"] == TEXT.splitlines()
    assert found["previews"] > 1
