"""What a person does at REDCap's own screens: save a form, lock it, rename, delete, move, erase.

Unlike imports, saves fire the data entry trigger and are not validated (stored values need not conform).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from infra.redcap_simulator.api.imports import recalculate
from infra.redcap_simulator.api.writing import rename
from infra.redcap_simulator.people.trigger import Trigger, form_of
from infra.redcap_simulator.project.log import Entry, Kind
from infra.redcap_simulator.project.project import Project, Shape, User
from infra.redcap_simulator.project.quirks import Quirks
from infra.redcap_simulator.project.records import Record, RowKey


class FormFiller:
    """One person's screen, for any project of the server."""

    def __init__(self, now: Callable[[], datetime], trigger: Trigger, quirks: Quirks, base_url: str) -> None:
        self._now, self._trigger, self._quirks, self._base_url = now, trigger, quirks, base_url

    def save_form(
        self,
        project: Project,
        record_id: str,
        instrument: str,
        values: Mapping[str, str],
        *,
        event: str = "",
        instance: int | None = None,
        user: str = "relay",
        complete: str | None = None,
    ) -> int:
        """Save a form; "" clears a field, `instance=None` takes the next. Returns the instance, or 0."""
        person, shape = project.user(user), project.shape
        event = event or shape.events[0].unique
        _check_form(shape, event, instrument, values)
        known = project.records.get(record_id)
        record = known.copy() if known else Record({}, dag=person.dag)
        key = _key(shape, record, event, instrument, instance)
        if (record_id, key, instrument) in project.locked:
            raise ValueError(f"the form {instrument} is locked for this record")
        record.rows.setdefault(
            RowKey(event, "", 0 if key.instrument else key.instance), {shape.id_field: record_id}
        )
        row = record.rows.setdefault(key, {})
        status = {f"{instrument}_complete": complete or row.get(f"{instrument}_complete", "0")}
        for column, value in {**values, **status}.items():
            row[column] = value
        record.rows[key] = {column: value for column, value in row.items() if value}
        recalculate(shape, record, key)
        project.records.put(record_id, record, self._now())
        verb = "Update" if known else "Create"
        details = ", ".join(f"{column} = '{value}'" for column, value in {**values, **status}.items())
        if key.instance > 1:
            details = f"[instance = {key.instance}], {details}"
        self._log(project, person, f"{verb} record {record_id}", details, record_id, added=known is None)
        if project.det_url:
            self._fire(project, person, record_id, record, instrument, key)
        return key.instance

    def erase_form(
        self,
        project: Project,
        record_id: str,
        instrument: str,
        *,
        event: str = "",
        instance: int = 0,
        user: str = "relay",
    ) -> None:
        """Delete a form's data, or one repeat of it. Fires nothing."""
        shape = project.shape
        record = _existing(project, record_id).copy()
        event = event or shape.events[0].unique
        repeating = instrument in shape.events_by_name[event].repeating_forms
        key = RowKey(event, instrument if repeating else "", instance)
        if key not in record.rows:
            raise LookupError(f"record has no such form: {instrument}, instance {instance}")
        if repeating:
            del record.rows[key]
        else:
            row = record.rows[key]
            keep = {c: v for c, v in row.items() if shape.columns[c] != instrument or c == shape.id_field}
            record.rows[key] = keep
        project.records.put(record_id, record, self._now())
        self._log(
            project, project.user(user), f"Update record {record_id}", f"Delete form {instrument}", record_id
        )

    def lock(
        self,
        project: Project,
        record_id: str,
        instrument: str,
        *,
        event: str = "",
        instance: int = 1,
        locked: bool = True,
    ) -> None:
        """Lock a form, or one repeat of it, as who signs it does; or unlock it. Changes no value."""
        shape = project.shape
        event = event or shape.events[0].unique
        _check_form(shape, event, instrument, {})
        lock = (
            record_id,
            _key(shape, _existing(project, record_id), event, instrument, instance),
            instrument,
        )
        (project.locked.add if locked else project.locked.discard)(lock)

    def rename(self, project: Project, old: str, new: str, *, user: str = "relay") -> None:
        """Give a record another id."""
        _existing(project, old)
        rename(project, project.user(user), old, new, self._now())

    def delete(self, project: Project, record_id: str, *, user: str = "relay") -> None:
        """Delete a record."""
        _existing(project, record_id)
        project.records.drop(record_id)
        details = f"{project.shape.id_field} = '{record_id}'"
        person = project.user(user)
        entry = Entry(
            self._now(), person.name, "record_delete", f"Delete record {record_id}", details, record_id
        )
        project.log.add(entry)

    def move_dag(self, project: Project, record_id: str, dag: str, *, user: str = "relay") -> None:
        """Assign a record to another data access group; "" takes it out of all."""
        if dag and dag not in project.shape.group_names:
            raise LookupError(f"no such data access group: {dag}")
        record = _existing(project, record_id).copy()
        record.dag = dag
        before = project.records.modified(record_id)
        project.records.put(record_id, record, self._now() if self._quirks.dag_move_modifies else before)
        details = f"Assign record to Data Access Group (redcap_data_access_group = '{dag}')"
        self._log(project, project.user(user), f"Update record {record_id}", details, record_id)

    def erase_all(self, project: Project, *, user: str = "relay") -> None:
        """Erase all data. Since REDCap 15.2 the log has no line for each record of it."""
        project.records.clear()
        person = project.user(user)
        project.log.add(Entry(self._now(), person.name, "manage", "Manage/Design", "Erase all data"))

    def _fire(
        self, project: Project, user: User, record_id: str, record: Record, instrument: str, key: RowKey
    ) -> None:
        form = form_of(project, user, record_id, record, instrument, key)
        form["redcap_url"] = self._base_url + "/"
        form["project_url"] = (
            f"{self._base_url}/redcap_v{self._quirks.version}/index.php?pid={project.project_id}"
        )
        self._trigger.fire(project.det_url, form)

    def _log(
        self, project: Project, user: User, action: str, details: str, record_id: str, *, added: bool = False
    ) -> None:
        kind: Kind = "record_add" if added else "record_edit"
        project.log.add(Entry(self._now(), user.name, kind, action, details, record_id))


def _existing(project: Project, record_id: str) -> Record:
    record = project.records.get(record_id)
    if record is None:
        raise LookupError(f"no such record: {record_id}")
    return record


def _check_form(shape: Shape, event: str, instrument: str, values: Mapping[str, str]) -> None:
    if event not in shape.events_by_name or instrument not in shape.events_by_name[event].forms:
        raise LookupError(f"no form {instrument!r} in event {event!r}")
    strangers = [column for column in values if shape.columns.get(column) != instrument]
    if strangers:
        raise LookupError(f"not on form {instrument!r}: {', '.join(strangers)}")
    computed = [
        c for c in values if c in shape.field_of_column and shape.field_of_column[c].compute is not None
    ]
    if computed:
        raise LookupError(f"calculated, nobody can type into it: {', '.join(computed)}")


def _key(shape: Shape, record: Record, event: str, instrument: str, instance: int | None) -> RowKey:
    known = shape.events_by_name[event]
    repeat = instrument if instrument in known.repeating_forms else ""
    if not repeat and not known.repeating:
        return RowKey(event)
    return RowKey(event, repeat, instance or record.next_instance(event, repeat))
