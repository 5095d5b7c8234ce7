"""What is taken out of a file that is kept: license headers, e-mail addresses and secrets.

A header is in a third of all files, and a model that has learned it writes it.  An address or a
key that was published by mistake must not come back as a completion.
"""

from __future__ import annotations

import math
import re
from collections import Counter

_LEGAL = re.compile(
    r"copyright|\(c\)\s*\d{4}|licen[cs]ed? |SPDX-|all rights reserved|redistribut|warrant",
    re.IGNORECASE,
)
_KEPT_LINE = re.compile(r"#!|#.*coding[:=]")
_BLOCK_COMMENT = re.compile(r"\s*/\*.*?\*/[ \t]*\n?", re.DOTALL)
_LINE_COMMENT_MARKS = ("#", "//", "--", ";")

_EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]*@[A-Za-z0-9](?:[\w-]*\.)+[A-Za-z]{2,12}\b")
_EXAMPLE_DOMAIN = re.compile(r"@(?:[\w-]+\.)*(?:example|test|localhost|invalid)(?:\.\w+)?$")
_PLACEHOLDER_EMAIL = "user@example.com"
_PLACEHOLDER_SECRET = "REDACTED"  # noqa: S105  a placeholder
_KNOWN_SECRETS = re.compile(
    r"AKIA[0-9A-Z]{16}"  # Amazon
    r"|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{60,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|sk-[A-Za-z0-9_-]{32,}|sk_live_[A-Za-z0-9]{16,}"  # OpenAI, Stripe
    r"|AIza[0-9A-Za-z_-]{35}"  # Google
    r"|hf_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{50,}|npm_[A-Za-z0-9]{36}"
    r"|eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"  # JSON web tokens
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
)
_ASSIGNED_SECRET = re.compile(
    r"""((?:secret|token|passwd|password|api_?key|access_?key|private_?key)\w*["']?\s*[:=]\s*["'])"""
    r"""([A-Za-z0-9+/=_-]{16,})(["'])""",
    re.IGNORECASE,
)
_MIN_ENTROPY = 3.6
"""Bits per character; hexadecimal and base64 secrets of 16 characters and more lie above."""


def without_license_header(text: str) -> str:
    """Return ``text`` without the comment at its head, if that comment is about rights."""
    kept, body = _leading_marks(text)
    block = _BLOCK_COMMENT.match(body)
    end = block.end() if block else _end_of_line_comments(body)
    header = body[:end]
    if not header.strip() or not _LEGAL.search(header):
        return text
    return kept + body[end:].lstrip("\n")


def _leading_marks(text: str) -> tuple[str, str]:
    """Split off a ``#!`` line and an encoding line."""
    end = 0
    for line in text.split("\n", 2)[:2]:
        if not _KEPT_LINE.match(line):
            break
        end += len(line) + 1
    return text[:end], text[end:]


def _end_of_line_comments(text: str) -> int:
    """Return where the run of comment lines, and blank lines among them, at the head ends."""
    end = position = 0
    for line in text.split("\n"):
        position += len(line) + 1
        if line.startswith(_LINE_COMMENT_MARKS):
            end = position
        elif line.strip():
            break
    return min(end, len(text))


def redacted(text: str) -> tuple[str, int]:
    """Return ``text`` without e-mail addresses and secrets, and how many there were."""
    n_found = 0

    def replaced(pattern: re.Pattern[str], put: str, text: str) -> str:
        nonlocal n_found
        text, n = pattern.subn(put, text)
        n_found += n
        return text

    def email(match: re.Match[str]) -> str:
        nonlocal n_found
        if _EXAMPLE_DOMAIN.search(match[0]):
            return match[0]
        n_found += 1
        return _PLACEHOLDER_EMAIL

    def assigned(match: re.Match[str]) -> str:
        nonlocal n_found
        if _entropy(match[2]) < _MIN_ENTROPY:
            return match[0]
        n_found += 1
        return match[1] + _PLACEHOLDER_SECRET + match[3]

    if "@" in text:
        text = _EMAIL.sub(email, text)
    text = replaced(_PRIVATE_KEY, _PLACEHOLDER_SECRET, text)
    text = replaced(_KNOWN_SECRETS, _PLACEHOLDER_SECRET, text)
    return _ASSIGNED_SECRET.sub(assigned, text), n_found


def _entropy(text: str) -> float:
    """Return the bits per character of ``text``, counted in itself."""
    shares = [n / len(text) for n in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)
