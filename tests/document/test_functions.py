"""Functions: which one a place is in, and what it says of itself, in every language."""

from __future__ import annotations

import pytest

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import Function, parse
from tests.documents import at_cursor


def function_at(marked: str, language_id: str = "python") -> Function | None:
    document, offset = at_cursor(marked, language_id, "file:///project/example")
    tree = parse(document)
    assert tree is not None
    return tree.function_at(offset)


def functions(text: str, language_id: str) -> dict[str, Function]:
    tree = parse(DocumentSnapshot.of("file:///a", language_id, 1, text))
    assert tree is not None
    return {each.qualified_name: each for each in tree.functions()}


PLACES = [
    ("python", "def f(a):\n    <CURSOR>return a\n", "f"),
    ("python", "de<CURSOR>f f(a):\n    return a\n", "f"),
    ("python", "<CURSOR>    def f(a):\n        return a\n", "f"),
    ("python", "class A:\n<CURSOR>    def f(a):\n        return a\n", "A.f"),
    ("python", "@deco<CURSOR>\n@other(1)\ndef f(a):\n    return a\n", "f"),
    ("python", "def f(a):\n    return a\n    <CURSOR>\n", "f"),
    ("python", "def f(a):\n    def g():\n        p<CURSOR>ass\n    return g\n", "g"),
    ("python", "def f(a):\n    <CURSOR>def g():\n        pass\n    return g\n", "g"),
    ("javascript", "function f() {\n  con<CURSOR>st g = () => {};\n}\n", "g"),
    ("javascript", "function f() { function g() { <CURSOR> } }\n", "g"),
    ("cpp", "NAMESPACE(a)\nnamespace detail {\n  <CURSOR>int a;\n}\n", None),
    ("python", "def f(a):\n    return map(lambda x: <CURSOR>x, a)\n", "f"),
    ("python", "def f(a):\n    return a\n<CURSOR>\nx = 1\n", None),
    ("python", "import os\n<CURSOR>x = 1\n\ndef f(): pass\n", None),
    ("python", "class A:\n    x = <CURSOR>1\n\n    def f(self): pass\n", None),
    ("python", "<CURSOR>", None),
    ("javascript", "f(() => {\n  <CURSOR>\n});\n", None),
    ("javascript", "function g() {\n  f(() => {\n    <CURSOR>\n  });\n}\n", "g"),
    ("javascript", "export const f = async (a) => {\n  <CURSOR>\n};\n", "f"),
    ("javascript", "/**\n * Do<CURSOR>es.\n */\nexport const f = (a) => a;\n", "f"),
    ("javascript", "const o = {\n  n: function (b) {<CURSOR>},\n};\n", "n"),
    ("javascriptreact", "const A = () => {\n  return <p onClick={() => <CURSOR>x}/>;\n};\n", "A"),
    ("typescript", "class A<T> {\n  private f(a: T): void {\n    <CURSOR>\n  }\n}\n", "A.f"),
    ("typescript", "interface I {\n  f(a: <CURSOR>string): void;\n}\n", "I.f"),
    ("typescriptreact", "function A(): Node {\n  return <p><CURSOR></p>;\n}\n", "A"),
    ("java", "class A {\n  @Ove<CURSOR>rride\n  int f(String s) {\n    return 1;\n  }\n}\n", "A.f"),
    ("java", "class A {\n  void f() {\n    run(() -> { <CURSOR> });\n  }\n}\n", "A.f"),
    ("java", "class A {\n  <CURSOR>int a;\n  void f() {}\n}\n", None),
    ("c", "/** Does.<CURSOR> */\nstatic int *f(int a)\n{\n  return 0;\n}\n", "f"),
    ("c", "static int *f(int a)\n{\n  <CURSOR>\n}\n", "f"),
    ("cpp", "template <class T><CURSOR>\nT A::g(T a) {\n  return a;\n}\n", "A.g"),
    ("cpp", "namespace n {\nclass A {\n  void f() const { <CURSOR> }\n};\n}\n", "A.f"),
    ("go", "package a\n\nfunc (s *S[T]) F(a int) error {\n\tgo func() {<CURSOR>}()\n}\n", "S.F"),
    ("rust", "#[inli<CURSOR>ne]\n#[must_use]\nfn f() -> i32 {\n    1\n}\n", "f"),
    ("rust", "impl T for S {\n    fn f(&self) -> i32 {\n        <CURSOR>\n    }\n}\n", "S.f"),
]


