"""Cleaning: license headers, addresses and secrets are taken out, and nothing else."""

from __future__ import annotations

import pytest

from codelsp.training.cleaning import redacted, without_license_header

HEADER = "# Copyright 2020 The Authors.\n# Licensed under the Apache License.\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEADER + "\nimport os\n", "import os\n"),
        ("#!/usr/bin/env python\n" + HEADER + "import os\n", "#!/usr/bin/env python\nimport os\n"),
        ("/*\n * Copyright (c) 2020 A\n */\n\npackage a;\n", "package a;\n"),
        ("# A module about circles.\nimport os\n", "# A module about circles.\nimport os\n"),
        ("import os\n" + HEADER, "import os\n" + HEADER),
    ],
    ids=["hash", "after a shebang", "block", "another comment stays", "not at the head"],
)
def test_the_license_at_the_head_of_a_file_goes(text: str, expected: str) -> None:
    assert without_license_header(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail = 'jane.doe@corp.io'", "mail = 'user@example.com'"),
        ("mail = 'a@example.org'", "mail = 'a@example.org'"),
        ("@app.route('/')", "@app.route('/')"),
        ("key = 'AKIAIOSFODNN7EXAMPLE'", "key = 'REDACTED'"),
        ("api_key = 'x8Kq2mVz9LpTr4Wn7Yb1'", "api_key = 'REDACTED'"),
        ("api_key = 'your-api-key-here-xxxx'", "api_key = 'your-api-key-here-xxxx'"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
            "REDACTED",
        ),
    ],
)
def test_addresses_and_secrets_are_replaced(text: str, expected: str) -> None:
    assert redacted(text) == (expected, int(text != expected))
