"""What syntax says in every language that has a grammar."""

from __future__ import annotations

import pytest

from codelsp.document.grammars import NODE_TYPES
from codelsp.document.languages import LANGUAGES, language_of
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import SyntaxTree, TextKind, parse
from tests.documents import at_cursor


def tree_at(marked: str, language_id: str) -> tuple[SyntaxTree, int]:
    document, offset = at_cursor(marked, language_id, "file:///project/example")
    tree = parse(document)
    assert tree is not None
    return tree, offset


def tree_of(text: str, language_id: str) -> SyntaxTree:
    tree = parse(DocumentSnapshot.of("file:///a", language_id, 1, text))
    assert tree is not None
    return tree


SCOPES = [
    ("javascript", "class A {\n  f(x) {\n    <CURSOR>\n  }\n}\n", ["class A {", "f(x) {"]),
    ("javascript", "export const f = async (a) => {\n  <CURSOR>\n};\n",
     ["export const f = async (a) => {"]),
    ("javascript", "function* g() {\n  <CURSOR>\n}\n", ["function* g() {"]),
    ("javascriptreact", "const A = () => {\n  return <p>{<CURSOR>}</p>;\n};\n",
     ["const A = () => {"]),
    ("typescript",
     "namespace N {\n  class A<T> {\n    f(a: T): void {\n      <CURSOR>\n    }\n  }\n}\n",
     ["namespace N {", "class A<T> {", "f(a: T): void {"]),
    ("typescript", "interface I {\n  <CURSOR>\n}\n", ["interface I {"]),
    ("typescriptreact", "function A(): Node {\n  return <p><CURSOR></p>;\n}\n",
     ["function A(): Node {"]),
    ("java", "public class A {\n  @Override\n  int f(String s) throws E {\n    <CURSOR>\n  }\n}\n",
     ["public class A {", "@Override\n  int f(String s) throws E {"]),
    ("java", "record R(int a) {\n  R {\n    <CURSOR>\n  }\n}\n", ["record R(int a) {", "R {"]),
    ("c", "static int *f(int a)\n{\n  <CURSOR>\n}\n", ["static int *f(int a)\n{"]),
    ("c", "typedef struct S {\n  int <CURSOR>a;\n} S;\n", ["typedef struct S {"]),
    ("cpp", "namespace n {\nclass A : B {\n  void f() const {\n    <CURSOR>\n  }\n};\n}\n",
     ["namespace n {", "class A : B {", "void f() const {"]),
    ("cpp", "int A::g(int a) {\n  <CURSOR>\n}\n", ["int A::g(int a) {"]),
    ("go", "package a\n\nfunc (s *S) F(a int) error {\n\t<CURSOR>\n}\n",
     ["func (s *S) F(a int) error {"]),
    ("go", "package a\n\ntype S struct {\n\t<CURSOR>\n}\n", ["type S struct {"]),
    ("rust", "impl T for S {\n    fn f(&self) -> i32 {\n        <CURSOR>\n    }\n}\n",
     ["impl T for S {", "fn f(&self) -> i32 {"]),
    ("rust", "mod m {\n    pub trait T {\n        <CURSOR>\n    }\n}\n",
     ["mod m {", "pub trait T {"]),
    ("csharp", "namespace N {\n  class A {\n    int F(int a) {\n      <CURSOR>\n    }\n  }\n}\n",
     ["namespace N {", "class A {", "int F(int a) {"]),
    ("ruby", "module M\n  class A < B\n    def f(a)\n      <CURSOR>\n    end\n  end\nend\n",
     ["module M", "class A < B", "def f(a)"]),
    ("ruby", "class A\n  def self.g\n    x<CURSOR>\n  end\nend\n", ["class A", "def self.g"]),
    ("php",
     "<?php\nclass A extends B {\n  public function f(int $a): int {\n    <CURSOR>\n  }\n}\n",
     ["class A extends B {", "public function f(int $a): int {"]),
    ("shellscript", "f() {\n  <CURSOR>\n}\n", ["f() {"]),
    ("shellscript", "function g {\n  x<CURSOR>\n}\n", ["function g {"]),
    ("lua", "function M.f(a)\n  <CURSOR>\nend\n", ["function M.f(a)"]),
    ("lua", "local g = function(a)\n  x()<CURSOR>\nend\n", ["local g = function(a)"]),
]  # fmt: skip