@pytest.mark.parametrize(("language_id", "marked", "name"), PLACES)
def test_a_place_is_in_the_innermost_function_with_a_name(
    language_id: str, marked: str, name: str | None
) -> None:
    found = function_at(marked, language_id)

    assert (found.qualified_name if found else None) == name


SIGNATURES = [
    ("python",
     "class A:\n    async def f(self, a, /, b: int, *args, c=3, d: str = 'x', **kw) -> int: ...\n",
     "A.f", [("a", "", ""), ("b", "int", ""), ("args", "", ""), ("c", "", "3"),
             ("d", "str", "'x'"), ("kw", "", "")], "int"),
    ("python", "def f(*, a) -> None: ...\n", "f", [("a", "", "")], ""),
    ("javascript", "function f(a, b = 1, {c, d}, ...r) {}\n", "f",
     [("a", "", ""), ("b", "", "1"), ("{c, d}", "", ""), ("r", "", "")], ""),
    ("javascript", "module.exports.k = x => x;\n", "k", [("x", "", "")], ""),
    ("typescript", "function f<T>(this: X, a: T, b?: number, ...r: any[]): Promise<T> {}\n", "f",
     [("a", "T", ""), ("b", "number", ""), ("r", "any[]", "")], "Promise<T>"),
    ("java", "class A { <U> List<U> f(final String s, int... xs) { return null; } }\n", "A.f",
     [("s", "String", ""), ("xs", "int", "")], "List<U>"),
    ("c", "static const char *f(const char *a, int b[3], void (*cb)(int), ...) { }\n", "f",
     [("a", "const char *", ""), ("b", "int [3]", ""), ("cb", "void (*)(int)", "")],
     "const char *"),
    ("c", "void f(void) { }\n", "f", [], ""),
    ("cpp", "auto A::f(const std::string& s, int n = 2) -> int { return n; }\n", "A.f",
     [("s", "const std::string&", ""), ("n", "int", "2")], "int"),
    ("go", "package a\nfunc (s *S) F(a, b int, c ...string) (int, error) { return 0, nil }\n",
     "S.F", [("a", "int", ""), ("b", "int", ""), ("c", "string", "")], "(int, error)"),
    ("rust", "pub fn f(mut a: i32, (b, c): (i32, u8)) -> Result<i32, E> { Ok(1) }\n", "f",
     [("a", "i32", ""), ("(b, c)", "(i32, u8)", "")], "Result<i32, E>"),
]  # fmt: skip


@pytest.mark.parametrize(("language_id", "text", "name", "parameters", "result"), SIGNATURES)
def test_a_signature_tells_its_parameters_and_its_result(
    language_id: str, text: str, name: str, parameters: list[tuple[str, str, str]], result: str
) -> None:
    found = functions(text, language_id)[name]

    assert [(each.name, each.type, each.default) for each in found.parameters] == parameters
    assert found.return_type == result


def test_receivers_are_no_parameters() -> None:
    python = functions("class A:\n    def f(self): ...\n    def g(): ...\n", "python")
    rust = functions("impl A {\n fn f(&mut self) {}\n fn g(self: Box<Self>) {}\n}\n", "rust")

    assert [each.has_receiver for each in python.values()] == [True, False]
    assert [(each.has_receiver, each.parameters) for each in rust.values()] == [(True, ())] * 2


RAISES = [
    ("python", "def f():\n    raise ValueError(1)\n    raise errors.Lost from e\n    raise\n"
     "    raise error\n    def g():\n        raise KeyError\n", ("ValueError", "errors.Lost")),
    ("javascript", "function f() { throw new TypeError('a'); throw e; }\n", ("TypeError",)),
    ("java", "class A { void f() throws IOException, E { throw new X(\"\"); } }\n",
     ("IOException", "E", "X")),
    ("cpp", "void f() { throw std::runtime_error(\"x\"); }\n", ("std::runtime_error",)),
]  # fmt: skip


