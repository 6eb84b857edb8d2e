"""Looking at a definition before there is a deployment: without tables, with a token given by hand."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import Rejected

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject
    from lambdas.sources.definition import SourceDefinition

TOKEN = "REDCAP_API_TOKEN"  # noqa: S105  (the name of a variable)


def names_a_file(source: str) -> bool:
    """Tell whether a definition's file is meant, and not the id of a source.

    What cannot be an id is a file, there or not. A folder that is called like a source is none.
    """
    if Path(source).is_file():
        return True
    from lambdas.sources.definition import ID_PATTERN

    return re.fullmatch(ID_PATTERN, source) is None


def needs_none(source: str) -> bool:
    """Tell whether a preview is of a file, and no deployment is named: then none is needed."""
    return names_a_file(source) and not os.environ.get("WORKLIST_TABLE")


def connect(definition: SourceDefinition) -> RedcapProject:
    """Open the definition's project with the token in the environment.

    :raises Rejected: there is none.
    """
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise Rejected(
            "is not set, and without WORKLIST_TABLE no deployment has a token",
            where=TOKEN,
            hint=f"export {TOKEN}=... of a user who may export this project",
        )
    from lambdas.redcap.project import RedcapProject

    return RedcapProject(
        definition.url,
        token,
        definition.record_id_field,
        data_access_groups=definition.wants_data_access_groups(),
        sleep=time.sleep,
    )
