"""Statuses of DIMSE responses, by the standard's names. Pure.

PS3.7 Annex C; PS3.4 Tables K.4-1 (C-FIND), F.7.2-2 (N-CREATE, N-SET) and F.8.2-2 (N-GET).
"""

from __future__ import annotations

from typing import Final

SUCCESS: Final = 0x0000

NO_SUCH_ATTRIBUTE: Final = 0x0105
INVALID_ATTRIBUTE_VALUE: Final = 0x0106
PROCESSING_FAILURE: Final = 0x0110
DUPLICATE_SOP_INSTANCE: Final = 0x0111
NO_SUCH_SOP_INSTANCE: Final = 0x0112
INVALID_OBJECT_INSTANCE: Final = 0x0117
NO_SUCH_SOP_CLASS: Final = 0x0118
MISSING_ATTRIBUTE: Final = 0x0120
MISSING_ATTRIBUTE_VALUE: Final = 0x0121
SOP_CLASS_NOT_SUPPORTED: Final = 0x0122
UNRECOGNIZED_OPERATION: Final = 0x0211
RESOURCE_LIMITATION: Final = 0x0213

OUT_OF_RESOURCES: Final = 0xA700
IDENTIFIER_DOES_NOT_MATCH: Final = 0xA900
UNABLE_TO_PROCESS: Final = 0xC001

NOT_ALL_ATTRIBUTES: Final = 0x0001
"""N-GET: some of the attributes asked for are not held."""

CANCELLED: Final = 0xFE00
PENDING: Final = 0xFF00
PENDING_INCOMPLETE: Final = 0xFF01
"""As `PENDING`, and an optional key was not supported."""

ALL_PENDING: Final = frozenset({PENDING, PENDING_INCOMPLETE})
WARNINGS: Final = frozenset({NOT_ALL_ATTRIBUTES, 0x0107, 0x0116})
"""Taken, with something to say about it: attribute list error, attribute value out of range (PS3.7 C.4)."""

NO_LONGER_UPDATED: Final = 0xA710
"""An Error ID (0000,0903), not a status: the step has ended (PS3.4 Table F.7.2-2)."""
