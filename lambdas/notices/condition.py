"""One thing that needs somebody. Pure.

A condition has a key, by which it is known again; neither that nor its words has anything of a participant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What somebody can be told of."""

    MISSING = "missing"
    """A scan of today or of the next hours is not on the scanner's list."""
    RELAY = "relay-silent"
    SOURCE = "source-failing"
    """REDCap cannot be read, or withdrawals wait for a person."""
    WRITE_BACK = "write-back-parked"
    """REDCap refuses what a scanner did."""
    SELF_TEST = "self-test-failed"
    """A relay's last test participant did not come all the way."""
    UNENDED = "exam-not-ended"
    """A scanner began an exam and never ended it: somebody has to say whether it was done."""
    DOUBTED = "images-of-another"
    """An archive has an exam's images under another Patient ID: somebody has to find out whose they are."""


@dataclass(frozen=True)
class Condition:
    """One thing that needs somebody.

    :param about: a source's, relay's or scanner's name; empty if the kind says it all.
    :param urgent: it breaks quiet hours.
    """

    key: str
    kind: Kind
    about: str = ""
    urgent: bool = False