@pytest.mark.parametrize(("language_id", "marked", "signatures"), SCOPES)
def test_the_signatures_around_a_place(
    language_id: str, marked: str, signatures: list[str]
) -> None:
    tree, offset = tree_at(marked, language_id)

    text = tree.document.text
    scopes = [scope for scope in tree.scopes_at(offset) if scope.kind != "block"]
    assert [text[scope.start : scope.signature_end] for scope in scopes] == signatures


NAMES = [
    ("javascript", "const h = () => {\n  <CURSOR>\n};\n", "h"),
    ("javascript", "const o = {\n  k: function () {\n    <CURSOR>\n  },\n};\n", "k"),
    ("c", "int (*f(void))(int) {\n  <CURSOR>\n}\n", "f"),
    ("cpp", "void A::f() {\n  <CURSOR>\n}\n", "A::f"),
    ("go", "package a\nfunc F() {\n\t<CURSOR>\n}\n", "F"),
    ("rust", "impl S {\n    <CURSOR>\n}\n", "S"),
    ("lua", "function M:n()\n  <CURSOR>\nend\n", "M:n"),
    ("php", "<?php\nfunction f() {\n  <CURSOR>\n}\n", "f"),
    ("java", "class A {\n  A() {\n    <CURSOR>\n  }\n}\n", "A"),
]


@pytest.mark.parametrize(("language_id", "marked", "name"), NAMES)
def test_the_name_of_the_innermost_scope(language_id: str, marked: str, name: str) -> None:
    tree, offset = tree_at(marked, language_id)

    assert tree.scopes_at(offset)[-1].name == name


# Files that end at the cursor, as when a person types from top to bottom: nothing is closed.
UNCLOSED = [
    ("javascript", "class A {\n  f(x) {\n    if (x) {\n      <CURSOR>", ["A", "f"]),
    ("typescript", "export const f = (a: number) => {\n  return a.<CURSOR>", ["f"]),
    ("java", "class A {\n  int f(int a) {\n    x = g(<CURSOR>", ["A", "f"]),
    ("c", "int f(int a)\n{\n  if (a) {\n    x = g(<CURSOR>", ["f"]),
    ("cpp", "class A {\n  void f(int a) {\n    a.<CURSOR>", ["A", "f"]),
    ("go", "package a\n\nfunc (s *S) F(a int) {\n\tif a {\n\t\tx(<CURSOR>", ["F"]),
    ("rust", "impl S {\n    fn f(&self) {\n        let x = (<CURSOR>", ["S", "f"]),
    ("csharp", "class A {\n    int F(\n        int a\n    ) {\n        x = (<CURSOR>", ["A", "F"]),
    ("ruby", "class A\n  def f(a)\n    x = (<CURSOR>", ["A", "f"]),
    ("php", "<?php\nclass A {\n  public function f($a) {\n    $x = (<CURSOR>", ["A", "f"]),
    ("lua", "function M.f(a)\n  if a then\n    x(<CURSOR>", ["M.f"]),
    ("shellscript", "f() {\n  if a; then\n    x \"<CURSOR>", ["f"]),
    ("python", "class A:\n    def f(\n        self,\n    ):\n        x = (<CURSOR>", ["A", "f"]),
]  # fmt: skip


@pytest.mark.parametrize(("language_id", "marked", "names"), UNCLOSED)
def test_the_enclosing_function_is_known_in_a_file_that_ends_at_the_cursor(
    language_id: str, marked: str, names: list[str]
) -> None:
    tree, offset = tree_at(marked, language_id)

    assert [scope.name for scope in tree.scopes_at(offset) if scope.kind != "block"] == names


