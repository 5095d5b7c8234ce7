"""``--update-golden`` writes what the rooms say today into the golden cases."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write today's outcome into tests/golden/cases; look at the difference afterwards",
    )


@pytest.fixture
def is_updating(request: pytest.FixtureRequest) -> bool:
    """Whether the cases are to be written anew."""
    return bool(request.config.getoption("--update-golden", default=False))
