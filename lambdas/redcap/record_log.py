"""What REDCap's log says a record was called before. Pure.

The wording varies by version, and a rename is one line that names the new name only. But where the history of
a record goes along with it, its older lines still say the old name: as ``study_id = '17'`` among the values,
or behind "Create record".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

_ACTION: Final = re.compile(r"^(?:Create|Update)d? record(?: \([^)]*\))*\s+(?P<name>.+)$", re.IGNORECASE)


def former_names(entries: Iterable[Mapping[str, str]], record: str, id_field: str) -> frozenset[str]:
    """Return every other name that the log's entries of a record give it.

    :param entries: ``content=log`` for this record: ``action`` and ``details`` are looked at.
    """
    value = re.compile(rf"(?:^|, ){re.escape(id_field)} = '([^']+)'")
    names: set[str] = set()
    for entry in entries:
        names.update(value.findall(entry.get("details", "")))
        if action := _ACTION.match(entry.get("action", "").strip()):
            names.add(action["name"].strip())
    return frozenset(names) - {record}
