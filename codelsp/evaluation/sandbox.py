"""Runs generated Python apart from everything else here, for a few seconds.

What a program in it meets:

* its own process, mount, network, IPC and host-name namespaces: no other process can be seen or
  killed, there is no network, and when its first process ends the kernel ends all others;
* a file system of the system's libraries and this interpreter, all read-only, and an empty home
  of a few megabytes in memory; nothing of the user's files;
* a filter of calls to the kernel (``seccomp_filter.py``), where libseccomp is to be had: none that
  mount, trace, load or make namespaces, no socket of a family that namespaces do not hold;
* limits on processor time, memory, processes, open files and file size (``setrlimit``);
* a wall clock, and an end to what it may print.

bubblewrap makes the namespaces where it is installed; else ``unshare`` of util-linux does.  Where
neither can, nothing is run: ``Sandbox.find`` raises, and says what to install.

It protects against programs that a model wrote, wrong more often than hostile.  The kernel is
shared: who expects attacks on the kernel itself needs a virtual machine around all of this.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64encode
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.errors import SandboxError
from codelsp.evaluation.seccomp_filter import seccomp_filter

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROBE = "print(40 + 2)"
_PROBE_SECONDS = 20.0
_STAGE = Path(__file__).with_name("sandbox_stage.py")
_MOUNTS = Path(__file__).with_name("sandbox_mounts.sh")
_FIRST_USER, _USERS = 1_000_000, 1_000_000
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/etc/ld.so.cache")
_READ_BYTES = 65536
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/home"}


class Ending(Enum):
    """How a program ended."""

    PASSED = "passed"
    """It ran to its last line; one that leaves before, with ``sys.exit(0)`` say, has not."""
    FAILED = "failed"
    """An exception, a limit that it ran into, or an exit before its end."""
    TIMED_OUT = "timed out"
    """It was ended by the wall clock or its processor limit."""
    TOO_LOUD = "printed too much"


@dataclass(frozen=True)
class Limits:
    """What one program may have."""

    wall_seconds: float = 3.0
    cpu_seconds: int = 3
    memory_bytes: int = 1 << 30
    disk_bytes: int = 16 << 20
    """Of its home, and of any one file."""
    output_bytes: int = 64 << 10
    processes: int = 16
    open_files: int = 64


@dataclass(frozen=True)
class Run:
    """What became of one program."""

    ending: Ending
    output: str
    """Standard output and error, the beginning of it."""
    exit_code: int | None
    seconds: float

    @property
    def has_passed(self) -> bool:
        """Whether it ended by itself, and well."""
        return self.ending is Ending.PASSED


@dataclass(frozen=True)
class Sandbox:
    """A way to run programs apart; made by ``find``."""

    name: str
    """``bubblewrap`` or ``unshare``."""
    limits: Limits = Limits()
    shared: tuple[str, ...] = ()
    """Folders that programs may read, too."""

    @classmethod
    def find(cls, limits: Limits | None = None) -> Sandbox:
        """Return the best sandbox that works here, tried out.

        Raises:
            SandboxError: none works, and what to do about it.
        """
        limits = limits or Limits()
        reasons = []
        for name, program in (("bubblewrap", "bwrap"), ("unshare", "unshare")):
            if shutil.which(program) is None:
                reasons.append(f"{program} is not installed")
                continue
            reason = cls(name, limits).why_not()
            if not reason:
                return cls(name, limits)
            reasons.append(f"{program} does not work here ({reason})")
        raise SandboxError(
            "Generated code is not run without isolation: "
            + "; ".join(reasons)
            + ". On Linux install bubblewrap (`apt install bubblewrap`); in a container allow user"
            " namespaces. Without a sandbox only exact match can be told: --no-run."
        )

    @property
    def has_call_filter(self) -> bool:
        """Whether calls to the kernel are filtered, too; namespaces and limits hold without."""
        return bool(seccomp_filter())

    def run(self, program: str) -> Run:
        """Run ``program``, the source of a Python script, and return what became of it.

        Safe to call from several threads.

        Raises:
            SandboxError: the sandbox itself did not start.
        """
        began = time.monotonic()
        at_end = secrets.token_hex(16)
        process = subprocess.Popen(  # noqa: S603  # our own command; the program comes on stdin
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        try:
            output, ending = _attended(process, self._message(program, at_end), self.limits, began)
        finally:
            _end(process)
        code = process.returncode
        text = output.decode("utf-8", "replace")
        if ending is None:
            ending = _ending_of(code, has_ended=at_end in text)
        text = text.replace(at_end, "")
        if _STAGE_FAILED in text:
            raise SandboxError(f"The sandbox ({self.name}) did not start: {text.strip()[-300:]}")
        return Run(ending, text, code, time.monotonic() - began)

    def _message(self, program: str, at_end: str) -> bytes:
        # Nobody else has this user's number, so that its processes alone count against its limit.
        user = secrets.randbelow(_USERS) + _FIRST_USER if _is_root() else 0
        told = {
            "limits": asdict(self.limits),
            "user": user,
            "program": program,
            "at_end": at_end,
            "filter": b64encode(seccomp_filter()).decode("ascii"),
        }
        return json.dumps(told).encode("utf-8", "surrogatepass")

    def _command(self) -> list[str]:
        inner = [str(_interpreter()), "-I", "-S", "-c", _STAGE.read_text(encoding="utf-8")]
        if self.name == "bubblewrap":
            return [*_bubblewrap(self.limits, self.shared), "--", *inner]
        return [*_unshare(self.limits, self.shared), *inner]

    def why_not(self) -> str:
        """Return why this sandbox cannot be used, or an empty text."""
        limits = Limits(wall_seconds=_PROBE_SECONDS)
        try:
            run = Sandbox(self.name, limits).run(_PROBE)
        except (OSError, SandboxError) as error:
            return str(error)
        if run.has_passed and run.output.strip() == "42":
            return ""
        return run.output.strip().replace("\n", " ")[-200:] or f"exit status {run.exit_code}"


_STAGE_FAILED = "codelsp sandbox:"


def _bubblewrap(limits: Limits, shared: tuple[str, ...]) -> list[str]:
    command = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    command += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if _is_root():
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-user"]
    command += ["--hostname", "sandbox", "--setenv", "HOME", "/home"]
    for place in _shared_places():
        command += _read_only(place)
    command += ["--proc", "/proc", "--dev", "/dev"]
    # Else a user who is not root could fill the machine's memory with files there.
    command += ["--size", str(limits.disk_bytes), "--perms", "1777", "--tmpfs", "/dev/shm"]  # noqa: S108
    command += ["--remount-ro", "/dev"]
    command += ["--size", str(limits.disk_bytes), "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108
    command += ["--size", str(limits.disk_bytes), "--perms", "1777", "--tmpfs", "/home"]
    # After what is made empty: a folder of the user's may lie under it.
    for place in shared:
        command += _read_only(place)
    command += ["--remount-ro", "/", "--chdir", "/home"]
    return command


def _read_only(place: str) -> list[str]:
    parents = reversed(Path(place).parents[:-1])
    made = [word for each in parents for word in ("--perms", "0755", "--dir", str(each))]
    return [*made, "--ro-bind-try", place, place]


def _unshare(limits: Limits, shared: tuple[str, ...]) -> list[str]:
    command = ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    if not _is_root():
        command += ["--user", "--map-root-user"]
    script = _MOUNTS.read_text(encoding="utf-8")
    places, more = ":".join(_shared_places()), ":".join(shared)
    capabilities = "-all,+setuid,+setgid" if _is_root() else "-all"
    shell = ["/bin/sh", "-ec", script, "sandbox", places, more, str(limits.disk_bytes)]
    return [*command, *shell, capabilities]


def _shared_places() -> Iterator[str]:
    """Yield what a program can read: the system's libraries, and this interpreter's own."""
    yield from _SYSTEM
    interpreter = str(_interpreter().parents[1])
    prefixes = {sys.base_prefix, sys.base_exec_prefix, interpreter}
    yield from sorted(prefix for prefix in prefixes if not prefix.startswith("/usr"))


def _interpreter() -> Path:
    """Return the interpreter itself, not the link of a virtual environment."""
    return Path(sys.executable).resolve()


def _is_root() -> bool:
    """Whether namespaces can be made without one for users; programs then run as somebody else."""
    return hasattr(os, "getuid") and os.getuid() == 0


def _attended(
    process: subprocess.Popen[bytes], message: bytes, limits: Limits, began: float
) -> tuple[bytes, Ending | None]:
    """Feed and read a process until it ends, is too loud, or too late."""
    deadline = began + limits.wall_seconds
    talk = _Talk(process, message, limits.output_bytes)
    ending = talk.until(deadline)
    if ending is None:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            ending = Ending.TIMED_OUT
    return bytes(talk.output), ending


class _Talk:
    """What goes in and comes out of one process, over pipes that never block us."""

    def __init__(self, process: subprocess.Popen[bytes], message: bytes, most_bytes: int) -> None:
        assert process.stdin is not None  # noqa: S101  # they are pipes
        assert process.stdout is not None  # noqa: S101
        self.output = bytearray()
        self._stdin, self._stdout = process.stdin, process.stdout
        self._message, self._most_bytes = message, most_bytes

    def until(self, deadline: float) -> Ending | None:
        """Talk until the process closes its end; return why it was not let go on."""
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe.fileno(), False)
        with selectors.DefaultSelector() as ready:
            ready.register(self._stdin, selectors.EVENT_WRITE, self._write)
            ready.register(self._stdout, selectors.EVENT_READ, self._read)
            while ready.get_map():
                left = deadline - time.monotonic()
                if left <= 0:
                    return Ending.TIMED_OUT
                for key, _ in ready.select(left):
                    if not key.data():
                        ready.unregister(key.fileobj)
                if len(self.output) > self._most_bytes:
                    del self.output[self._most_bytes :]
                    return Ending.TOO_LOUD
        return None

    def _write(self) -> bool:
        """Write what the pipe takes; return whether there is more, and somebody who reads."""
        try:
            n_written = os.write(self._stdin.fileno(), self._message[:_READ_BYTES])
        except BrokenPipeError:
            n_written = len(self._message)
        self._message = self._message[n_written:]
        if not self._message:
            self._stdin.close()
        return bool(self._message)

    def _read(self) -> bool:
        """Read what is there; return whether there may be more."""
        piece = os.read(self._stdout.fileno(), _READ_BYTES)
        self.output += piece
        return bool(piece)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the first process of the sandbox: the kernel ends whatever it started.

    That is a child of ours' own child, and would outlive it: who changes his user is no longer told
    of a parent's death.
    """
    for pid in _children(process.pid):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _children(pid: int) -> list[int]:
    """Return the children of a process of ours that has not been waited for."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return _children_by_psutil(pid)
    return [int(each) for each in listed.split()]


def _children_by_psutil(pid: int) -> list[int]:
    """Return the same where the kernel keeps no such list."""
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _ending_of(code: int, *, has_ended: bool) -> Ending:
    """Return what an exit status means; both tools report a signal as 128 and its number."""
    if code == 0 and has_ended:
        return Ending.PASSED
    by_clock = {int(signal.SIGXCPU), int(signal.SIGKILL)}
    return Ending.TIMED_OUT if {-code, code - 128} & by_clock else Ending.FAILED
