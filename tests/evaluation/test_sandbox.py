"""Hostile programs in every sandbox that works here."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from codelsp.errors import SandboxError
from codelsp.evaluation import sandbox as room
from codelsp.evaluation.sandbox import Ending, Limits, Run, Sandbox

# A busy machine needs more than the three seconds for what takes a tenth of one.
PATIENT = Limits(wall_seconds=60.0)
NAMES = ("bubblewrap", "unshare")


@pytest.fixture(scope="module", params=NAMES)
def box(request: pytest.FixtureRequest) -> Sandbox:
    found = Sandbox(request.param, PATIENT)
    program = {"bubblewrap": "bwrap", "unshare": "unshare"}[request.param]
    if shutil.which(program) is None or found.why_not():
        pytest.skip(f"{request.param} does not work here")
    return found


def _with(box: Sandbox, **limits: float) -> Sandbox:
    return replace(box, limits=replace(box.limits, **limits))  # type: ignore[arg-type]


def _said(run: Run) -> list[str]:
    return run.output.strip().split("\n")


pytestmark = pytest.mark.slow


def test_a_program_runs_to_its_end_and_its_output_comes_back(box: Sandbox) -> None:
    run = box.run("import json, sys\nprint(json.dumps({'a': [1]}))\nprint('e', file=sys.stderr)")

    assert run.has_passed
    assert "".join(sorted(run.output)) == "".join(sorted('{"a": [1]}\ne\n'))


@pytest.mark.parametrize(
    "program", ["assert 1 == 2", "1 / 0", "import sys; sys.exit(3)", "def", "raise SystemExit"]
)
def test_a_program_that_fails_has_failed(box: Sandbox, program: str) -> None:
    assert box.run(program).ending is Ending.FAILED


@pytest.mark.parametrize(
    "program", ["import sys; sys.exit(0)", "import os; os._exit(0)", "raise SystemExit(0)"]
)
def test_leaving_before_the_tests_is_no_pass(box: Sandbox, program: str) -> None:
    assert box.run(f"{program}\nassert False").ending is Ending.FAILED


def test_sleeping_for_ever_is_ended_by_the_clock(box: Sandbox) -> None:
    began = time.monotonic()
    run = _with(box, wall_seconds=1.0).run("import time; time.sleep(1000)")

    assert run.ending is Ending.TIMED_OUT
    assert time.monotonic() - began < 30
    _assert_nothing_is_left()


def test_computing_for_ever_is_ended_by_the_processor_limit(box: Sandbox) -> None:
    run = _with(box, cpu_seconds=1).run("while True: pass")

    assert run.ending is Ending.TIMED_OUT
    assert run.seconds < PATIENT.wall_seconds


def test_printing_a_gigabyte_is_ended_and_only_its_beginning_kept(box: Sandbox) -> None:
    run = box.run("while True: print('x' * 100_000)")

    assert run.ending is Ending.TOO_LOUD
    assert len(run.output) == PATIENT.output_bytes


def test_a_fork_bomb_reaches_its_limit_and_leaves_nothing_behind(box: Sandbox) -> None:
    program = """
import os, time
made = 0
try:
    while made < 200:
        if os.fork() == 0:
            time.sleep(1000)
        made += 1
except OSError as error:
    print("refused", made)
"""
    run = box.run(program)

    said = _said(run)[0].split()
    assert said[0] == "refused"
    assert int(said[1]) <= PATIENT.processes
    _assert_nothing_is_left()


def _assert_nothing_is_left() -> None:
    deadline = time.monotonic() + 60
    while _still_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _still_running() == []


def _still_running() -> list[str]:
    """Return the processes of users whose numbers only sandboxes have."""
    left = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = status.read_text().split("\n")
        except OSError:
            continue
        uid = int(next(line for line in lines if line.startswith("Uid:")).split()[1])
        if uid >= room._FIRST_USER:
            left.append(lines[0])
    return left


def test_the_disk_cannot_be_filled(box: Sandbox) -> None:
    program = """
written = 0
try:
    while written < 500:
        with open(f"/home/{written}", "wb") as file:
            file.write(b"x" * 1_000_000)
        written += 1
except OSError as error:
    print("full", written)
"""
    said = _said(box.run(program))[0].split()

    assert said[0] == "full"
    assert int(said[1]) <= PATIENT.disk_bytes / 1e6


def test_memory_beyond_the_limit_is_refused(box: Sandbox) -> None:
    run = box.run("""
try:
    bytearray(4 << 30)
except MemoryError:
    print("refused")
""")

    assert _said(run) == ["refused"]


def test_there_is_no_network_not_even_to_this_machine(box: Sandbox) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        run = box.run(f"""
import socket
for host, port in (("127.0.0.1", {port}), ("192.0.2.1", 80)):
    try:
        socket.create_connection((host, port), 2)
        print("connected", host)
    except OSError:
        print("refused")
""")

    assert _said(run) == ["refused", "refused"]


def test_no_process_outside_can_be_seen_or_killed(box: Sandbox) -> None:
    run = box.run(f"""
import os
pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
print(len(pids) < 6, {os.getpid()} in pids)
try:
    os.kill({os.getpid()}, 9)
    print("killed")
except OSError:
    print("refused")
""")

    assert _said(run) == ["True False", "refused"]


def test_killing_everything_in_reach_ends_only_itself(box: Sandbox) -> None:
    run = box.run("""
