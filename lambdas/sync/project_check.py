"""A source definition held against its project, asked for all that is needed to tell."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from lambdas.mapping.record import missing_data_codes
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.dictionary.fields import Project
from lambdas.sources.dictionary.problems import misfits_of, problems_of
from lambdas.sources.server_clock import EARLIEST, ServerClock, disagreement, offset_of
from lambdas.sources.state import ProjectCheck
from shared.errors import Forbidden, Rejected

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject

_LOOK_BACK: Final = timedelta(minutes=10)


class Checked(NamedTuple):
    """A definition that fits its project.

    :param check: what the project said.
    :param warning: what to know even so; empty if there is nothing.
    """

    check: ProjectCheck
    warning: str


def check_project(definition: SourceDefinition, redcap: RedcapProject, now: float) -> Checked:
    """Raise `Rejected` if the definition cannot be applied to the project; return what was found.

    It names what the project does not have, or not where it says; or what cannot hold what it is mapped to.
    Asks for the project's info and metadata, for its events if it is longitudinal, and for its data access
    groups if the definition uses them; and for the newest lines of its log, for the time they show.

    :param now: seconds since 1970.
    :raises MwlError: REDCap could not be asked.
    """
    project = project_of(definition, redcap)
    if problems := [*problems_of(definition, project), *misfits_of(definition, project)]:
        raise Rejected("; ".join(problems), where=f"source {definition.id}")
    minutes = clock_of(definition, redcap)
    check = ProjectCheck(
        definition=definition.digest(),
        at=now,
        missing_data_codes=tuple(project.missing),
        server_clock=None if minutes is None else ServerClock.at_least(minutes, now),
    )
    return Checked(check, _clock_warning(definition, redcap, minutes))


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


def clock_of(definition: SourceDefinition, redcap: RedcapProject) -> int | None:
    """Return how many minutes the server's wall clock is ahead of UTC, at least, by its log; None: not told.

    The log notes this very export, or the one before it; so its newest line is of now. It is read from where
    the definition says that the clock is, and only if there is nothing, as far back as any zone may be.

    :param redcap: something has been exported from it just now.
    """
    moment = redcap.server_now()
    stated = definition.server_wall_clock(moment, moment)
    earliest = moment.replace(tzinfo=None) + EARLIEST
    try:
        stamp = next(
            filter(None, (redcap.newest_log_stamp(each - _LOOK_BACK) for each in (stated, earliest))), ""
        )
    except Forbidden:
        return None
    return offset_of(stamp, redcap.server_now())


def _clock_warning(definition: SourceDefinition, redcap: RedcapProject, minutes: int | None) -> str:
    """Return in what REDCap's clock disagrees with the definition; empty if it agrees, or does not tell.

    :raises Rejected: it disagrees with the zone that the definition states for it.
    """
    if minutes is None or not (said := disagreement(definition, minutes, redcap.server_now())):
        return ""
    if definition.server_time_zone:
        raise Rejected(f"server_time_zone: {said}", where=f"source {definition.id}")
    return f"{said}; set server_time_zone"


def _groups(redcap: RedcapProject) -> list[str] | None:
    try:
        return redcap.group_names()
    except Forbidden:
        # Only a misspelled group is not found then; a record in a group not listed is rejected in any case.
        return None
