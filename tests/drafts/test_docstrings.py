"""Docstrings: the form that each language and style has, with the words of names and types."""

from __future__ import annotations

import pytest

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.drafts.docstring_styles import style_of
from codelsp.drafts.docstrings import docstring_draft
from codelsp.drafts.draft import Draft, Hole
from codelsp.errors import DraftError
from tests.documents import at_cursor


def draft_at(marked: str, language_id: str = "python") -> Draft:
    document, offset = at_cursor(marked, language_id, "file:///project/example")
    tree = parse(document)
    assert tree is not None
    function = tree.function_at(offset)
    assert function is not None
    return docstring_draft(document, function)


def result(draft: Draft) -> str:
    text = draft.document.text
    return text[: draft.start] + draft.text() + text[draft.end :]


BODY = (
    "    if size < 0:\n"
    "        raise ValueError('negative')\n"
    "    return [item] * size\n"
)  # fmt: skip
HEAD = "def repeat(item, size: int, *more, is_deep=False, **options) -> list:\n"

GOLDEN = [
    pytest.param(
        "python", HEAD + "    <CURSOR>" + BODY[4:],
        HEAD +
        '    """Repeat.\n'
        "\n"
        "    Args:\n"
        "        item: The item.\n"
        "        size: The size.\n"
        "        *more: More more.\n"
        "        is_deep: Whether it is deep.\n"
        "        **options: Further named arguments.\n"
        "\n"
        "    Returns:\n"
        "        The result.\n"
        "\n"
        "    Raises:\n"
        "        ValueError: If `size < 0`.\n"
        '    """\n' + BODY,
        id="Google",
    ),
    pytest.param(
        "python",
        "def other():\n    '''X.\n\n    Returns\n    -------\n    int\n        Y.\n    '''\n"
        "def half(size: int = 2) -> int:<CURSOR>\n    return size\n",
        "def other():\n    '''X.\n\n    Returns\n    -------\n    int\n        Y.\n    '''\n"
        "def half(size: int = 2) -> int:\n"
        '    """Half.\n'
        "\n"
        "    Parameters\n"
        "    ----------\n"
        "    size : int, optional\n"
        "        The size.\n"
        "\n"
        "    Returns\n"
        "    -------\n"
        "    int\n"
        "        The result.\n"
        '    """\n'
        "    return size\n",
        id="NumPy",
    ),
    pytest.param(
        "python", "def other(a):\n    ''':param a: x'''\n"
        "class A:\n\tdef half(self, size):<CURSOR>\n\t\treturn size\n",
        "def other(a):\n    ''':param a: x'''\n"
        "class A:\n"
        "\tdef half(self, size):\n"
        '\t\t"""Half.\n'
        "\n"
        "\t\t:param size: The size.\n"
        "\t\t:returns: The result.\n"
        '\t\t"""\n'
        "\t\treturn size\n",
        id="Sphinx, with tabs",
    ),
    pytest.param(
        "python", "def is_empty(): return <CURSOR>True\n",
        'def is_empty():\n    """Return whether it is empty.\n\n    Returns:\n        The result.\n'
        '    """\n    return True\n',
        id="a body on the line of the signature",
    ),
    pytest.param(
        "python", "def clear():  # noqa\n    <CURSOR>pass\n",
        'def clear():  # noqa\n    """Clear."""\n    pass\n',
        id="one line, behind a comment",
    ),
    pytest.param(
        "javascript",
        "class A {\n  static area(width, height = 1, ...more) {\n    if (!width) {\n"
        "      throw new TypeError('x');\n    }\n    <CURSOR>return 1;\n  }\n}\n",
        "class A {\n"
        "  /**\n"
        "   * Area.\n"
        "   *\n"
        "   * @param width - The width.\n"
        "   * @param {number} [height=1] - The height.\n"
        "   * @param {...*} more - More more.\n"
        "   * @returns The result.\n"
        "   * @throws {TypeError} If `!width`.\n"
        "   */\n"
        "  static area(width, height = 1, ...more) {\n    if (!width) {\n"
        "      throw new TypeError('x');\n    }\n    return 1;\n  }\n}\n",
        id="JSDoc",
    ),
    pytest.param(
        "typescript", "export const area = (width: number): number => <CURSOR>width;\n",
        "/**\n * Area.\n *\n * @param width - The width.\n * @returns The result.\n */\n"
        "export const area = (width: number): number => width;\n",
        id="TSDoc",
    ),
    pytest.param(
        "java",
        "class A {\n    @Override\n    int area(int width) throws IOException {<CURSOR>}\n}\n",
        "class A {\n"
        "    /**\n"
        "     * Area.\n"
        "     *\n"
        "     * @param width The width.\n"
        "     * @return The result.\n"
        "     * @throws IOException If it fails.\n"
        "     */\n"
        "    @Override\n    int area(int width) throws IOException {}\n}\n",
        id="Javadoc",
    ),
    pytest.param(
        "c", "int area(int width)\n{<CURSOR>\n}\n",
        "/**\n * Area.\n *\n * @param width The width.\n * @return The result.\n */\n"
        "int area(int width)\n{\n}\n",
        id="Doxygen",
    ),
    pytest.param(
        "cpp", "/// \\brief X.\nint g();\ntemplate <class T>\nvoid clear(T all) {<CURSOR>}\n",
        "/// \\brief X.\nint g();\n"
        "/// \\brief Clear.\n///\n/// \\param all The all.\n"
        "template <class T>\nvoid clear(T all) {}\n",
        id="Doxygen as the file writes it",
    ),
    pytest.param(
        "go", "package a\n\nfunc (s *S) ParseLine(line string) error {\n\t<CURSOR>return nil\n}\n",
        "package a\n\n// ParseLine parses line.\n"
        "func (s *S) ParseLine(line string) error {\n\treturn nil\n}\n",
        id="Go",
    ),
    pytest.param(
        "rust",
        "impl A {\n    #[inline]\n    fn area(&self) -> Result<i32, E> {<CURSOR> Ok(1) }\n}\n",
        "impl A {\n"
        "    /// Area.\n    ///\n    /// # Errors\n    ///\n    /// Returns an error if it fails.\n"
        "    #[inline]\n    fn area(&self) -> Result<i32, E> { Ok(1) }\n}\n",
        id="Rust",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("language_id", "marked", "golden"), GOLDEN)
def test_a_docstring_has_the_form_of_its_language_and_style(
    language_id: str, marked: str, golden: str
) -> None:
    assert result(draft_at(marked, language_id)) == golden


@pytest.mark.parametrize(("language_id", "marked", "golden"), GOLDEN)
def test_a_docstring_is_found_again_and_costs_no_syntax(
    language_id: str, marked: str, golden: str
) -> None:
    tree = parse(DocumentSnapshot.of("file:///a", language_id, 1, golden))
    assert tree is not None
    name = draft_at(marked, language_id).title.rpartition(" ")[2]
    [function] = [each for each in tree.functions() if each.qualified_name == name]

    assert function.docstring is not None
    assert tree.error_count(0, len(golden)) == 0


def test_the_model_sees_the_docstring_closed_and_the_body_behind_it() -> None:
    draft = draft_at("def area(width):\n    <CURSOR>return width\n")
    holes = [piece for piece in draft.pieces if isinstance(piece, Hole)]

    assert [hole.following for hole in holes] == ['\n    """'] * 3


def test_where_the_file_has_no_style_the_other_open_files_have() -> None:
    document = DocumentSnapshot.of("file:///a.py", "python", 1, "def f(): pass\n")
    text = "def g(a):\n    ''':param a: x'''\n"
    other = DocumentSnapshot.of("file:///b.py", "python", 1, text)
    script = DocumentSnapshot.of("file:///b.js", "javascript", 1, "/** :param a: x */\n")

    styles = [style_of(document), style_of(document, [other]), style_of(document, [script])]

    assert [style.name for style in styles if style] == ["google", "sphinx", "google"]


def test_a_second_docstring_is_refused() -> None:
    with pytest.raises(DraftError, match="has a docstring already"):
        draft_at("def f():\n    '''Do it.'''\n    <CURSOR>\n")


def test_a_function_in_the_middle_of_a_line_is_refused() -> None:
    with pytest.raises(DraftError, match="in the middle of a line"):
        draft_at("const shelf = { size: 1, find: function (a) { <CURSOR> } };\n", "javascript")


def test_a_language_without_docstrings_is_refused() -> None:
    with pytest.raises(DraftError, match="no docstring style for Ruby"):
        draft_at("def f(a)\n  <CURSOR>a\nend\n", "ruby")
