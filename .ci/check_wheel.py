"""The installed wheel, by itself, completes a file: the repository is nowhere in sight."""

import json
import subprocess
import sys
from pathlib import Path

import codelsp

page = Path(codelsp.__file__).parent / "playground_assets" / "index.html"
print("the playground's page is in the wheel:", page.exists())
bin_folder = Path(sys.executable).parent
for editor in ("neovim", "vim"):
    command = [Path(sys.executable).parent / "codelsp", "plugin", editor, "--path"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert Path(told.strip()).is_relative_to(Path(codelsp.__file__).parent), told
assert Path(codelsp.__file__).is_relative_to(bin_folder.parent), codelsp.__file__
answer = subprocess.run(
    [bin_folder / "codelsp", "complete", sys.argv[1], "--json"],
    check=True,
    capture_output=True,
    text=True,
)
insertions = json.loads(answer.stdout)["insertions"]
assert insertions, answer.stdout
assert insertions[0]["text"].strip(), insertions
print("the wheel completes:", [each["text"] for each in insertions])
subprocess.run([bin_folder / "codelsp", "engine", "stop"], check=True)
