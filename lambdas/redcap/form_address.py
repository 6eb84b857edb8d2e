"""The address of a record's form in REDCap, for people to open. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

_VERSION: Final = re.compile(r"\d{1,3}(\.\d{1,3}){1,3}")


def form_address(
    api_url: str,
    version: str,
    project_id: str,
    *,
    record: str,
    event_id: str = "",
    instrument: str = "",
    instance: int = 1,
) -> str:
    """Return the address of a form, or of the record's home page if the form is not known.

    :param api_url: of the source, ending in ``/api/``.
    :param version: REDCap's own; without one that can be read, the address of REDCap itself is returned.
    :param event_id: the event's number; empty in a classic project, where REDCap takes the only one.
    """
    base = api_url.removesuffix("api/")
    if not _VERSION.fullmatch(version):
        return base
    folder = f"{base}redcap_v{version}/DataEntry"
    if not instrument:
        return f"{folder}/record_home.php?{urlencode({'pid': project_id, 'id': record})}"
    fields = {
        "pid": project_id,
        "id": record,
        "event_id": event_id,
        "page": instrument,
        "instance": str(instance),
    }
    return f"{folder}/index.php?{urlencode({name: value for name, value in fields.items() if value})}"