@pytest.mark.parametrize(("language_id", "text", "raises"), RAISES)
def test_exceptions_are_those_that_the_function_itself_names(
    language_id: str, text: str, raises: tuple[str, ...]
) -> None:
    found = functions(text, language_id)

    assert next(iter(found.values())).raises == raises


def test_what_a_function_gives_is_told_by_its_own_returns() -> None:
    found = functions(
        "def a():\n    return\ndef b():\n    return 1\ndef c():\n    yield 1\n"
        "def d():\n    def e():\n        return 1\n",
        "python",
    )

    assert {name: each.gives_value for name, each in found.items()} == {
        "a": False, "b": True, "c": False, "d": False, "e": True,
    }  # fmt: skip
    assert found["c"].is_generator
    assert found["e"].is_local


DOCSTRINGS = [
    ("python", "def f():\n    '''Does.'''\n", "'''Does.'''"),
    ("python", "def f():\n    x = 1\n    'no doc'\n", None),
    ("python", "# No doc.\ndef f(): pass\n", None),
    ("javascript", "/** Does. */\nexport function f() {}\n", "/** Does. */"),
    ("javascript", "/** Of the file. */\n\nfunction f() {}\n", None),
    ("javascript", "// no doc\nfunction f() {}\n", None),
    ("typescript", "class A {\n  /** Does. */\n  @deco()\n  f() {}\n}\n", "/** Does. */"),
    ("java", "class A {\n  /** Does. */\n  @Override\n  void f() {}\n}\n", "/** Does. */"),
    ("c", "/// One.\n/// Two.\nvoid f(void) {}\n", "/// One.\n/// Two."),
    ("cpp", "/** Does. */\ntemplate <class T>\nvoid f(T a) {}\n", "/** Does. */"),
    ("cpp", "int a; ///< of a\nvoid f() {}\n", None),
    ("go", "package a\n\n// F does.\n// More.\nfunc F() {}\n", "// F does.\n// More."),
    ("rust", "//! Of the module.\n/// Does.\n#[inline]\nfn f() {}\n", "/// Does."),
]


@pytest.mark.parametrize(("language_id", "text", "docstring"), DOCSTRINGS)
def test_a_docstring_stands_where_its_language_wants_it(
    language_id: str, text: str, docstring: str | None
) -> None:
    found = next(iter(functions(text, language_id).values())).docstring

    assert (found.text if found else None) == docstring


PARTS = [
    ("python", "@deco\ndef f(a):\n    return a\n\n", "@deco\ndef f(a):", "return a"),
    ("python", "def f(a): return a\n", "def f(a):", "return a"),
    ("javascript", "export const f = (a) => {\n  a();\n};\n", "export const f = (a) => {", "a();"),
    ("javascript", "export const f = a => a + 1;\n", "export const f = a =>", "a + 1"),
    ("rust", "#[inline]\nfn f() {\n    g();\n}\n", "#[inline]\nfn f() {", "g();"),
    ("c", "int f(int a)\n{\n}\n", "int f(int a)\n{", ""),
]


@pytest.mark.parametrize(("language_id", "text", "head", "body"), PARTS)
def test_a_function_has_a_head_and_a_body(
    language_id: str, text: str, head: str, body: str
) -> None:
    found = functions(text, language_id)["f"]

    assert text[found.start : found.signature_end].rstrip() == head
    assert text[found.body_start : found.body_end] == body
    assert text[found.start : found.end] == text.strip()


def test_a_declaration_has_no_body() -> None:
    found = functions("interface I {\n  f(a: string): void;\n}\n", "typescript")["I.f"]

    assert not found.has_body


def test_a_place_for_a_docstring_is_behind_the_signature_in_python_and_before_it_elsewhere() -> (
    None
):
    python = functions("class A:\n    @p\n    def f(a): return a\n", "python")["A.f"]
    java = functions("class A {\n  @P\n  int f() { return 1; }\n}\n", "java")["A.f"]

    assert python.docstring_place == len("class A:\n    @p\n    def f(a):")
    assert (java.docstring_place, java.indentation) == (len("class A {\n  "), "  ")
    assert (python.decorators, java.decorators) == (("p",), ("P",))