KINDS = [
    ("javascript", "x = `a${<CURSOR>b}`", TextKind.CODE),
    ("javascript", "x = `a<CURSOR>${b}`", TextKind.STRING),
    ("javascript", "x = `a<CURSOR>", TextKind.STRING),
    ("javascript", "// a<CURSOR>\n", TextKind.COMMENT),
    ("javascript", "/* a<CURSOR> */", TextKind.COMMENT),
    ("javascript", "/* a */<CURSOR>", TextKind.CODE),
    ("javascript", "/** a<CURSOR> */\nfunction f() {}", TextKind.DOCSTRING),
    ("javascript", "x = /a<CURSOR>b/;", TextKind.STRING),
    ("javascriptreact", "x = <p class='<CURSOR>'>a</p>", TextKind.STRING),
    ("typescript", "let x: 'a<CURSOR>'", TextKind.STRING),
    ("typescriptreact", "let x = <p>a<CURSOR></p>", TextKind.CODE),
    ("java", "/** Doc<CURSOR> */ class A {}", TextKind.DOCSTRING),
    ("java", 'class A { String s = """\n  a<CURSOR>\n  """; }', TextKind.STRING),
    ("c", "#include <std<CURSOR>io.h>\n", TextKind.STRING),
    ("c", "char c = '<CURSOR>a';", TextKind.STRING),
    ("c", 'int f(void) { puts("a<CURSOR>', TextKind.STRING),
    ("cpp", 'auto s = R"(a<CURSOR>)";', TextKind.STRING),
    ("cpp", "/// Doc<CURSOR>\nint a;", TextKind.DOCSTRING),
    ("go", "package a\nvar s = `a\n<CURSOR>b`\n", TextKind.STRING),
    ("go", "package a\n// c<CURSOR>\n", TextKind.COMMENT),
    ("rust", "/// Doc<CURSOR>\nfn f() {}", TextKind.DOCSTRING),
    ("rust", "fn f() { // c<CURSOR>\n}", TextKind.COMMENT),
    ("rust", "fn f<'a>(x: &'a str<CURSOR>) {}", TextKind.CODE),
    ("rust", "fn f() {\n    let x: &'a str = g(<CURSOR>", TextKind.CODE),
    ("csharp", 'class A { string s = $"a{<CURSOR>b}"; }', TextKind.CODE),
    ("csharp", 'class A { string s = @"a<CURSOR>"; }', TextKind.STRING),
    ("csharp", "/// <summary>a<CURSOR></summary>\nclass A {}", TextKind.DOCSTRING),
    ("ruby", 'x = "a#{<CURSOR>b}"', TextKind.CODE),
    ("ruby", "x = <<~A\n  b<CURSOR>\nA\n", TextKind.STRING),
    ("ruby", "=begin\na<CURSOR>\n=end\n", TextKind.COMMENT),
    ("php", "<?php\n$a = 'b<CURSOR>';", TextKind.STRING),
    ("php", "<?php\n# c<CURSOR>\n", TextKind.COMMENT),
    ("php", "<?php\n/** Doc<CURSOR> */\nfunction f() {}", TextKind.DOCSTRING),
    ("php", "<b>a<CURSOR></b>\n<?php\n", TextKind.CODE),
    ("shellscript", "x='a<CURSOR>'", TextKind.STRING),
    ("shellscript", 'x="a$(<CURSOR>ls)"', TextKind.CODE),
    ("shellscript", "cat <<A\nb<CURSOR>\nA\n", TextKind.STRING),
    ("shellscript", "# c<CURSOR>\n", TextKind.COMMENT),
    ("lua", "x = [[a\n<CURSOR>b]]", TextKind.STRING),
    ("lua", "-- c<CURSOR>\n", TextKind.COMMENT),
    ("lua", "--[[ c<CURSOR> ]]", TextKind.COMMENT),
    ("lua", "--- Doc<CURSOR>\n", TextKind.DOCSTRING),
    ("html", '<a href="b<CURSOR>">c</a>', TextKind.STRING),
    ("html", "<!-- c<CURSOR> -->", TextKind.COMMENT),
    ("html", "<p>a<CURSOR></p>", TextKind.CODE),
    ("css", "a { b: url('c<CURSOR>'); }", TextKind.STRING),
    ("css", "/* c<CURSOR> */", TextKind.COMMENT),
    ("json", '{"a<CURSOR>": 1}', TextKind.STRING),
    ("jsonc", "{} // c<CURSOR>\n", TextKind.COMMENT),
    ("yaml", "a: 'b<CURSOR>'\n", TextKind.STRING),
    ("yaml", "# c<CURSOR>\n", TextKind.COMMENT),
    ("toml", 'a = "b<CURSOR>"\n', TextKind.STRING),
    ("toml", "# c<CURSOR>\n", TextKind.COMMENT),
    ("markdown", "# Title\n\ntext<CURSOR>\n", TextKind.CODE),
]


