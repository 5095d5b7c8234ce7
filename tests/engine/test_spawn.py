"""What an engine is started with."""

from __future__ import annotations

import pytest

from codelsp.engine.spawn import engine_environment


def test_an_engine_waits_without_spinning_and_has_huge_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")

    environment = engine_environment()

    assert environment["GOMP_SPINCOUNT"] == "1000"
    assert environment["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
    assert environment["LANG"] == "C.UTF-8"


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("glibc.malloc.check=1", "glibc.malloc.check=1:glibc.malloc.hugetlb=1"),
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
        ("", "glibc.malloc.hugetlb=1"),
    ],
)
def test_what_the_user_has_set_stays(
    own: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", own)
    monkeypatch.setenv("GOMP_SPINCOUNT", "5")

    environment = engine_environment()

    assert environment["GLIBC_TUNABLES"] == expected
    assert environment["GOMP_SPINCOUNT"] == "5"
