"""What no log line and no heartbeat may contain, looked for in all that a test run says.

Names are found by their form (DICOM's ``Family^Given``, PS3.5 6.2.1.1), secrets by theirs; what has no form
of its own is listed: values that tests use, and that nobody says by chance. It imports nothing of ours, for
every test begins with it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

_FORMS: Final = {
    "a person's name": re.compile(r"[^\W\d_]{2,}\^[^\W\d_]"),
    "a token (JWT)": re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "a password's hash": re.compile(r"\$(argon2\w*|2[aby])\$"),
    "a REDCap token": re.compile(r"(?<![0-9A-Fa-f])[0-9A-F]{32}(?![0-9A-Fa-f])"),
}
_VALUES: Final = {
    "the signing secret": "sixty-four-characters-that-only-tests-know",
    "a password": "violet kettle moraine",
    "a marked Patient ID": "PID-LEAK",
    "a marked name": "Leakmarker",
}
_USUAL: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def leaks_in(text: str) -> list[str]:
    """Return what a text contains and may not, in words, without it."""
    found = [what for what, form in _FORMS.items() if form.search(text)]
    return found + [what for what, value in _VALUES.items() if value in text]


class Watch:
    """Looks through every log record, of whichever logger, and what else it is shown."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def look(self, where: str, text: str) -> None:
        """Look through a text, and remember what is found."""
        self._found += [f"{where} contains {what}" for what in leaks_in(text)]

    def taken(self) -> list[str]:
        """Return what has been found since the last time."""
        found, self._found = self._found, []
        return found

    @contextmanager
    def over_logs(self) -> Iterator[None]:
        """Look through log records meanwhile: all that are at or above their logger's level."""
        handle: Callable[[logging.Logger, logging.LogRecord], None] = logging.Logger.handle

        def looked(logger: logging.Logger, record: logging.LogRecord) -> None:
            self.look(f"a log line of {record.name} ({record.filename}:{record.lineno})", _text(record))
            handle(logger, record)

        with patch.object(logging.Logger, "handle", looked):
            yield


def _text(record: logging.LogRecord) -> str:
    more: dict[str, Any] = {key: value for key, value in record.__dict__.items() if key not in _USUAL}
    error = record.exc_info[1] if record.exc_info else None
    return f"{record.getMessage()} {more or ''} {error or ''} {record.exc_text or ''}"


WATCH: Final = Watch()
"""The one of this test run."""
