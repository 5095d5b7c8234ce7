"""Which calls to the kernel a sandboxed program may not make, as a filter of the kernel's own kind.

Namespaces take away what there is to reach; this takes away the ways that lead round them, and the
parts of the kernel in which most escapes were found.  The list follows Docker's default profile.
libseccomp compiles it (through pyseccomp), so that the numbers of calls are right on each
processor.
"""

from __future__ import annotations

import errno
import tempfile
from functools import lru_cache
from importlib.util import find_spec

_REFUSED = (  # noqa: SIM905  # as a list it would be sixty lines
    # Namespaces, mounts and roots: out of the box, or into another.
    "mount umount2 pivot_root chroot setns unshare move_mount open_tree fsopen fsconfig fsmount"
    " fspick mount_setattr name_to_handle_at open_by_handle_at"
    # Other processes.
    " ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp"
    # The kernel itself, its modules, keys and clocks.
    " bpf perf_event_open userfaultfd init_module finit_module delete_module kexec_load"
    " kexec_file_load reboot swapon swapoff acct quotactl syslog add_key keyctl request_key"
    " settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname iopl ioperm"
    " lookup_dcookie nfsservctl vhangup fanotify_init modify_ldt personality seccomp"
    # Rings that make calls without calling.
    " io_uring_setup io_uring_enter io_uring_register"
).split()
_NEW_NAMESPACES = (
    0x00000080,  # CLONE_NEWTIME
    0x00020000,  # CLONE_NEWNS
    0x02000000,  # CLONE_NEWCGROUP
    0x04000000,  # CLONE_NEWUTS
    0x08000000,  # CLONE_NEWIPC
    0x10000000,  # CLONE_NEWUSER
    0x20000000,  # CLONE_NEWPID
    0x40000000,  # CLONE_NEWNET
)
_AF_INET, _AF_INET6 = 2, 10


@lru_cache(maxsize=1)
def seccomp_filter() -> bytes:
    """Return the filter, an array of ``sock_filter``; empty where libseccomp is not to be had."""
    if find_spec("pyseccomp") is None:
        return b""
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError):
        return b""
    refused = pyseccomp.ERRNO(errno.EPERM)
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in _REFUSED:
        if _is_known(pyseccomp, name):
            rules.add_rule(refused, name)
    for flag in _NEW_NAMESPACES:
        rules.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    # Its flags stand in memory, where a filter cannot look: glibc then takes ``clone``.
    if _is_known(pyseccomp, "clone3"):
        rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    # Only the families that a network namespace holds: AF_VSOCK, say, reaches the hypervisor.
    no_family = pyseccomp.ERRNO(errno.EAFNOSUPPORT)
    for family in range(_AF_INET + 1, _AF_INET6):
        rules.add_rule(no_family, "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
    rules.add_rule(no_family, "socket", pyseccomp.Arg(0, pyseccomp.GT, _AF_INET6))
    with tempfile.TemporaryFile() as stream:
        rules.export_bpf(stream)
        stream.seek(0)
        return stream.read()


def _is_known(library: object, name: str) -> bool:
    """Whether this processor has a call of this name, and libseccomp has heard of it."""
    try:
        return int(library.resolve_syscall(library.system_arch(), name)) > 0  # type: ignore[attr-defined]
    except (ValueError, OSError):
        return False
