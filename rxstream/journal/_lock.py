"""One owner at a time: a lock that the operating system frees, however the owner ends."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import Final

from ..errors import JournalException

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["OwnerLock"]

_HELD: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK})
# Beyond any text: Windows lets nobody read what is locked.
_LOCKED_BYTE: Final = 1 << 30
_LONGEST_OWNER: Final = 20


def _lock(descriptor: int) -> None:
    """Lock an open file at once, or raise OSError."""
    if sys.platform == "win32":
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class OwnerLock:
    """The lock of a journal, in a file beside it that stays there."""

    def __init__(self, path: str) -> None:
        """Take the lock.

        Raises:
            JournalException: Somebody else has it, or there can be none.
        """
        self._descriptor = -1
        beside = f"{path}.lock"
        try:
            descriptor = os.open(
                beside, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600
            )
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            _lock(descriptor)
        except OSError as error:
            owner = _owner(descriptor)
            os.close(descriptor)
            if error.errno not in _HELD:
                raise JournalException(
                    path=path,
                    reason="no_locks",
                    message=f"its file system has no locks ({error.strerror}): nothing would keep "
                    "two processes apart; put it on a local disk",
                ) from error
            raise JournalException(
                path=path,
                reason="locked",
                message=f"{owner} uses it: wait until that ends, or use another file",
            ) from error
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; a forked child only drops its copy, and the parent keeps the lock."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _owner(descriptor: int) -> str:
    number = ""
    with suppress(OSError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        number = os.read(descriptor, _LONGEST_OWNER).decode("ascii", "replace")
    if number == str(os.getpid()):
        return "this process"
    return f"process {number}" if number.isdigit() else "another process"


def _unusable(path: str, error: OSError) -> JournalException:
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return JournalException(
            path=path,
            reason="read_only",
            message=f"cannot write beside it ({error.strerror}): give this user the right to write "
            "into its folder, or use another one",
        )
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return JournalException(
            path=path, reason="full", message=f"{error.strerror}: make room, then run again"
        )
    return JournalException(
        path=path, reason="unusable", message=f"{error.strerror}: use a path that can be written"
    )
