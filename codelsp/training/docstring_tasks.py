"""Data for a model that writes docstrings (Codex-D): functions with the docstring after the body.

Chen et al. 2021 (arXiv 2107.03374), section 5.  The prompt is the function without its docstring,
then ``AFTER_BODY`` as ``codelsp docstring`` asks; what is learned are the docstring and its quotes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from codelsp.context.docstring_hole import docstring_hole
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.errors import CorpusError
from codelsp.pipeline.docstrings import AFTER_BODY, function_without

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LEAST_WORDS = 3
_MOST_CHARS = 2000
_LEAST_BODY = 20


def docstring_tasks(repository: str, path: str, text: str) -> Iterator[dict[str, str]]:
    """Yield a task for each documented function of a Python file, in HumanEval's words."""
    document = DocumentSnapshot.of(f"file:///{path}", "python", 1, text.replace("\r\n", "\n"))
    tree = parse(document)
    for function in tree.functions() if tree is not None else ():
        hole = docstring_hole(document, function)
        if hole is None or len(hole.docstring.split()) < _LEAST_WORDS:
            continue
        _, body = hole.around(function)
        size = function.end - function.start
        if len(body.strip()) < _LEAST_BODY or size > _MOST_CHARS:
            continue
        yield {
            "task_id": f"{repository}/{path}:{function.qualified_name}",
            "repository": repository,
            "prompt": function_without(hole, function) + AFTER_BODY,
            "canonical_solution": hole.docstring.strip() + '"""',
        }


def write_docstring_tasks(folders: Sequence[Path], file: Path) -> int:
    """Write the tasks of all Python files in ``folders``; return how many there are.

    Raises:
        CorpusError: there is none.
    """
    n_tasks = 0
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            for folder in folders:
                for path in sorted(folder.rglob("*.py")):
                    name = path.relative_to(folder).as_posix()
                    for task in docstring_tasks(folder.resolve().name, name, _text(path)):
                        stream.write(json.dumps(task, ensure_ascii=False) + "\n")
                        n_tasks += 1
        if not n_tasks:
            names = ", ".join(map(str, folders))
            raise CorpusError(f"no documented Python function in {names}")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return n_tasks


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""
