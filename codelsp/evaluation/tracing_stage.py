"""What runs in the sandbox to trace calls: it runs a repository's tests, and writes what it saw.

``traced_calls.py`` gives this file's text, behind a line that says what to do, to the sandbox; it
is not imported.  Functions are watched through ``sys.monitoring`` where there is one (Python 3.12),
else by ``sys.setprofile``.
"""

# ruff: noqa: F821  # TOLD stands in front of this text
import ast
import dis
import json
import os
import sys
import threading
import types

CO_GENERATOR_OR_COROUTINE = 0x20 | 0x80 | 0x200
CO_OPTIMIZED = 0x01  # of functions, not of the bodies of classes and modules
RETURNS = ("RETURN_VALUE", "RETURN_CONST")
MOST_ENTRIES = 50
PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Watch:
    """Keeps arguments and results of calls of functions of the repository's own."""

    def __init__(self, told: "dict[str, object]") -> None:
        self.root = os.path.realpath(str(told["root"])) + os.sep
        self.most_calls = int(str(told["most_calls"]))
        self.most_chars = int(str(told["most_chars"]))
        self.calls: dict[str, list[list[object]]] = {}
        self._open: dict[int, list[object] | None] = {}
        self._wanted: dict[object, str] = {}

    def key(self, code: types.CodeType) -> str:
        """Return ``file:line:name`` of a function worth watching; empty of another."""
        if code not in self._wanted:
            self._wanted[code] = self._key(code)
        return self._wanted[code]

    def _key(self, code: types.CodeType) -> str:
        file = os.path.realpath(code.co_filename)
        if code.co_filename.startswith("<") or not file.startswith(self.root):
            return ""
        if code.co_flags & CO_GENERATOR_OR_COROUTINE or not code.co_flags & CO_OPTIMIZED:
            return ""
        parts = file[len(self.root) :].replace(os.sep, "/").split("/")
        if is_test(parts):
            return ""
        is_inner = getattr(code, "co_qualname", code.co_name) != code.co_name
        if is_inner or code.co_name.startswith(("<", "__")):
            return ""
        return "/".join(parts) + ":" + str(code.co_firstlineno) + ":" + code.co_name

    def begin(self, frame: types.FrameType) -> None:
        """Remember the arguments of a call, as they are before the function could change them."""
        key = self.key(frame.f_code)
        if key and len(self.calls.get(key, ())) < self.most_calls:
            self._open[id(frame)] = self._arguments(frame)

    def end(self, frame: types.FrameType, result: object) -> None:
        """Keep a call with its result, once for the same arguments."""
        key = self.key(frame.f_code)
        arguments = self._open.pop(id(frame), None) if key else None
        if arguments is None:
            return
        shown = self._shown(result)
        own = self.calls.setdefault(key, [])
        if shown is not None and all(each[:2] != arguments for each in own):
            own.append([*arguments, shown])

    def leave(self, frame: types.FrameType) -> None:
        """Forget a call that ended by an exception."""
        self._open.pop(id(frame), None)

    def _arguments(self, frame: types.FrameType) -> "list[object] | None":
        code, values = frame.f_code, frame.f_locals
        names = code.co_varnames
        n_plain, n_named = code.co_argcount, code.co_kwonlyargcount
        positional = [self._shown(values.get(name)) for name in names[:n_plain]]
        named = {name: self._shown(values.get(name)) for name in names[n_plain : n_plain + n_named]}
        place = n_plain + n_named
        if code.co_flags & 0x04:
            rest = values.get(names[place], ())
            positional += [self._shown(value) for value in rest]
            place += 1
        if code.co_flags & 0x08:
            rest = values.get(names[place], {})
            named.update({name: self._shown(value) for name, value in rest.items()})
        if None in positional or None in named.values():
            return None
        return [positional, named]

    def _shown(self, value: object) -> "str | None":
        """Return a value as a literal that means the same; None where there is none."""
        if not is_literal(value, 4):
            return None
        shown = repr(value)
        if len(shown) > self.most_chars:
            return None
        try:
            return shown if ast.literal_eval(shown) == value else None
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None


def is_test(parts: "list[str]") -> bool:
    """Whether the parts of a path are those of a test's file."""
    if any(part in ("test", "tests", "testing") for part in parts[:-1]):
        return True
    return parts[-1].startswith(("test_", "conftest")) or parts[-1].endswith("_test.py")


