"""What runs first inside the sandbox: it limits itself, then becomes the program.

``sandbox.py`` gives this file's text to a fresh interpreter, and the program on standard input; it
is not imported.
"""

import base64
import json
import os
import resource
import sys


def main() -> None:
    """Take the limits, then run the program as ``__main__`` with nothing of ours in sight."""
    try:
        told = json.loads(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))
        limit(told["limits"])
        become(told["user"])
        filter_calls(base64.b64decode(told["filter"]))
    except BaseException as error:  # noqa: BLE001  # whatever it is, the program must not run
        sys.stdout.write(f"codelsp sandbox: {error!r}\n")
        raise SystemExit(125) from None
    program = compile(told["program"], "<program>", "exec")
    exec(program, {"__name__": "__main__", "__builtins__": __builtins__})  # noqa: S102
    sys.stdout.flush()
    os.write(1, told["at_end"].encode())


def limit(limits: "dict[str, int]") -> None:
    """Set the limits of this process and of all that it starts; none can be raised again."""
    cpu, memory = int(limits["cpu_seconds"]), limits["memory_bytes"]
    for what, most in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, limits["disk_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def become(user: int) -> None:
    """Give up being root, whom the limit on processes does not hold; 0 stays who we are."""
    if user:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


def filter_calls(program: bytes) -> None:
    """Have the kernel refuse calls by ``program``, an array of ``sock_filter``; for good."""
    if not program:
        return
    import ctypes

    class SockFprog(ctypes.Structure):
        """``struct sock_fprog`` of linux/filter.h."""

        _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    no_new_privileges, set_seccomp, mode_filter = 38, 22, 2
    libc = ctypes.CDLL(None, use_errno=True)
    told = SockFprog(len(program) // 8, program)
    for call in (
        (no_new_privileges, 1, 0, 0, 0),
        (set_seccomp, mode_filter, ctypes.byref(told), 0, 0),
    ):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    main()
