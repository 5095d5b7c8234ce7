"""Licenses: which are found, and which refuse a source."""

from __future__ import annotations

import pytest

from codelsp.training.licenses import is_allowed, is_license_file, license_of
from tests.training.material import MIT

BSD = (
    "Redistributions of source code must retain the above copyright notice, this list of\n"
    "conditions and the following disclaimer.\n{}"
)


def test_the_text_of_a_license_is_known() -> None:
    assert license_of([MIT]) == {"MIT"}


def test_a_license_after_a_preface_is_known() -> None:
    text = "This project bundles other things, see below.\n" * 30 + MIT

    assert license_of([text]) == {"MIT"}


@pytest.mark.parametrize(
    ("clause", "name"),
    [("Neither the name of the author may be used", "BSD-3-Clause"), ("", "BSD-2-Clause")],
)
def test_the_bsd_licenses_are_told_apart_by_their_third_clause(clause: str, name: str) -> None:
    assert license_of([BSD.format(clause)]) == {name}


def test_one_copyleft_license_among_others_refuses_the_source() -> None:
    found = license_of([MIT, "Parts are under the GNU General Public License, version 3."])

    assert not is_allowed(found)


@pytest.mark.parametrize("texts", [[], ["All rights reserved."]])
def test_no_license_is_not_allowed(texts: list[str]) -> None:
    assert not is_allowed(license_of(texts))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("LICENSE", True),
        ("COPYING.rst", True),
        ("LICENSE-MIT", True),
        ("docs/LICENSE", False),
        ("licenses.py", False),
    ],
)
def test_license_files_stand_at_the_top(path: str, expected: bool) -> None:
    assert is_license_file(path) is expected
