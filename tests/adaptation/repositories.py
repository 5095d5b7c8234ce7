"""Small repositories to adapt to."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def module(number: int, n_functions: int = 12) -> str:
    """Return a module of its own vocabulary, with functions long enough to be typed."""
    lines = [f'"""The shelf number {number}."""', "", "import os", ""]
    for n in range(n_functions):
        lines += [
            "",
            f"def books_of_shelf_{number}_{n}(library: Library, title: str) -> list[str]:",
            f'    """Return the books of row {n} whose title is known."""',
            f"    shelf = library.shelves[{number}].rows[{n}]",
            "    found = [book for book in shelf if book.title == title]",
            "    for book in found:",
            "        library.note(book.author, os.path.basename(book.place))",
            f"    library.count_{number} += len(found)",
            "    return sorted(book.name for book in found)",
            "",
        ]
    return "\n".join(lines)


def script(number: int, n_functions: int = 12) -> str:
    """Return the same in TypeScript."""
    lines = [f"// The shelf number {number}.", "", 'import { basename } from "path";', ""]
    for n in range(n_functions):
        lines += [
            f"export function booksOfShelf{number}Row{n}(library: Library, title: string) {{",
            f"  const shelf = library.shelves[{number}].rows[{n}];",
            "  const found = shelf.filter((book) => book.title === title);",
            "  for (const book of found) {",
            "    library.note(book.author, basename(book.place));",
            "  }",
            f"  library.count{number} += found.length;",
            "  return found.map((book) => book.name).sort();",
            "}",
            "",
        ]
    return "\n".join(lines)


def write_repository(root: Path, files: Mapping[str, str]) -> Path:
    """Write ``files`` below ``root``."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def library(root: Path, n_files: int = 32) -> Path:
    """Write a repository that is large enough to adapt to."""
    return write_repository(root, {f"library/shelf_{n}.py": module(n, 6) for n in range(n_files)})


def web_application(root: Path, n_files: int = 40) -> Path:
    """Write a repository in TypeScript that is large enough to adapt to."""
    return write_repository(root, {f"web/shelf{n}.ts": script(n, 6) for n in range(n_files)})


def git(root: Path, *arguments: str) -> None:
    """Run git in ``root``."""
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)
