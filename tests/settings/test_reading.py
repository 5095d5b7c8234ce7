"""Layers of settings: what is taken, what is a problem, and who wins."""

from __future__ import annotations

from dataclasses import fields

import pytest

from codelsp.prompt.families import LAYOUTS
from codelsp.settings import Layer, Settings, camel_case, read_settings
from codelsp.settings.declaration import FIM_LAYOUTS
from codelsp.settings.reading import snake_case


def problems_of(values: dict[str, object], *, is_workspace: bool = False) -> list[str]:
    settings, problems = read_settings([Layer("here", values, is_workspace=is_workspace)])
    assert settings == Settings()
    return [str(problem) for problem in problems]


def test_without_layers_everything_is_the_default() -> None:
    assert read_settings([]) == (Settings(), ())


def test_the_later_layer_wins_key_by_key() -> None:
    settings, problems = read_settings(
        [Layer("file", {"max_tokens": 10, "candidates": 2}), Layer("editor", {"max_tokens": 20})]
    )

    assert (settings.max_tokens, settings.candidates, problems) == (20, 2, ())


def test_a_wrong_value_leaves_the_layer_below_in_force() -> None:
    settings, problems = read_settings(
        [Layer("file", {"max_tokens": 10}), Layer("editor", {"max_tokens": "many"})]
    )

    assert settings.max_tokens == 10
    assert [problem.place for problem in problems] == ["editor"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"suggest_in_comments": "off"}, id="as declared"),
        pytest.param({"suggestInComments": "off"}, id="camel case"),
        pytest.param({"codelsp.suggestInComments": "off"}, id="with the section's name"),
        pytest.param({"suggestIn": {"comments": "off"}}, id="nested"),
        pytest.param({"suggest-in-comments": "off"}, id="with hyphens"),
        pytest.param({"codelsp": {"suggestIn": {"comments": "off"}}}, id="under the section"),
        pytest.param({"suggest.in.comments": "off"}, id="dotted"),
    ],
)
def test_a_key_may_be_spelled_as_editors_spell_it(values: dict[str, object]) -> None:
    settings, problems = read_settings([Layer("editor", values)])

    assert (settings.suggest_in_comments, problems) == ("off", ())


def test_every_key_survives_the_way_to_an_editor_and_back() -> None:
    names = [field.name for field in fields(Settings)]

    assert [snake_case(camel_case(name)) for name in names] == names


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"enabled": "yes"}, "here: enabled: expected true or false, not a text"),
        ({"enabled": 1}, "here: enabled: expected true or false, not 1"),
        ({"max_tokens": True}, "here: max_tokens: expected a whole number, not true"),
        ({"max_tokens": 1.5}, "here: max_tokens: expected a whole number, not 1.5"),
        ({"max_tokens": 0}, "here: max_tokens: 0 is not between 1 and 1024"),
        ({"threshold": float("nan")}, "here: threshold: expected a number, not nan"),
        ({"threshold": 2}, "here: threshold: 2.0 is not between 0.0 and 1.0"),
        ({"model": ["a"]}, "here: model: expected a text, not a list"),
        ({"exclude": "*.env"}, "here: exclude: expected a list of texts, not a text"),
        ({"exclude": [1]}, "here: exclude: expected a list of texts, not a list"),
        ({"multiline": "perhaps"}, "here: multiline: 'perhaps' is none of auto, always, never"),
        ({"maxToken": 5}, "here: max_token: no such setting; did you mean max_tokens?"),
        ({"xyzzy": 5}, "here: xyzzy: no such setting"),
    ],
)
def test_a_wrong_setting_is_a_problem_that_says_what_to_do(
    values: dict[str, object], problem: str
) -> None:
    assert problems_of(values) == [problem]


def test_whole_numbers_may_come_as_floats_from_lua_and_javascript() -> None:
    settings, _ = read_settings([Layer("editor", {"maxTokens": 20.0, "threshold": 1})])

    assert (settings.max_tokens, settings.threshold) == (20, 1.0)


@pytest.mark.parametrize("key", ["engine", "engine_api_key", "model", "fim_layout", "trace"])
def test_a_workspace_cannot_redirect_code(key: str) -> None:
    [problem] = problems_of({key: "http://example.org"}, is_workspace=True)

    assert "a workspace may not set this" in problem


def test_a_wrong_text_is_not_repeated_in_the_problem_because_it_may_be_a_secret() -> None:
    assert "hunter2" not in problems_of({"enabled": "hunter2"})[0]


def test_null_means_not_set() -> None:
    assert problems_of({"max_tokens": None}) == []


def test_what_an_editor_extension_keeps_for_itself_is_no_problem() -> None:
    assert problems_of({"trace": {"server": "verbose"}, "server.path": "/bin/codelsp"}) == []


def test_a_default_that_an_editor_always_sends_does_not_hide_the_user_file() -> None:
    settings, _ = read_settings(
        [
            Layer("file", {"max_tokens": 10, "candidates": 2}),
            Layer("editor", {"maxTokens": 48, "candidates": 5}, skips_defaults=True),
        ]
    )

    assert (settings.max_tokens, settings.candidates) == (10, 5)


def test_a_workspace_adds_to_what_the_user_excludes_and_takes_nothing_from_it() -> None:
    user = Layer("config.toml", {"exclude": ["private/**"]})
    workspace = Layer("codelsp.toml", {"exclude": ["build/**"]}, is_workspace=True)
    editor = Layer("editor", {"exclude": []})

    assert read_settings([user, workspace])[0].exclude == ("private/**", "build/**")
    assert read_settings([user, workspace, editor])[0].exclude == ()


@pytest.mark.parametrize("engine", ["auto", "llama.cpp", "torch", "http://gpu:80", "https://a/b"])
def test_what_can_run_a_model_is_an_engine(engine: str) -> None:
    assert read_settings([Layer("here", {"engine": engine})]) == (Settings(engine=engine), ())


@pytest.mark.parametrize("engine", ["troch", "llama-cpp", "localhost:8080", ""])
def test_what_can_run_none_is_told(engine: str) -> None:
    (problem,) = problems_of({"engine": engine})
    assert "does not fit: What runs the model" in problem


def test_a_layout_that_there_is_not_is_told_with_those_there_are() -> None:
    (problem,) = problems_of({"fim_layout": "qwen_psm"})
    assert "qwen-psm" in problem


def test_the_layouts_are_those_of_the_prompt_s_room() -> None:
    assert tuple(layout.name for layout in LAYOUTS) == FIM_LAYOUTS
