"""Languages: what an editor calls them, their comment marks and block style, and their grammar.

To add a language, add a row here; if it has a grammar, add its node types to ``grammars.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

BlockStyle = Literal["indentation", "braces", "keywords", "tags", "prose", "plain"]
"""How a language shows where a block ends: ``keywords`` means words such as ``end`` or ``fi``."""


@dataclass(frozen=True)
class Language:
    """A language as the rooms need to know it."""

    id: str
    """The LSP language id."""
    name: str
    grammar: str | None
    """The name of its tree-sitter grammar; None if there is none."""
    line_comment: str | None
    block_comment: tuple[str, str] | None
    style: BlockStyle
    extensions: tuple[str, ...] = ()
    """File name ends, with their dot, or whole file names; all in lower case."""
    aliases: tuple[str, ...] = ()
    """Other ids that editors use for it."""
    quotes: tuple[str, ...] = ('"', "'")
    """What may begin and end a string literal, longest first."""
    doc_comments: tuple[str, ...] = ()
    """How a comment begins that documents what follows it."""


_C_BLOCK = ("/*", "*/")
_MARKUP = ("<!--", "-->")
_TRIPLE = ('"""', "'''", '"', "'")
_WITH_BACKTICK = ('"', "'", "`")

_LANGUAGES = (
    Language(
        "python",
        "Python",
        "python",
        "#",
        None,
        "indentation",
        (".py", ".pyi", ".pyw", "sconstruct", "wscript"),
        ("py",),
        _TRIPLE,
    ),
    Language(
        "javascript",
        "JavaScript",
        "javascript",
        "//",
        _C_BLOCK,
        "braces",
        (".js", ".mjs", ".cjs"),
        ("js",),
        _WITH_BACKTICK,
        ("/**",),
    ),
    Language(
        "javascriptreact",
        "JavaScript JSX",
        "javascript",
        "//",
        _C_BLOCK,
        "braces",
        (".jsx",),
        ("jsx", "javascript.jsx"),
        _WITH_BACKTICK,
        ("/**",),
    ),
    Language(
        "typescript",
        "TypeScript",
        "typescript",
        "//",
        _C_BLOCK,
        "braces",
        (".ts", ".mts", ".cts"),
        ("ts",),
        _WITH_BACKTICK,
        ("/**",),
    ),
    Language(
        "typescriptreact",
        "TypeScript JSX",
        "tsx",
        "//",
        _C_BLOCK,
        "braces",
        (".tsx",),
        ("tsx", "typescript.tsx"),
        _WITH_BACKTICK,
        ("/**",),
    ),
    Language(
        "java",
        "Java",
        "java",
        "//",
        _C_BLOCK,
        "braces",
        (".java",),
        (),
        ('"""', '"', "'"),
        ("/**",),
    ),
    Language(
        "c",
        "C",
        "c",
        "//",
        _C_BLOCK,
        "braces",
        (".c", ".h"),
        (),
        ('"', "'"),
        ("/**", "/*!", "///", "//!"),
    ),
    Language(
        "cpp",
        "C++",
        "cpp",
        "//",
        _C_BLOCK,
        "braces",
        (".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".ipp", ".inl"),
        ("c++", "cuda-cpp"),
        ('"', "'"),
        ("/**", "/*!", "///", "//!"),
    ),
    Language("go", "Go", "go", "//", _C_BLOCK, "braces", (".go",), ("golang",), _WITH_BACKTICK),
    Language(
        "rust",
        "Rust",
        "rust",
        "//",
        _C_BLOCK,
        "braces",
        (".rs",),
        ("rs",),
        ('"',),
        ("///", "//!", "/**", "/*!"),
    ),
    Language(
        "csharp",
        "C#",
        "csharp",
        "//",
        _C_BLOCK,
        "braces",
        (".cs", ".csx"),
        ("cs", "c#"),
        ('"""', '"', "'"),
        ("///", "/**"),
    ),
    Language(
        "ruby",
        "Ruby",
        "ruby",
        "#",
        ("=begin", "=end"),
        "keywords",
        (".rb", ".rake", ".gemspec", ".ru", "gemfile", "rakefile", "vagrantfile"),
        ("rb",),
        _WITH_BACKTICK,
    ),
    Language(
        "php",
        "PHP",
        "php",
        "//",
        _C_BLOCK,
        "braces",
        (".php", ".phtml", ".php5"),
        (),
        ('"', "'"),
        ("/**",),
    ),
    Language(
        "shellscript",
        "Bash",
        "bash",
        "#",
        None,
        "keywords",
        (".sh", ".bash", ".zsh", ".ksh", ".bashrc", ".bash_profile", ".profile", ".zshrc"),
        ("bash", "sh", "zsh", "shell", "shell-script"),
        _WITH_BACKTICK,
    ),
    Language(
        "lua",
        "Lua",
        "lua",
        "--",
        ("--[[", "]]"),
        "keywords",
        (".lua", ".rockspec"),
        (),
        ('"', "'"),
        ("---",),
    ),
    Language("html", "HTML", "html", None, _MARKUP, "tags", (".html", ".htm", ".xhtml"), ("htm",)),
    Language("css", "CSS", "css", None, _C_BLOCK, "braces", (".css",)),
    Language(
        "json",
        "JSON",
        "json",
        None,
        None,
        "braces",
        (
            ".json",
            ".webmanifest",
            ".ipynb",
            ".geojson",
        ),
        (),
        ('"',),
    ),
    Language(
        "jsonc",
        "JSON with comments",
        "json",
        "//",
        _C_BLOCK,
        "braces",
        (".jsonc", "tsconfig.json", "jsconfig.json", ".code-workspace"),
        ("json5", "jsonl"),
        ('"',),
    ),
    Language(
        "yaml",
        "YAML",
        "yaml",
        "#",
        None,
        "indentation",
        (".yaml", ".yml", ".clang-format"),
        ("yml", "docker-compose", "github-actions-workflow"),
    ),
    Language(
        "toml",
        "TOML",
        "toml",
        "#",
        None,
        "plain",
        (".toml", "cargo.lock", "poetry.lock", "uv.lock"),
        (),
        _TRIPLE,
    ),
    Language(
        "markdown",
        "Markdown",
        "markdown",
        None,
        _MARKUP,
        "prose",
        (".md", ".markdown", ".mdown"),
        ("md",),
        (),
    ),
    Language("plaintext", "Plain text", None, None, None, "plain", (".txt",), ("text",), ()),
)

# Languages that codelsp completes by indentation and braces, without a syntax tree.
_WITHOUT_TREE = (
    ("kotlin", "Kotlin", "//", _C_BLOCK, "braces", (".kt", ".kts")),
    ("swift", "Swift", "//", _C_BLOCK, "braces", (".swift",)),
    ("scala", "Scala", "//", _C_BLOCK, "braces", (".scala", ".sc", ".sbt")),
    ("dart", "Dart", "//", _C_BLOCK, "braces", (".dart",)),
    ("zig", "Zig", "//", None, "braces", (".zig",)),
    ("groovy", "Groovy", "//", _C_BLOCK, "braces", (".groovy", ".gradle", "jenkinsfile")),
    ("scss", "SCSS", "//", _C_BLOCK, "braces", (".scss",)),
    ("less", "Less", "//", _C_BLOCK, "braces", (".less",)),
    ("objective-c", "Objective-C", "//", _C_BLOCK, "braces", (".m",)),
    ("perl", "Perl", "#", None, "braces", (".pl", ".pm")),
    ("r", "R", "#", None, "braces", (".r",)),
    ("powershell", "PowerShell", "#", ("<#", "#>"), "braces", (".ps1", ".psm1")),
    ("terraform", "Terraform", "#", _C_BLOCK, "braces", (".tf", ".tfvars", ".hcl")),
    ("proto", "Protocol Buffers", "//", _C_BLOCK, "braces", (".proto",)),
    ("graphql", "GraphQL", "#", None, "braces", (".graphql", ".gql")),
    ("sql", "SQL", "--", _C_BLOCK, "plain", (".sql",)),
    ("julia", "Julia", "#", ("#=", "=#"), "keywords", (".jl",)),
    ("elixir", "Elixir", "#", None, "keywords", (".ex", ".exs")),
    ("haskell", "Haskell", "--", ("{-", "-}"), "indentation", (".hs",)),
    ("ocaml", "OCaml", None, ("(*", "*)"), "plain", (".ml", ".mli")),
    ("clojure", "Clojure", ";", None, "plain", (".clj", ".cljs", ".cljc", ".edn")),
    ("dockerfile", "Dockerfile", "#", None, "plain", ("dockerfile", ".dockerfile")),
    ("makefile", "Makefile", "#", None, "indentation", ("makefile", ".mk")),
    ("cmake", "CMake", "#", None, "plain", (".cmake", "cmakelists.txt")),
    ("ini", "INI", ";", None, "plain", (".ini", ".cfg", ".editorconfig")),
    ("properties", "Properties", "#", None, "plain", (".properties",)),
    ("xml", "XML", None, _MARKUP, "tags", (".xml", ".svg", ".xsd", ".csproj")),
    ("vue", "Vue", None, _MARKUP, "tags", (".vue",)),
    ("svelte", "Svelte", None, _MARKUP, "tags", (".svelte",)),
    ("latex", "LaTeX", "%", None, "plain", (".tex", ".sty")),
    ("restructuredtext", "reStructuredText", "..", None, "prose", (".rst",)),
)

LANGUAGES: tuple[Language, ...] = _LANGUAGES + tuple(
    Language(id_, name, None, line, block, style, ends)  # type: ignore[arg-type]  # a row's type
    for id_, name, line, block, style, ends in _WITHOUT_TREE
)
"""Every language known by name."""

_BY_ID = {name: language for language in LANGUAGES for name in (language.id, *language.aliases)}
_BY_EXTENSION = {end: language for language in LANGUAGES for end in language.extensions}
_UNTOLD = frozenset({"", "plaintext", "text", "plain", "txt", "unknown"})


@lru_cache(maxsize=512)
def language_of(language_id: str, uri: str = "") -> Language:
    """Return the language of ``language_id``, or what the file name in ``uri`` says.

    The file name decides only where the editor does not know: an id that is empty, means plain
    text or is strange to us.  A language that nobody knows has no grammar and no comment marks.
    """
    known = _BY_ID.get(language_id) or _BY_ID.get(language_id.lower())
    if known is not None and known.id not in _UNTOLD:
        return known
    by_name = _language_of_name(uri)
    if by_name is not None:
        return by_name
    return known or replace(_BY_ID["plaintext"], id=language_id or "plaintext", extensions=())


def _language_of_name(uri: str) -> Language | None:
    name = uri.partition("#")[0].partition("?")[0].rpartition("/")[2].lower()
    if name in _BY_EXTENSION:
        return _BY_EXTENSION[name]
    dot = name.rfind(".")
    return _BY_EXTENSION.get(name[dot:]) if dot >= 0 else None
