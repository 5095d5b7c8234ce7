"""The real VS Code, in a real browser: runs the ``*.test.mjs`` beside it with Node's test runner.

``.ci/code-server.sh`` installs what they need; where that cannot be had they are skipped, and say
so.  What the page looked like stays in the folder ``CODELSP_ARTIFACTS`` as screenshots.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.budgets.slack import TIME_SLACK
from tests.client import ROOT

HERE = Path(__file__).parent
EXTENSION = ROOT / "vscode-extension"
CODE_SERVER = Path(os.environ.get("CODELSP_CODE_SERVER", ROOT / ".editors" / "code-server"))
NODE = CODE_SERVER / "bin" / "node"

pytestmark = [pytest.mark.slow, pytest.mark.editor]


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.fixture(scope="session")
def code_server() -> Path:
    """The folder that ``.ci/code-server.sh`` has filled."""
    if not NODE.exists() or shutil.which("chromium") is None:
        pytest.skip(f"EDITOR MISSING: no code-server in {CODE_SERVER}; run .ci/code-server.sh")
    return CODE_SERVER


@pytest.fixture(scope="session")
def vsix() -> Path:
    """The extension, packed anew."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("EDITOR MISSING: no npm to pack the extension with")
    if not (EXTENSION / "node_modules").exists():
        _run([npm, "ci", "--ignore-scripts"], EXTENSION)
    _run([npm, "run", "package"], EXTENSION)
    return EXTENSION / "codelsp.vsix"


@pytest.fixture(scope="session")
def extensions(code_server: Path, vsix: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of extensions in which VS Code itself has installed ours; each test copies it."""
    home = tmp_path_factory.mktemp("extensions")
    entry = code_server / "node_modules" / "code-server" / "out" / "node" / "entry.js"
    folders = ["--user-data-dir", str(home / "data"), "--extensions-dir", str(home / "extensions")]
    command = [str(NODE), str(entry), *folders, "--install-extension", str(vsix)]
    _run(command, home, {"HOME": str(home)})
    return home / "extensions"


@pytest.fixture(scope="session")
def page() -> None:
    """The playground's page, built."""
    npm = shutil.which("npm")
    if (ROOT / "codelsp" / "playground_assets" / "index.html").exists():
        return
    if npm is None:
        pytest.skip("EDITOR MISSING: no npm to build the playground's page with")
    _run([npm, "ci", "--ignore-scripts"], ROOT / "playground")
    _run([npm, "run", "build"], ROOT / "playground")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout, as a user installs it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    _run([*pip, str(ROOT)], folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where screenshots go."""
    return os.environ.get("CODELSP_ARTIFACTS") or str(tmp_path_factory.mktemp("screenshots"))


@pytest.mark.timeout(600)
def test_the_extension_is_type_correct_and_its_own_tests_pass(vsix: Path) -> None:
    npm = shutil.which("npm")
    assert npm is not None

    _run([npm, "run", "check"], EXTENSION)
    _run([npm, "test"], EXTENSION)

    assert vsix.stat().st_size < 1_000_000


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_in_the_page(
    name: str, code_server: Path, extensions: Path, wheel: Path, artifacts: str
) -> None:
    environment = {
        "CODELSP_CODE_SERVER": str(code_server),
        "CODELSP_PYTHON": sys.executable,
        "CODELSP_EXTENSIONS": str(extensions),
        "CODELSP_WHEEL": str(wheel),
        "CODELSP_ARTIFACTS": artifacts,
        "CODELSP_BUDGET_SLACK": str(TIME_SLACK),
    }

    _run([str(NODE), "--test", "--test-reporter=spec", name], HERE, environment)
