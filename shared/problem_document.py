"""How the cloud says what was wrong: RFC 9457 problem documents, with a ``type`` that nobody else uses.

What is in between (a gateway, a proxy, a login page) answers with statuses of its own: without this type, an
answer refuses nothing and revokes nobody.

Pure.
"""

from __future__ import annotations

from typing import Final

MEDIA_TYPE: Final = "application/problem+json"
OURS: Final = "urn:mwl-relay:problem:"
"""What the ``type`` of the cloud's own problem documents begins with; what kind it is follows."""
