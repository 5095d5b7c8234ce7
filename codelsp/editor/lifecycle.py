"""What a message may do at which time of a session, and how bytes become messages.

A session is new, then running, then shut down, then over; the protocol says what is answered
when.  Nothing of pygls is used, because this runs before pygls is imported (see
``greeting.py``).
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from enum import Enum
from typing import Any

logger = logging.getLogger(__name__)

Json = dict[str, Any]
"""A JSON object, as the editor sent it."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
SERVER_NOT_INITIALIZED = -32002


class Phase(Enum):
    """How far a session is."""

    NEW = "new"
    RUNNING = "running"
    SHUT_DOWN = "shut down"
    OVER = "over"


@dataclass(frozen=True)
class Refusal:
    """The error that answers a message which cannot be served; ``id`` may be None."""

    id: int | str | None
    code: int
    message: str

    def as_json(self) -> Json:
        """Return the response."""
        error = {"code": self.code, "message": self.message}
        return {"jsonrpc": "2.0", "id": self.id, "error": error}


def parse_message(body: bytes) -> Json | Refusal:
    """Return the message in ``body``, or the refusal it deserves."""
    try:
        message = _loads(body)
    except (ValueError, RecursionError) as error:
        # The message of a JSON error says where, never what, so no document text is logged.
        logger.warning("a message of %d bytes is no JSON: %s", len(body), type(error).__name__)
        return Refusal(None, PARSE_ERROR, "not JSON")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return Refusal(None, INVALID_REQUEST, "not a JSON-RPC 2.0 message")
    return _checked(message)


def _loads(body: bytes) -> object:
    try:
        return json.loads(body)
    except UnicodeDecodeError:
        # One wrong byte must not cost an edit; the replacement keeps the rest in place.
        return json.loads(body.decode("utf-8", errors="replace"))


def _checked(message: Json) -> Json | Refusal:
    message_id = message.get("id")
    is_id = isinstance(message_id, (int, str)) and not isinstance(message_id, bool)
    if "id" in message and not is_id and "error" not in message:
        return Refusal(None, INVALID_REQUEST, "an id is an integer or a string")
    if "method" in message:
        if isinstance(message["method"], str):
            return message
        return Refusal(message_id if is_id else None, INVALID_REQUEST, "a method is a string")
    if "id" in message and ("result" in message or "error" in message):
        return message
    return Refusal(message_id if is_id else None, INVALID_REQUEST, "no method and no result")


class Lifecycle:
    """The phase of one session; every message passes here first."""

    def __init__(self) -> None:
        self.phase = Phase.NEW
        self.exit_code = 1
        """What the process is to return: 0 after ``shutdown``, 1 for any other end."""

    def admit(self, message: Json) -> Json | Refusal | None:
        """Return ``message`` if it may be served now; else its refusal, or None to ignore it."""
        method = message.get("method")
        if method == "exit":
            self.exit_code = 0 if self.phase is Phase.SHUT_DOWN else 1
            self.phase = Phase.OVER
            return None
        refusal = self._refusal_of(method)
        if refusal is None:
            self._step(method)
            return message
        if "id" in message and method is not None:
            return Refusal(message["id"], *refusal)
        logger.info("ignored %s: the session is %s", method or "a response", self.phase.value)
        return None

    def _refusal_of(self, method: str | None) -> tuple[int, str] | None:
        if self.phase is Phase.NEW and method != "initialize":
            return SERVER_NOT_INITIALIZED, "the first request is initialize"
        if self.phase is Phase.RUNNING and method == "initialize":
            return INVALID_REQUEST, "initialize comes once"
        if self.phase in (Phase.SHUT_DOWN, Phase.OVER):
            return INVALID_REQUEST, "the server is shutting down"
        return None

    def _step(self, method: str | None) -> None:
        if method == "initialize":
            self.phase = Phase.RUNNING
        elif method == "shutdown":
            self.phase = Phase.SHUT_DOWN
