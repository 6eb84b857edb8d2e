"""A source definition held against its project, asked for all that is needed to tell."""

from __future__ import annotations

from lambdas.redcap.project import RedcapProject
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import check_against
from shared.errors import Forbidden


def check_project(definition: SourceDefinition, redcap: RedcapProject) -> None:
    """Raise `Rejected` if the definition names what the project does not have, or not where it says.

    Asks for the project's info and metadata, for its events if it is longitudinal, and for its data access
    groups if the definition uses them.

    :raises MwlError: REDCap could not be asked.
    """
    is_longitudinal = str(redcap.project_info().get("is_longitudinal", 0)) == "1"
    check_against(
        definition,
        redcap.metadata(),
        event_forms=redcap.event_forms() if is_longitudinal else {},
        groups=_groups(redcap) if definition.wants_data_access_groups() else None,
    )


def _groups(redcap: RedcapProject) -> list[str] | None:
    try:
        return redcap.group_names()
    except Forbidden:
        # Only a misspelled group is not found then; a record in a group not listed is rejected in any case.
        return None