def is_literal(value: object, depth: int) -> bool:
    """Whether a value is made of plain values and containers of the very types that Python has."""
    kind = type(value)
    if kind in PLAIN:
        return True
    if depth and kind in (list, tuple, set):
        return len(value) <= MOST_ENTRIES and all(is_literal(each, depth - 1) for each in value)  # type: ignore[arg-type, attr-defined]
    if depth and kind is dict:
        return len(value) <= MOST_ENTRIES and all(  # type: ignore[arg-type]
            is_literal(each, depth - 1)
            for pair in value.items()  # type: ignore[attr-defined]
            for each in pair
        )
    return False


def watch_by_profile(watch: Watch) -> None:
    """Hear of calls through the hook that profilers use."""
    returns = {dis.opmap[name] for name in RETURNS if name in dis.opmap}

    def heard(frame: types.FrameType, event: str, value: object) -> None:
        if event == "call":
            watch.begin(frame)
        elif event == "return" and watch.key(frame.f_code):
            # An exception that leaves a function is told as a return of None, too.
            has_returned = frame.f_code.co_code[frame.f_lasti] in returns
            (watch.end(frame, value) if has_returned else watch.leave(frame))

    threading.setprofile(heard)
    sys.setprofile(heard)


def watch_by_monitoring(watch: Watch) -> None:
    """Hear of calls through ``sys.monitoring``; what nobody asks for costs nothing after once."""
    monitoring = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    events = monitoring.events
    tool = monitoring.PROFILER_ID
    monitoring.use_tool_id(tool, "codelsp")

    def started(code: types.CodeType, _offset: int) -> object:
        if not watch.key(code):
            return monitoring.DISABLE
        watch.begin(sys._getframe(1))  # noqa: SLF001
        return None

    def returned(code: types.CodeType, _offset: int, value: object) -> object:
        if not watch.key(code):
            return monitoring.DISABLE
        watch.end(sys._getframe(1), value)  # noqa: SLF001
        return None

    def unwound(code: types.CodeType, _offset: int, _error: object) -> object:
        if watch.key(code):
            watch.leave(sys._getframe(1))  # noqa: SLF001
        return None

    monitoring.register_callback(tool, events.PY_UNWIND, unwound)
    monitoring.register_callback(tool, events.PY_START, started)
    monitoring.register_callback(tool, events.PY_RETURN, returned)
    monitoring.set_events(tool, events.PY_START | events.PY_RETURN | events.PY_UNWIND)


def run_tests(told: "dict[str, object]") -> int:
    """Run the tests with pytest, or with unittest where that is not to be had."""
    root = str(told["root"])
    os.chdir(root)
    sys.path[:0] = [str(each) for each in told["own_paths"]]  # type: ignore[attr-defined]
    sys.path += [str(each) for each in told["paths"]]  # type: ignore[attr-defined]
    try:
        import pytest
    except ImportError:
        import unittest

        result = unittest.TextTestRunner(stream=sys.stderr, verbosity=0).run(
            unittest.defaultTestLoader.discover(root)
        )
        return 5 if result.testsRun == 0 else int(not result.wasSuccessful())
    options = ["-q", "-x" if told["stop_at_first"] else "-q", "-p", "no:cacheprovider"]
    return int(pytest.main([*options, "--no-header", "--tb=no", "-c", "/dev/null",
                            "--rootdir", root, "--import-mode=importlib", root]))  # fmt: skip


def main() -> None:
    """Watch, run, tell."""
    told = json.loads(TOLD)  # type: ignore[name-defined]
    # What tests print is nobody's: the report alone goes out.
    out = os.dup(1)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    sys.dont_write_bytecode = True
    watch = Watch(told)
    if hasattr(sys, "monitoring"):
        watch_by_monitoring(watch)
    else:
        watch_by_profile(watch)
    try:
        code = run_tests(told)
    except BaseException as error:  # noqa: BLE001  # whatever a test does to end us
        code = -1 if not isinstance(error, SystemExit) else int(bool(error.code))
    finally:
        sys.setprofile(None)
    report = json.dumps({"code": code, "calls": watch.calls})
    with os.fdopen(out, "w") as stream:
        stream.write(str(told["mark"]) + report + "\n")


main()
