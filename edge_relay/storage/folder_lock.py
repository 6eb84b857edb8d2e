"""One relay a state folder: a lock that ends with the process that holds it."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Final

from shared.errors import AlreadyExists

_CANNOT_BE_WRITTEN: Final = frozenset({errno.EROFS, errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from None
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock(path: Path) -> int:
    """Lock a file, made if needed; return its descriptor, which holds the lock until it is closed.

    :raises AlreadyExists: another process holds it.
    :raises OSError: it cannot be made.
    """
    descriptor = _open_to_lock(path)
    try:
        _take(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyExists("another relay is running on this state folder", where=str(path.parent)) from None
    return descriptor


def _open_to_lock(path: Path) -> int:
    """Open the lock file; on a disk that cannot be written, what there is: worklists are still answered."""
    try:
        return os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        if error.errno not in _CANNOT_BE_WRITTEN:
            raise
    return os.open(path if path.exists() else path.parent, os.O_RDONLY)