import os
for pid in (os.getppid(), 1):
    try:
        if pid:
            os.kill(pid, 9)
    except OSError:
        pass
""")

    assert run.ending in {Ending.PASSED, Ending.FAILED, Ending.TIMED_OUT}
    assert box.run("print('on')").output == "on\n"


def test_nothing_of_the_user_can_be_read_and_nothing_but_its_home_written(
    box: Sandbox, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    tmp_path.chmod(0o755)
    run = box.run(f"""
import os
print(os.path.exists({str(secret)!r}), os.path.exists({str(Path(__file__))!r}))
print(os.listdir("/home"), os.environ["HOME"])
for place in ("/", "/usr", "/lib"):
    try:
        open(os.path.join(place, "x"), "w")
        print("written", place)
    except OSError:
        pass
open("/home/x", "w").write("mine")
print("end")
""")

    assert _said(run) == ["False False", "[] /home", "end"]
    assert _said(box.run("import os; print(os.listdir('/home'))")) == ["[]"]


def test_it_has_no_rights_to_get_out_with(box: Sandbox) -> None:
    run = box.run("""
for line in open("/proc/self/status"):
    if line.startswith(("CapEff", "CapPrm", "NoNewPrivs")):
        print(*line.split())
""")

    zero = "0000000000000000"
    assert sorted(_said(run)) == [f"CapEff: {zero}", f"CapPrm: {zero}", "NoNewPrivs: 1"]


def test_calls_that_lead_out_are_refused_by_the_kernel(box: Sandbox) -> None:
    pytest.importorskip("pyseccomp")
    run = box.run("""
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)

def refused(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    return result == -1 and errno.errorcode[ctypes.get_errno()]

CLONE_NEWUSER, PTRACE_TRACEME, SYS_bpf = 0x10000000, 0, 321
print("unshare", refused("unshare", CLONE_NEWUSER))
print("mount", refused("mount", b"none", b"/home", b"tmpfs", 0, None))
print("ptrace", refused("ptrace", PTRACE_TRACEME, 0, None, None))
for family in ("AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG"):
    try:
        socket.socket(getattr(socket, family), socket.SOCK_RAW)
        print(family, "made")
    except OSError as error:
        print(family, errno.errorcode[error.errno])
left = os.fork()
if not left:
    os._exit(7)
print("fork", os.waitstatus_to_exitcode(os.waitpid(left, 0)[1]))
import threading
thread = threading.Thread(target=print, args=("thread",))
thread.start()
thread.join()
""")

    families = ("AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG")
    assert _said(run) == [
        "unshare EPERM",
        "mount EPERM",
        "ptrace EPERM",
        *(f"{family} EAFNOSUPPORT" for family in families),
        "fork 7",
        "thread",
    ]


def test_memory_cannot_be_filled_through_devices(box: Sandbox) -> None:
    run = box.run("""
import os
written = 0
for folder in ("/dev", "/dev/shm"):
    try:
        for number in range(60):
            with open(f"{folder}/{number}", "wb") as file:
                file.write(b"x" * 1_000_000)
            written += 1
    except OSError:
        pass
print("end", written)
""")

    said = _said(run)[0].split()
    assert said[0] == "end"
    assert int(said[1]) <= PATIENT.disk_bytes / 1e6


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            "import os, signal\nsignal.signal(15, signal.SIG_IGN)\nos.setsid()\n"
            "if os.fork(): os._exit(0)\nwhile True: pass",
            id="a daemon that leaves its parent and its session",
        ),
        pytest.param(
            "import os\nos.close(1); os.close(2)\nwhile True:\n  os.getpid()",
            id="one that closes what it could be heard by",
        ),
        pytest.param(
            "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()", id="endless recursion"
        ),
        pytest.param("import os\nos.kill(os.getpid(), 9)", id="one that kills itself"),
        pytest.param("x = 'x' * 10\nwhile True: x += x", id="endless memory"),
        pytest.param("import os\nos.kill(-1, 9)", id="one that kills all that it may"),
    ],
)
def test_a_hostile_program_is_contained_and_leaves_nothing(box: Sandbox, program: str) -> None:
    run = _with(box, wall_seconds=10.0, cpu_seconds=1).run(program)

    assert run.ending in {Ending.FAILED, Ending.TIMED_OUT}
    _assert_nothing_is_left()
    assert box.run("print('on')").output == "on\n"


def test_a_program_may_hold_any_text(box: Sandbox) -> None:
    run = box.run("text = '\U0001f60b\u2028é'\nassert len(text) == 3\nprint(ascii(text))")

    assert run.has_passed, run.output


def test_several_run_at_the_same_time(box: Sandbox) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(box.run, [f"print({n})" for n in range(8)]))

    assert [run.output for run in runs] == [f"{n}\n" for n in range(8)]


def test_without_isolation_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _program: None)

    with pytest.raises(SandboxError, match="install bubblewrap"):
        Sandbox.find()


def test_a_sandbox_that_does_not_work_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("bwrap", "unshare"):
        (tmp_path / name).write_text("#!/bin/sh\necho 42\nexit 0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(room._ENVIRONMENT, "PATH", str(tmp_path))

    with pytest.raises(SandboxError, match="does not work here"):
        Sandbox.find()
