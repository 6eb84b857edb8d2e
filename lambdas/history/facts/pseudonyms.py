"""Keys that stand for people and exams: the same for the same, and no way back without the secret. Pure.

Every key is an HMAC (RFC 2104, SHA-256, the first 16 bytes) with a key that is derived from the secret, by
purpose; a participant's also by study, so that the keys of two studies cannot be joined.
"""

from __future__ import annotations

import hmac
import json
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from shared.errors import Rejected

LEAST_BYTES: Final = 32
MOST_WEEKS: Final = 26
"""By how many weeks a participant's dates may be moved, to either side."""


class Pseudonyms:
    """Makes the keys of one deployment.

    :param secret: at least `LEAST_BYTES` random bytes; another secret makes other keys.
    :raises Rejected: it is shorter.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < LEAST_BYTES:
            raise Rejected(f"the history's key has {len(secret)} bytes, {LEAST_BYTES} are needed")
        self._secret = secret

    def participant(self, study: str, record: str, patient_id: str) -> str:
        """Return the key of a participant within a study.

        :param record: REDCap's; empty for an exam made by hand, which has only the Patient ID.
        """
        return self._key("participant", study).text("record" if record else "id", record or patient_id)

    def exam(self, item_id: str) -> str:
        """Return the key of an exam. An item's id is of one study already."""
        return self._key("exam").text(item_id)

    def step(self, sop_instance_uid: str) -> str:
        """Return the key of a performed step."""
        return self._key("step").text(sop_instance_uid)

    def value(self, subject: str, field: str, value: Any) -> str:
        """Return which value a field of an exam or step has; empty for none. Others hash it otherwise."""
        if value in (None, "", [], ()):
            return ""
        return self._key("value").text(subject, field, json.dumps(value, sort_keys=True, ensure_ascii=False))

    def mark(self, digest: str) -> str:
        """Return what tells an audit entry from another with its number, as after a restore."""
        return self._key("entry").text(digest)

    def shift_days(self, participant: str) -> int:
        """Return by how many days a participant's dates are moved, if the study asks for it.

        Whole weeks, so that a Monday stays a Monday; up to half a year to either side, never none.
        """
        number = int.from_bytes(self._key("shift").digest(participant)[:8])
        weeks = number % (2 * MOST_WEEKS) - MOST_WEEKS
        return 7 * (weeks if weeks < 0 else weeks + 1)

    def _key(self, *purpose: str) -> _Key:
        return _Key(_Key(self._secret).digest(*purpose))


class _Key:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, *parts: str) -> bytes:
        text = json.dumps(parts, ensure_ascii=False)  # no two lists of parts have the same text
        return hmac.digest(self._key, text.encode(), sha256)

    def text(self, *parts: str) -> str:
        return self.digest(*parts)[:16].hex()


def moved(row: dict[str, Any], days: int) -> dict[str, Any]:
    """Return a row with every date and time in it moved by some days."""
    by = timedelta(days=days)
    return {name: value + by if isinstance(value, date | datetime) else value for name, value in row.items()}
