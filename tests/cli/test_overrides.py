from __future__ import annotations

import pytest

from codelsp.cli.overrides import parse_overrides
from codelsp.errors import SettingsError


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        pytest.param("key=never", "never", id="a word"),
        pytest.param("key=12", 12, id="a number"),
        pytest.param("key=true", True, id="a truth"),
        pytest.param('key=["a", "b"]', ["a", "b"], id="a list"),
        pytest.param("key=a=b", "a=b", id="an equals sign in the value"),
        pytest.param("key=", "", id="an empty text"),
        pytest.param("key=http://host:8000", "http://host:8000", id="a URL"),
    ],
)
def test_a_value_is_json_where_it_is_and_text_where_it_is_not(pair: str, value: object) -> None:
    assert parse_overrides([pair]) == {"key": value}


def test_the_last_of_two_wins() -> None:
    assert parse_overrides(["key=1", "key=2"]) == {"key": 2}


@pytest.mark.parametrize("pair", ["", "key", "=value"])
def test_a_pair_needs_a_key_and_an_equals_sign(pair: str) -> None:
    with pytest.raises(SettingsError):
        parse_overrides([pair])


@pytest.mark.parametrize("text", ["1234", "true", "null", "[1]"])
def test_a_setting_that_is_a_text_takes_what_looks_like_something_else(text: str) -> None:
    assert parse_overrides([f"engine_api_key={text}"]) == {"engine_api_key": text}
    assert parse_overrides(['model="7"']) == {"model": "7"}
