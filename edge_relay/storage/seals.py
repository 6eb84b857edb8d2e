"""A checksum on each row of the journal: what was changed on the disk since it was written is found out.

SQLite notices a damaged page if its structure is broken, not if a letter in it has become another.

Pure.
"""

from __future__ import annotations

from hashlib import blake2b

_SEPARATOR = "\x1f"
_BYTES = 8


def seal(*values: object) -> str:
    """Return the checksum of a row's values: BLAKE2b, 64 bits, as hexadecimal digits."""
    text = _SEPARATOR.join(map(str, values)).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=_BYTES).hexdigest()
