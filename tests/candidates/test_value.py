from __future__ import annotations

import pytest

from codelsp.candidates.value import drop_secrets, drop_worthless
from codelsp.context.completion_context import Trigger
from tests.candidates.contexts import candidate_at, context_at, dropped_by


@pytest.mark.parametrize(
    ("text", "unasked", "asked"),
    [
        ("", False, False),
        (" \n ", False, False),
        (")", False, True),
        ("})", False, True),
        ("});", True, True),
        ("t", False, True),
        ("it", True, True),
        ("\n}", False, True),
    ],
)
def test_what_is_sooner_typed_is_shown_only_when_asked_for(
    text: str, unasked: bool, asked: bool
) -> None:
    for trigger, is_kept in ((Trigger.AUTOMATIC, unasked), (Trigger.INVOKED, asked)):
        context = context_at("x = f(<CURSOR>\n", trigger=trigger)
        found = drop_worthless(candidate_at(context, text), context)
        assert (not found.is_dropped) is is_kept


def secret(text: str, marked: str = "x = <CURSOR>\n") -> str | None:
    context = context_at(marked)
    return dropped_by(drop_secrets(candidate_at(context, text), context))


# Put together here, so that no scanner takes this file for one that leaks something.
SECRETS = [
    '"AKIA' + 'IOSFODNN7QWERTYU"',
    '"ghp_' + "a1b2" * 9 + '"',
    '"sk-' + "Zx9" * 10 + '"',
    '"xoxb-' + '123456789012-abcdef"',
    '"-----BEGIN ' + 'PRIVATE KEY-----"',
    '"https://user:' + 'pa55word@host.tld/x"',
    '"jane.doe@' + 'corporation.com"',
    'connect(password="' + 'correct7horse8battery"' + ")",
]


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_somebody_s_secret_is_not_shown(text: str) -> None:
    assert secret(text) == "drop_secrets"


@pytest.mark.parametrize("text", SECRETS)
def test_what_the_document_says_may_be_said_again(text: str) -> None:
    context = context_at(f"y = {text}\nx = <CURSOR>\n")

    assert dropped_by(drop_secrets(candidate_at(context, text), context)) is None


@pytest.mark.parametrize(
    "text",
    [
        'os.environ["PASSWORD"]',
        '"user@example.com"',
        '"https://example.org/a:b/c@d"',
        "@property",
        'f"https://{user}:{password}@{host}/"',
        'password = getpass("Password: ")',
        "token = tokenizer.next_token()",
        "0x1234567890abcdef",
        "AnExtremelyLongIdentifierName",
    ],
)
def test_ordinary_code_is_no_secret(text: str) -> None:
    assert secret(text) is None


def test_the_line_before_the_text_counts() -> None:
    assert secret('"correct7horse8battery"', "password = <CURSOR>\n") == "drop_secrets"
    assert secret('"correct7horse8battery"', "sentence = <CURSOR>\n") is None