@pytest.mark.parametrize(("language_id", "marked", "kind"), KINDS)
def test_the_kind_of_text_at_a_place(language_id: str, marked: str, kind: TextKind) -> None:
    tree, offset = tree_at(marked, language_id)

    assert tree.text_kind_at(offset) is kind


IMPORTS = [
    ("javascript", "import a from 'a';\nconst b = require('b');\nf();\n",
     ["import a from 'a';", "const b = require('b');"]),
    ("typescript", "import type { A } from 'a';\nlet x = 1;\n", ["import type { A } from 'a';"]),
    ("typescriptreact", "import a from 'a';\n", ["import a from 'a';"]),
    ("java", "package a;\nimport b.*;\nclass A {}\n", ["package a;", "import b.*;"]),
    ("c", "#ifndef A_H\n#define A_H\n#include <b.h>\n#endif\n", ["#include <b.h>"]),
    ("cpp", "#include <a>\nusing namespace b;\nint c;\n", ["#include <a>", "using namespace b;"]),
    ("go", 'package a\nimport (\n\t"b"\n)\nvar c = 1\n', ["package a", 'import (\n\t"b"\n)']),
    ("rust", "use a::b;\nextern crate c;\nfn f() {}\n", ["use a::b;", "extern crate c;"]),
    ("csharp", "using A;\nnamespace N {\n  using B;\n}\n", ["using A;", "using B;"]),
    ("ruby", "require 'a'\nrequire_relative 'b'\nputs 1\n",
     ["require 'a'", "require_relative 'b'"]),
    ("php", "<?php\nuse A\\B;\nrequire_once 'c.php';\nf();\n",
     ["use A\\B;", "require_once 'c.php';"]),
    ("shellscript", "source a.sh\n. b.sh\nls\n", ["source a.sh", ". b.sh"]),
    ("lua", 'local a = require("a")\nrequire "b"\nc()\n',
     ['local a = require("a")', 'require "b"']),
    ("css", "@import 'a.css';\nb { c: d }\n", ["@import 'a.css';"]),
]  # fmt: skip


@pytest.mark.parametrize(("language_id", "text", "imports"), IMPORTS)
def test_imports_are_found(language_id: str, text: str, imports: list[str]) -> None:
    spans = tree_of(text, language_id).import_spans()

    assert [text[start:end] for start, end in spans] == imports


