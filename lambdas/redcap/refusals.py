"""What REDCap may answer that callers tell apart from other errors. Without HTTP: they call nobody."""

from __future__ import annotations

from typing import Final

from shared.errors import Rejected, Unavailable

BAN_SECONDS: Final = 3600
"""How long to leave a server alone that has banned us; 600 requests a minute are too many for it."""


class Banned(Unavailable):
    """REDCap refuses this address for asking too often; ask nothing for `BAN_SECONDS`."""


class ValuesRefused(Rejected):
    """REDCap refuses a value in the request, or a field that it does not have; nothing was written.

    :param fields: the fields at fault.
    :param locked: those of them that are on a locked form: somebody may unlock it.
    """

    def __init__(self, what: str, *, where: str, fields: frozenset[str], locked: frozenset[str]) -> None:
        super().__init__(what, where=where)
        self.fields, self.locked = fields, locked


class TooMuch(Unavailable):
    """REDCap seems to have run out of memory; a request for fewer records may go through."""
