"""What a record export asks for: which records, events, columns and pseudo-columns.

The record id is in the answer only when asked for (PyCap asks always), and the pseudo-columns come only
with it. Identifier-flagged fields are dropped in silence for a token with limited export rights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from infra.redcap_simulator.api import filter_logic
from infra.redcap_simulator.api.errors import ApiError, invalid_values, lacks_right
from infra.redcap_simulator.api.wire import Params
from infra.redcap_simulator.project.project import Project, Shape, User
from infra.redcap_simulator.project.quirks import Quirks


@dataclass(frozen=True)
class Selection:
    """A checked export request."""

    record_ids: Sequence[str]
    events: frozenset[str]
    columns: tuple[str, ...]
    with_id: bool
    with_groups: bool
    test: filter_logic.Predicate | None
    blank_unopened: bool

    @property
    def only_id(self) -> bool:
        """Nothing but the record id is asked for."""
        return self.with_id and len(self.columns) == 1


def select(project: Project, user: User, params: Params, quirks: Quirks) -> Selection:
    """The request's selection, or the ApiError REDCap would answer."""
    if user.export == "none":
        raise lacks_right("export")
    shape = project.shape
    columns = _columns(shape, user, params)
    logic = params.text("filterLogic")
    return Selection(
        record_ids=_record_ids(project, user, params, quirks),
        events=_events(shape, params),
        columns=columns,
        with_id=shape.id_field in columns,
        with_groups=params.flag("exportDataAccessGroups") and bool(shape.groups) and not user.dag,
        test=filter_logic.parse(logic, shape) if logic else None,
        blank_unopened=quirks.blank_unopened_forms or params.flag("exportBlankForGrayFormStatus"),
    )


def _columns(shape: Shape, user: User, params: Params) -> tuple[str, ...]:
    names, forms = params.array("fields"), params.array("forms")
    statuses = {f"{form}_complete" for form in shape.forms}
    unknown = [name for name in names if name not in shape.fields_by_name and name not in statuses]
    if unknown:
        raise invalid_values("fields", unknown)
    strangers = [form for form in forms if form not in shape.forms]
    if strangers:
        raise invalid_values("forms", strangers)
    wanted = set(names)
    return tuple(
        column
        for column, form in shape.columns.items()
        if ((not names and not forms) or form in forms or _name(shape, column) in wanted)
        and not _withheld(shape, user, column)
    )


def _name(shape: Shape, column: str) -> str:
    item = shape.field_of_column.get(column)
    return item.name if item else column


def _withheld(shape: Shape, user: User, column: str) -> bool:
    item = shape.field_of_column.get(column)
    return user.export != "full" and item is not None and item.identifier and item.name != shape.id_field


def _events(shape: Shape, params: Params) -> frozenset[str]:
    names = params.array("events") if shape.longitudinal else []
    unknown = [name for name in names if name not in shape.events_by_name]
    if unknown:
        raise invalid_values("events", unknown)
    return frozenset(names or shape.events_by_name)


def _record_ids(project: Project, user: User, params: Params, quirks: Quirks) -> Sequence[str]:
    store = project.records
    named = params.array("records")
    ids = [name for name in named if name in store] if named else store.ids()
    begin = _bound(params, "dateRangeBegin")
    end = _bound(params, "dateRangeEnd")
    if begin or end:
        # By the wall clock: when it is put back, an hour happens twice, and nothing tells which is meant.
        clock = {name: store.modified(name).astimezone(quirks.zone).replace(tzinfo=None) for name in ids}
        ids = [name for name in ids if _within(clock[name], begin, end, quirks)]
    if user.dag:
        ids = [name for name, record in store.items(ids) if record.dag == user.dag]
    return ids


def _bound(params: Params, name: str) -> datetime | None:
    text = params.text(name)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise ApiError(400, f'The value of the parameter "{name}" must be YYYY-MM-DD HH:MM:SS') from None


def _within(at: datetime, begin: datetime | None, end: datetime | None, quirks: Quirks) -> bool:
    second = at.replace(microsecond=0)
    if quirks.date_range_includes_bounds:
        return (begin is None or second >= begin) and (end is None or second <= end)
    return (begin is None or second > begin) and (end is None or second < end)
