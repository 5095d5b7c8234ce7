"""Languages, by the ids and file names that editors give."""

from __future__ import annotations

import pytest
from tree_sitter import Query
from tree_sitter_language_pack import get_language

from codelsp.document.grammars import NODE_TYPES, NodeTypes
from codelsp.document.languages import LANGUAGES, language_of


@pytest.mark.parametrize(
    ("language_id", "grammar"),
    [
        ("python", "python"),
        ("javascript", "javascript"),
        ("javascriptreact", "javascript"),
        ("typescript", "typescript"),
        ("typescriptreact", "tsx"),
        ("java", "java"),
        ("c", "c"),
        ("cpp", "cpp"),
        ("go", "go"),
        ("rust", "rust"),
        ("csharp", "csharp"),
        ("ruby", "ruby"),
        ("php", "php"),
        ("shellscript", "bash"),
        ("lua", "lua"),
        ("html", "html"),
        ("css", "css"),
        ("json", "json"),
        ("jsonc", "json"),
        ("yaml", "yaml"),
        ("toml", "toml"),
        ("markdown", "markdown"),
        ("plaintext", None),
        ("kotlin", None),
    ],
)
def test_a_language_id_has_its_grammar(language_id: str, grammar: str | None) -> None:
    language = language_of(language_id)

    assert (language.id, language.grammar) == (language_id, grammar)


@pytest.mark.parametrize(
    ("language_id", "uri", "expected"),
    [
        pytest.param("sh", "", "shellscript", id="another editor's id"),
        pytest.param("C++", "", "cpp", id="an id in capitals"),
        pytest.param("", "file:///a/b.rs", "rust", id="no id, known extension"),
        pytest.param("plaintext", "file:///a/b.TOML", "toml", id="plain text by mistake"),
        pytest.param("plaintext", "file:///a/notes.txt", "plaintext", id="plain text"),
        pytest.param("strange", "file:///a/b.lua?x=1#y", "lua", id="a strange id, known extension"),
        pytest.param("", "file:///a/Gemfile", "ruby", id="a whole file name"),
        pytest.param("", "file:///a/tsconfig.json", "jsonc", id="a file name over its extension"),
        pytest.param("", "file:///a/.bashrc", "shellscript", id="a dot file"),
        pytest.param("python", "file:///a/b.rs", "python", id="an id wins over the extension"),
        pytest.param("strange", "file:///a/b.zzz", "strange", id="nobody knows it"),
        pytest.param("", "untitled:Untitled-1", "plaintext", id="an untitled document"),
    ],
)
def test_a_file_name_decides_where_the_id_does_not(
    language_id: str, uri: str, expected: str
) -> None:
    assert language_of(language_id, uri).id == expected


def test_an_unknown_language_has_no_grammar_and_no_comment_marks() -> None:
    language = language_of("strange")

    assert (language.grammar, language.line_comment, language.style) == (None, None, "plain")


def test_ids_aliases_and_extensions_are_each_of_one_language() -> None:
    ids = [name for language in LANGUAGES for name in (language.id, *language.aliases)]
    extensions = [end for language in LANGUAGES for end in language.extensions]

    assert len(ids) == len(set(ids))
    assert len(extensions) == len(set(extensions))
    assert all(end == end.lower() for end in extensions)


def test_every_grammar_has_its_node_types_and_no_others_are_told() -> None:
    assert {language.grammar for language in LANGUAGES} - {None} == set(NODE_TYPES)


@pytest.mark.parametrize("grammar", sorted(NODE_TYPES))
def test_every_node_type_told_of_a_grammar_is_one_of_its_own(grammar: str) -> None:
    language = get_language(grammar)  # type: ignore[arg-type]  # a Literal of 170 names
    types = NODE_TYPES[grammar]
    told = (
        types.functions | types.classes | types.bodies | types.containers | types.parts
        | types.imports | types.import_calls[0] | types.comments | types.strings
        | types.interpolations | types.docstring_owners | types.heads
        | (types.identifiers - NodeTypes().identifiers)  # that default is shared by many
    )  # fmt: skip

    unknown = {name for name in told if language.id_for_node_kind(name, True) is None}
    tokens = {name for name in types.openers if language.id_for_node_kind(name, False) is None}

    assert (unknown, tokens) == (set(), set())
    for name in told:
        Query(language, f"({name}) @node")
