"""Log lines to stderr, plain or JSON, one a line; without patient identifiers.

Our own modules pass in none. Other people's code may quote whatever it stumbled over (pydicom a value,
asyncio the arguments of a callback), so of its messages only the place is logged; and of an exception only
its kind and place, never its text.

Under systemd each line begins with its priority, ``<4>`` for a warning, so that ``journalctl -p warning``
finds it (sd-daemon(3)).
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal

log = logging.getLogger(__name__)

_OURS: Final = ("edge_relay", "shared")
_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY: Final = 7


class PlainFormatter(logging.Formatter):
    """Time, level, message: for people."""

    def __init__(self, *, priorities: bool = False) -> None:
        super().__init__()
        self._priorities: Final = priorities

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        return (
            f"{_prefix(record, self._priorities)}{self.formatTime(record)} {record.levelname} {said(record)}"
        )


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message."""

    def __init__(self, *, priorities: bool = False) -> None:
        super().__init__()
        self._priorities: Final = priorities

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname, "logger": record.name, "message": said(record)}
        return _prefix(record, self._priorities) + json.dumps(line, ensure_ascii=False)


Level = Literal["debug", "info", "warning", "error"]


def set_up(form: Literal["plain", "json"], level: Level = "info") -> None:
    """Send this program's log lines to stderr; of other libraries those from warnings up, without text."""
    handler = logging.StreamHandler(sys.stderr)
    priorities = goes_to_journal(os.environ, sys.stderr.fileno())
    formatter = JsonFormatter if form == "json" else PlainFormatter
    handler.setFormatter(formatter(priorities=priorities))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    set_level(level)
    warnings.simplefilter("ignore")  # pydicom's quote the values they warn about
    # Python's own hooks would print the text of an exception nobody caught.
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def set_level(level: Level) -> None:
    """Leave out our own lines below a level from now on."""
    logging.getLogger("edge_relay").setLevel(level.upper())


def said(record: logging.LogRecord) -> str:
    """Return what a record says as one printable line, as far as it may be logged."""
    if record.name.partition(".")[0] in _OURS:
        text = record.getMessage()
    else:
        place = f"{record.filename}:{record.lineno}"
        text = f"{record.name} has a message at {place}; it is left out, since it could quote a value"
    if record.exc_info and record.exc_info[1] is not None:
        text += f" ({_kind_and_place(record.exc_info[1])})"
    return "".join(c if c.isprintable() else " " for c in text)


def goes_to_journal(environment: Mapping[str, str], descriptor: int) -> bool:
    """Tell whether a stream is systemd's journal: ``$JOURNAL_STREAM`` names its device and inode."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _prefix(record: logging.LogRecord, priorities: bool) -> str:
    if not priorities:
        return ""
    found = (priority for level, priority in _PRIORITIES if record.levelno >= level)
    return f"<{next(found, _DEBUG_PRIORITY)}>"


def _kind_and_place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + where


def _log_uncaught(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("ended by an uncaught exception (%s)", _kind_and_place(error))


def _log_uncaught_in_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        name = ended.thread.name if ended.thread else "?"
        log.critical("thread %s ended by an uncaught exception (%s)", name, _kind_and_place(ended.exc_value))