EMPTY = [
    ("javascript", "function f() {<CURSOR>}"),
    ("javascript", "function f() {\n  <CURSOR>\n}\n"),
    ("javascript", "const f = () => {\n  <CURSOR>\n};\n"),
    ("javascript", "a.map((x) => {<CURSOR>});\n"),
    ("javascript", "if (a) {\n  // why\n  <CURSOR>\n}\n"),
    ("javascript", "function f() {\n  <CURSOR>\n\nfunction g() {\n}\n"),
    ("javascriptreact", "function A() {\n  <CURSOR>\n}\n"),
    ("typescript", "class A {\n  f(): void {\n    <CURSOR>\n  }\n}\n"),
    ("typescript", "interface I {\n  <CURSOR>\n}\n"),
    ("typescriptreact", "const A = (): X => {\n  <CURSOR>\n};\n"),
    ("java", "class A {\n  void f() {\n    <CURSOR>\n  }\n}\n"),
    ("java", "class A {\n  <CURSOR>\n}\n"),
    ("c", "int f(void)\n{\n  <CURSOR>\n}\n"),
    ("c", "struct S {\n  <CURSOR>\n};\n"),
    ("cpp", "for (auto a : b) {\n  <CURSOR>\n}\n"),
    ("go", "package a\n\nfunc F() error {\n\t<CURSOR>\n}\n"),
    ("go", "package a\n\nfunc F() {\n\tswitch a {\n\t<CURSOR>\n\t}\n}\n"),
    ("rust", "fn f() -> i32 {\n    <CURSOR>\n}\n"),
    ("rust", "fn f() {\n    match a {\n        <CURSOR>\n    }\n}\n"),
    ("csharp", "class A {\n  void F() {\n    <CURSOR>\n  }\n}\n"),
    ("ruby", "def f(a)\n  <CURSOR>\nend\n"),
    ("ruby", "class A\n  <CURSOR>\nend\n"),
    ("ruby", "a.each do |b|\n  <CURSOR>\nend\n"),
    ("php", "<?php\nfunction f() {\n  <CURSOR>\n}\n"),
    ("shellscript", "f() {\n  <CURSOR>\n}\n"),
    ("shellscript", "if a; then\n  <CURSOR>\nfi\n"),
    ("shellscript", "for a in b; do\n  <CURSOR>\ndone\n"),
    ("lua", "function f(a)\n  <CURSOR>\nend\n"),
    ("lua", "if a then\n  <CURSOR>\nend\n"),
    ("css", "a {\n  <CURSOR>\n}\n"),
    ("json", '{\n  "a": {\n    <CURSOR>\n  }\n}\n'),
    ("yaml", "a:\n  <CURSOR>\nb: 1\n"),
]


@pytest.mark.parametrize(("language_id", "marked"), EMPTY)
def test_an_empty_body_is_seen_as_one(language_id: str, marked: str) -> None:
    tree, offset = tree_at(marked, language_id)

    assert tree.is_empty_block_start(offset)


NOT_EMPTY = [
    ("javascript", "const o = {<CURSOR>};\n"),
    ("javascript", "f({<CURSOR>});\n"),
    ("javascript", "import {<CURSOR>} from 'a';\n"),
    ("javascript", "function f() {\n  <CURSOR>\n  return 1;\n}\n"),
    ("javascript", "function f() {\n  return 1;\n  <CURSOR>\n}\n"),
    ("typescript", "const x = a ? b :<CURSOR>\n"),
    ("java", "class A {\n  int[] a = {<CURSOR>};\n}\n"),
    ("c", "int a[] = {<CURSOR>};\n"),
    ("go", "package a\n\nvar a = []int{<CURSOR>}\n"),
    ("rust", "fn f() { let s = S {<CURSOR>}; }\n"),
    ("ruby", "h = {<CURSOR>}\n"),
    ("lua", "t = {<CURSOR>}\n"),
    ("markdown", "text:\n<CURSOR>\n"),
    ("toml", "[a]\n<CURSOR>\n"),
    ("html", "<p><CURSOR></p>\n"),
]


@pytest.mark.parametrize(("language_id", "marked"), NOT_EMPTY)
def test_what_is_no_empty_body_is_not_taken_for_one(language_id: str, marked: str) -> None:
    tree, offset = tree_at(marked, language_id)

    assert not tree.is_empty_block_start(offset)


