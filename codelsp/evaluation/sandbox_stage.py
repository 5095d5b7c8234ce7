"""What runs first inside the sandbox: it limits itself, then becomes the program.

``sandbox.py`` gives this file's text to a fresh interpreter, and the program on standard input; it
is not imported.
"""

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


if __name__ == "__main__":
    main()
