"""The one adapter around PyCap; with `lambdas.redcap.post`, all that knows what can go wrong at REDCap.

PyCap forms the requests; the answers are judged here, because PyCap takes whatever comes for an answer: rows
that are no rows, records and fields that were left out without a word.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from redcap.project import Project as PyCapProject

from lambdas.redcap.pace import Pace, Throttle
from lambdas.redcap.post import ATTEMPTS, Post, redacted
from lambdas.redcap.record_log import former_names
from lambdas.redcap.refusals import BAN_SECONDS, Banned, TooMuch, ValuesRefused
from lambdas.redcap.row import RedcapRow
from shared.batches import batches
from shared.errors import Forbidden, MwlError, Rejected, Unavailable

__all__ = ["ATTEMPTS", "BAN_SECONDS", "BATCH", "Banned", "RedcapProject", "ValuesRefused", "redacted"]

BATCH: Final = 100
"""Records in one request: larger ones run REDCap out of memory."""

MOST_LEFT_OUT: Final = 20
"""Records that may be left out for good; more are no odd records, but a REDCap in trouble."""

CONNECT_SECONDS, READ_SECONDS = 20.0, 300.0
GROUP: Final = "redcap_data_access_group"
_TOKEN: Final = re.compile(r"[0-9A-Za-z]{32}")


class LeftOut(Unavailable):
    """An answer with status 200 that lacks records it was asked for."""


class RedcapProject:
    """One REDCap project, asked one thing at a time.

    :param url: the API's address, ending in ``/api/``.
    :param token: the API token.
    :param record_id_field: the project's first field; PyCap would ask for the metadata to find it out.
    :param read_seconds: how long to wait for an answer; less than the time the caller itself has.
    :param data_access_groups: whether rows shall have ``redcap_data_access_group`` among their values.
    :param sleep: waits between tries, and where requests would follow each other too fast, given seconds.
    :param clock: seconds that never go back.
    :param pace: how fast the server may be asked; None: by this project alone, as `Throttle` says.
    """

    def __init__(
        self,
        url: str,
        token: str,
        record_id_field: str,
        *,
        read_seconds: float = READ_SECONDS,
        data_access_groups: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        pace: Pace | None = None,
    ) -> None:
        # PyCap asserts, and its assertion quotes the token.
        if not _TOKEN.fullmatch(token):
            raise Rejected("a REDCap API token has 32 letters and digits", where=url)
        self._url, self._id_field, self._groups = url, record_id_field, data_access_groups
        self._batch = BATCH
        timeout = (min(CONNECT_SECONDS, read_seconds / 2), read_seconds)
        self._post = Post(url, timeout, sleep=sleep, pace=pace or Throttle(clock, sleep))
        self._project = _Project(url, token, record_id_field, self._post)

    def close(self) -> None:
        """Close the connection."""
        self._post.session.close()

    def server_now(self) -> datetime:
        """Return the server's time, aware, from the Date header, as of the start of the last request.

        Whole seconds, rounded down. REDCap tells it nowhere else. Asks for the project info if nothing has
        been asked yet.
        """
        if self._post.server_time is None:
            self.project_info()
        if self._post.server_time is None:
            raise Unavailable("REDCap's answer has no Date header, so its clock is unknown", where=self._url)
        return self._post.server_time

    def project_info(self) -> dict[str, Any]:
        """Return ``content=project``."""
        info: object = self._project.export_project_info(format_type="json")
        if not isinstance(info, dict):
            raise Unavailable("REDCap's project info is not an object", where=self._url)
        return info

    def metadata(self) -> list[dict[str, str]]:
        """Return ``content=metadata``: the fields in order, the record id first."""
        return [
            {str(k): str(v) for k, v in row.items()} for row in _rows(self._project.export_metadata("json"))
        ]

    def event_forms(self) -> dict[str, list[str]]:
        """Return ``content=formEventMapping``: each event's unique name, with the forms it has.

        :raises Rejected: the project is not longitudinal.
        """
        forms: dict[str, list[str]] = {}
        for row in _rows(self._project.export_instrument_event_mappings("json")):
            forms.setdefault(str(row.get("unique_event_name", "")), []).append(str(row.get("form", "")))
        return forms

    def version(self) -> str:
        """Return REDCap's version (``content=version``), which its pages have in their addresses."""
        version = self._project.export_version()
        if version is None:
            raise Unavailable("REDCap answered with something that is no version", where=self._url)
        return str(version)

    def event_ids(self) -> dict[str, str]:
        """Return ``content=event``: each event's unique name, with its number where this REDCap tells it.

        :raises Rejected: the project is not longitudinal.
        """
        rows = _rows(self._project.export_events("json"))
        return {str(row.get("unique_event_name", "")): str(row.get("event_id", "") or "") for row in rows}

    def group_names(self) -> list[str]:
        """Return the unique names of the data access groups (``content=dag``)."""
        return [str(row.get("unique_group_name", "")) for row in _rows(self._project.export_dags("json"))]

    def former_names(self, record_id: str) -> frozenset[str]:
        """Return what a record was called before, as far as the project's log (``content=log``) tells.

        :raises Forbidden: the token's user has no right to the log.
        """
        log = self._project.export_logging("json", log_type="record", record=record_id)
        entries = [{str(k): str(v) for k, v in row.items()} for row in _rows(log)]
        return former_names(entries, record_id, self._id_field)

    def newest_log_stamp(self, since: datetime) -> str:
        """Return the time of the newest line of the project's log, as the server's wall clock showed it.

        :param since: naive, in the server's zone: older lines are of no interest; empty if there is none.
        :raises Forbidden: the token's user has no right to the log.
        """
        log = _rows(self._project.export_logging("json", begin_time=since))
        return max((str(row.get("timestamp", "")) for row in log), default="")

    def record_ids(self) -> frozenset[str]:
        """Return the ids of all records."""
        return frozenset(self.record_groups())

    def record_groups(self) -> dict[str, str]:
        """Return the ids of all records, each with its data access group, empty without one."""
        answer = self._project.export_records(
            fields=[self._id_field], export_data_access_groups=self._groups, **_RAW
        )
        groups: dict[str, str] = {}
        for flat in _rows(answer):
            row = RedcapRow.from_flat(flat, self._id_field)
            if self._groups:
                self._check_columns([row], ())
            groups[row.record] = groups.get(row.record) or row.values.get(GROUP, "")
        return groups

    def existing(self, record_ids: Collection[str]) -> frozenset[str]:
        """Return which of these records exist, asked for by name."""
        found: frozenset[str] = frozenset()
        for some in _batches(record_ids):
            found |= self._ids(self._project.export_records(records=some, fields=[self._id_field], **_RAW))
        return found & frozenset(record_ids)

    def changed(self, since: datetime) -> frozenset[str]:
        """Return the ids of the records created or changed since.

        :param since: naive, in the server's zone, which REDCap compares with and does not tell.
        """
        if since.tzinfo is not None:
            raise ValueError("since must be naive server time: PyCap would silently drop the zone")
        return self._ids(self._project.export_records(fields=[self._id_field], date_begin=since, **_RAW))

    def rows(
        self, record_ids: Collection[str], fields: Sequence[str], left_out: set[str] | None = None
    ) -> Iterator[list[RedcapRow]]:
        """Yield all rows of these records, a batch of records at a time, in order of record id.

        A batch that REDCap runs out of memory over, or answers by half, is asked for again in smaller ones,
        down to a single record. The smaller size is kept, unless a record was left out for good.

        :param fields: columns wanted, checkbox columns as ``field___code``; the record id comes in any case.
        :param left_out: takes the records that are missing in every answer, even asked for alone, up to
            `MOST_LEFT_OUT`.
        :raises Unavailable: a record is missing even so, and ``left_out`` is not given or full.
        :raises Forbidden: REDCap left a field out without a word, as it does for a token without the right.
        """
        wanted = sorted(record_ids)
        usual, done, growing = self._batch, 0, False
        while done < len(wanted):
            some = wanted[done : done + self._batch]
            try:
                rows = self._complete(some, fields)
            except (TooMuch, LeftOut) as error:
                if len(some) > 1:
                    usual = usual if isinstance(error, LeftOut) else len(some) // 2
                    self._batch = len(some) // 2
                    continue
                rows = self._asked_alone(some, fields, error, left_out)
                growing = True  # it was that record, not the size
            done += len(some)
            if growing:
                self._batch = min(usual, 2 * self._batch)
            if rows:
                yield rows
        if growing:
            self._batch = usual

    def _asked_alone(
        self, some: Sequence[str], fields: Sequence[str], error: MwlError, left_out: set[str] | None
    ) -> list[RedcapRow]:
        """Ask for a single record that was left out once more; none if it still is."""
        if not isinstance(error, LeftOut) or left_out is None:
            raise error
        if rows := self._export(some, fields):
            return rows
        if len(left_out) >= MOST_LEFT_OUT:
            raise error
        left_out.update(some)
        return []

    def _complete(self, record_ids: Sequence[str], fields: Sequence[str]) -> list[RedcapRow]:
        rows = self._export(record_ids, fields)
        missing = len(set(record_ids) - {row.record for row in rows})
        if missing:
            raise LeftOut(f"REDCap left out {missing} of {len(record_ids)} records", where=self._url)
        return rows

    def rows_of(self, record_id: str, fields: Sequence[str]) -> list[RedcapRow]:
        """Return all rows of a record; none if there is no such record. Otherwise as `rows`."""
        return self._export([record_id], fields)

    def import_status(self, rows: Sequence[RedcapRow]) -> None:
        """Write the rows' values; blank ones clear their fields. Fields that are not named stay as they are.

        :raises ValuesRefused: REDCap refuses values, and names their fields; nothing was written.
        :raises Rejected: REDCap refuses the import; nothing was written.
        :raises Unavailable: REDCap does not confirm every record.
        """
        if not rows:
            return
        blank = any(not text for row in rows for text in row.values.values())
        answer: object = self._project.import_records(
            [row.to_flat(self._id_field) for row in rows],
            return_content="ids",
            import_format="json",
            overwrite="overwrite" if blank else "normal",
        )
        confirmed = {str(record) for record in answer} if isinstance(answer, list) else set()
        if confirmed != {row.record for row in rows}:
            raise Unavailable("REDCap did not confirm every record that was written", where=self._url)

    def _export(self, record_ids: Sequence[str], fields: Sequence[str]) -> list[RedcapRow]:
        wanted = list(dict.fromkeys([self._id_field, *(name.partition("___")[0] for name in fields)]))
        answer = self._project.export_records(
            records=list(record_ids), fields=wanted, export_data_access_groups=self._groups, **_RAW
        )
        flat = _rows(answer)
        rows = [RedcapRow.from_flat(row, self._id_field) for row in flat]
        self._check_columns(rows, fields)
        asked = frozenset(record_ids)
        return [row for row in rows if row.record in asked]

    def _ids(self, answer: object) -> frozenset[str]:
        return frozenset(RedcapRow.from_flat(row, self._id_field).record for row in _rows(answer))

    def _check_columns(self, rows: Sequence[RedcapRow], fields: Sequence[str]) -> None:
        columns = rows[0].values if rows else {}
        dropped = [name for name in fields if rows and name not in columns]
        if dropped:
            raise Forbidden(
                f"REDCap leaves out {', '.join(dropped)}",
                where=self._url,
                hint="give the token's user full data export rights, or check the checkbox codes",
            )
        if rows and self._groups and GROUP not in columns:
            raise Forbidden(
                f"REDCap leaves out {GROUP}",
                where=self._url,
                hint="the project needs data access groups, and the token's user must not be in one",
            )


_RAW: Final[dict[str, Any]] = {"format_type": "json", "raw_or_label": "raw", "event_name": "unique"}


class _Project(PyCapProject):
    """PyCap's project with its transport replaced, so that no answer goes unjudged."""

    def __init__(self, url: str, token: str, record_id_field: str, post: Post) -> None:
        super().__init__(url, token)
        self._def_field = record_id_field
        self._judged_post = post

    def _call_api(self, payload: dict[str, Any], return_type: str, file: object = None) -> Any:
        if file is not None or return_type == "file_map":
            raise NotImplementedError("file fields are not supported")
        return self._judged_post.text(payload) if return_type == "str" else self._judged_post(payload)


def _rows(answer: object) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise Unavailable("REDCap answered with something that is not a list of rows")
    return answer


def _batches(record_ids: Collection[str]) -> Iterator[list[str]]:
    # Never an empty batch: to PyCap, and so to REDCap, `records=[]` means the whole project.
    return map(list, batches(sorted(record_ids), BATCH))