ENDS = [
    ("javascript", "f(1);¶\nif (a) {\n  b();¶\n}¶\n"),
    ("javascript", "switch (a) {\n  case 1:\n    b();¶\n}¶\n"),
    ("typescript", "interface I {\n  a: number;¶\n}¶\n"),
    ("java", "class A {\n  int a = 1;¶\n  void f() {\n    g();¶\n  }¶\n}¶\n"),
    ("c", "int f(int a) {\n  if (a)\n    return 1;¶\n  return 0;¶\n}¶\n"),
    ("cpp", "class A {\n  int a;¶\n};¶\n"),
    ("go", "package a¶\n\nfunc F() {\n\tb()¶\n\tfor {\n\t\tc()¶\n\t}¶\n}¶\n"),
    ("rust", "fn f() {\n    a();¶\n    match b {\n        1 => c(),¶\n    }¶\n}¶\n"),
    ("csharp", "class A {\n  void F() {\n    b();¶\n  }¶\n}¶\n"),
    ("ruby", "def f\n  a¶\n  b do\n    c¶\n  end¶\nend¶\n"),
    ("php", "<?php\nfunction f() {\n  g();¶\n}¶\n"),
    ("shellscript", "if a; then\n  b¶\nfi¶\nc¶\n"),
    ("lua", "if a then\n  b()¶\nend¶\nlocal c = 1¶\n"),
    ("html", "<div>\n  <p>a</p>¶\n</div>¶\n"),
    ("css", "a {\n  b: c;¶\n}¶\n"),
    ("json", '{\n  "a": [\n    1,¶\n    2¶\n  ],¶\n  "b": 3¶\n}¶\n'),
    ("yaml", "a: 1¶\nb:\n  - c¶\n  - d¶\n"),
    ("toml", 'a = 1¶\n[b]\nc = "d"¶\n'),
    ("markdown", "# a¶\n\nb\nc¶\n"),
]


@pytest.mark.parametrize(("language_id", "marked"), ENDS)
def test_statements_end_where_a_person_would_say_so(language_id: str, marked: str) -> None:
    text = marked.replace("¶", "")
    found = tree_of(text, language_id).statement_ends(0, len(text))

    for end in reversed(found):
        text = text[:end] + "¶" + text[end:]
    assert text == marked


# What a model has written so far: whole statements, and one that is still being written.
PARTIAL = [
    ("python", "def f():\n    a = 1¶\n    if a:\n        b()¶\n    c = (\n"),
    ("javascript", "function f() {\n  a = 1;¶\n  if (a) {\n    b();¶\n    c(\n"),
    ("java", "class A {\n  void f() {\n    a();¶\n    b(\n"),
    ("c", "int f(void) {\n  a();¶\n  b(\n"),
    ("go", "package a¶\n\nfunc F() {\n\ta()¶\n\tb(\n"),
    ("rust", "fn f() {\n    a();¶\n    b(\n"),
]


@pytest.mark.parametrize(("language_id", "marked"), PARTIAL)
def test_statements_before_an_unfinished_one_are_whole(language_id: str, marked: str) -> None:
    text = marked.replace("¶", "")
    wanted = marked.split("¶")[:-1]
    found = tree_of(text, language_id).statement_ends(0, len(text))

    assert {len("".join(wanted[: n + 1])) for n in range(len(wanted))} <= set(found)


def test_every_grammar_is_tested_here() -> None:
    cases = [*SCOPES, *KINDS, *IMPORTS, *EMPTY, *ENDS]
    tested = {language_of(case[0]).grammar for case in cases}

    assert set(NODE_TYPES) - {"python"} <= tested
    assert {language.grammar for language in LANGUAGES if language.grammar} - {"python"} <= tested


BLOCKS = [
    ("javascript", "function f() {\n  if (a) {\n    <CURSOR>b();\n  }|\n}\n"),
    ("c", "int f(void) {\n  <CURSOR>return 1;\n}|\n"),
    ("ruby", "def f\n  a<CURSOR>\n  b|\nend\n"),
    ("css", "a {\n  <CURSOR>b: c;\n}|\n"),
]


@pytest.mark.parametrize(("language_id", "marked"), BLOCKS)
def test_the_innermost_body_ends_with_its_brace(language_id: str, marked: str) -> None:
    end = marked.replace("<CURSOR>", "").index("|")
    tree, offset = tree_at(marked.replace("|", ""), language_id)

    assert tree.block_end(offset) == end
