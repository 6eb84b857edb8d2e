"""A source definition held against its project, asked for all that is needed to tell."""

from __future__ import annotations

from lambdas.mapping.record import missing_data_codes
from lambdas.redcap.project import RedcapProject
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.dictionary.fields import Project
from lambdas.sources.dictionary.problems import misfits_of, problems_of
from shared.errors import Forbidden, Rejected


def check_project(definition: SourceDefinition, redcap: RedcapProject) -> None:
    """Raise `Rejected` if the definition cannot be applied to the project.

    It names what the project does not have, or not where it says; or what cannot hold what it is mapped to.
    Asks for the project's info and metadata, for its events if it is longitudinal, and for its data access
    groups if the definition uses them.

    :raises MwlError: REDCap could not be asked.
    """
    project = project_of(definition, redcap)
    if problems := [*problems_of(definition, project), *misfits_of(definition, project)]:
        raise Rejected("; ".join(problems), where=f"source {definition.id}")


def project_of(definition: SourceDefinition, redcap: RedcapProject) -> Project:
    """Return what a definition is held against; asks as `check_project` does."""
    info = redcap.project_info()
    is_longitudinal = str(info.get("is_longitudinal", 0)) == "1"
    return Project(
        redcap.metadata(),
        redcap.event_forms() if is_longitudinal else {},
        _groups(redcap) if definition.wants_data_access_groups() else None,
        missing_data_codes(info),
    )


def _groups(redcap: RedcapProject) -> list[str] | None:
    try:
        return redcap.group_names()
    except Forbidden:
        # Only a misspelled group is not found then; a record in a group not listed is rejected in any case.
        return None
