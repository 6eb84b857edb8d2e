"""The one adapter around PyCap: the only module that talks to REDCap, and that knows what can go wrong there.

PyCap forms the requests; the answers are judged here, because PyCap takes whatever comes for an answer.

    answer                                          becomes
    the rate ban's text, whatever the status        Banned        asking again makes it worse: a long pause
    403                                             Forbidden     never retried here
    400 with REDCap's own JSON error                Rejected      the request will always be wrong
    408, 500, 502, 503, 504; no connection          Unavailable   after retries with growing pauses
    a redirect, HTML, an empty or cut body,         Unavailable   at once: half an answer is no answer
      rows missing, anything else

No error carries the token or a value: REDCap quotes values in what it refuses, so its sentences are redacted.
"""

from __future__ import annotations

import csv
import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from redcap.project import Project as PyCapProject
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from lambdas.redcap_row import RedcapRow
from shared.errors import Forbidden, MwlError, Rejected, Unavailable

BATCH: Final = 100
"""Records in one request: larger ones run REDCap out of memory."""

CONNECT_SECONDS, READ_SECONDS = 20.0, 300.0
ATTEMPTS: Final = 4
BAN_SECONDS: Final = 3600
"""How long to leave a server alone that has banned us; 600 requests a minute are too many for it."""

_REACH: Final = "is the address right, and can this machine reach it?"
_PASSING: Final = frozenset({408, 500, 502, 503, 504})
_BAN: Final = "has been banned due to suspected abuse"
_NAMES_ONLY: Final = (
    'The following values in the parameter "fields" are not valid',
    "The following fields were not found in the project as real data fields",
    "You do not have",
)
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\([^)]*\)|[:=].*", re.DOTALL)
_TOKEN: Final = re.compile(r"[0-9A-Za-z]{32}")


class Banned(Unavailable):
    """REDCap refuses this address for asking too often; ask nothing for `BAN_SECONDS`."""


class _Passing(Unavailable):
    """Worth another try right away."""


class RedcapProject:
    """One REDCap project, asked one thing at a time.

    :param url: the API's address, ending in ``/api/``.
    :param token: the API token.
    :param record_id_field: the project's first field; PyCap would ask for the metadata to find it out.
    :param read_seconds: how long to wait for an answer; less than the time the caller itself has.
    :param sleep: waits between tries, given seconds.
    """

    def __init__(
        self,
        url: str,
        token: str,
        record_id_field: str,
        *,
        read_seconds: float = READ_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # PyCap asserts, and its assertion quotes the token.
        if not _TOKEN.fullmatch(token):
            raise Rejected("a REDCap API token has 32 letters and digits", where=url)
        self._url, self._id_field = url, record_id_field
        self._post = _Post(url, (CONNECT_SECONDS, read_seconds), sleep)
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

    def record_ids(self) -> frozenset[str]:
        """Return the ids of all records."""
        return self._ids(self._project.export_records(fields=[self._id_field], **_RAW))

    def existing(self, record_ids: Collection[str]) -> frozenset[str]:
        """Return which of these records exist, asked for by name."""
        found: frozenset[str] = frozenset()
        for some in _batches(record_ids):
            found |= self._ids(self._project.export_records(records=some, fields=[self._id_field], **_RAW))
        return found & frozenset(record_ids)

    def changed_rows(self, since: datetime) -> list[RedcapRow]:
        """Return the rows, with their keys only, of records created or changed since.

        :param since: naive, in the server's zone, which REDCap compares with and does not tell.
        """
        if since.tzinfo is not None:
            raise ValueError("since must be naive server time: PyCap would drop the zone in silence")
        answer = self._project.export_records(fields=[self._id_field], date_begin=since, **_RAW)
        return [RedcapRow.from_flat(row, self._id_field) for row in _rows(answer)]

    def rows(self, record_ids: Collection[str], fields: Sequence[str]) -> Iterator[list[RedcapRow]]:
        """Yield all rows of these records, a batch of records at a time.

        :param fields: columns wanted, checkbox columns as ``field___code``; the record id comes in any case.
        :raises Unavailable: a record is missing in the answer.
        :raises Forbidden: REDCap left a field out without a word, as it does for a token without the right.
        """
        for some in _batches(record_ids):
            rows = self._export(some, fields)
            missing = len(set(some) - {row.record for row in rows})
            if missing:
                raise Unavailable(f"REDCap left out {missing} of {len(some)} records", where=self._url)
            yield rows

    def rows_of(self, record_id: str, fields: Sequence[str]) -> list[RedcapRow]:
        """Return all rows of a record; none if there is no such record. Otherwise as `rows`."""
        return self._export([record_id], fields)

    def import_status(self, rows: Sequence[RedcapRow]) -> None:
        """Write the rows' values; blank ones change nothing.

        :raises Rejected: REDCap refuses a value or a field; nothing was written.
        :raises Unavailable: REDCap does not confirm every record.
        """
        if not rows:
            return
        answer: object = self._project.import_records(
            [row.to_flat(self._id_field) for row in rows], return_content="ids", import_format="json"
        )
        confirmed = {str(record) for record in answer} if isinstance(answer, list) else set()
        if confirmed != {row.record for row in rows}:
            raise Unavailable("REDCap did not confirm every record that was written", where=self._url)

    def _export(self, record_ids: Sequence[str], fields: Sequence[str]) -> list[RedcapRow]:
        wanted = list(dict.fromkeys([self._id_field, *(name.partition("___")[0] for name in fields)]))
        flat = _rows(self._project.export_records(records=list(record_ids), fields=wanted, **_RAW))
        rows = [RedcapRow.from_flat(row, self._id_field) for row in flat]
        self._check_columns(rows, fields)
        asked = frozenset(record_ids)
        return [row for row in rows if row.record in asked]

    def _ids(self, answer: object) -> frozenset[str]:
        return frozenset(RedcapRow.from_flat(row, self._id_field).record for row in _rows(answer))

    def _check_columns(self, rows: Sequence[RedcapRow], fields: Sequence[str]) -> None:
        dropped = [name for name in fields if rows and name not in rows[0].values]
        if dropped:
            raise Forbidden(
                f"REDCap leaves out {', '.join(dropped)}",
                where=self._url,
                hint="give the token's user full data export rights, or check the checkbox codes",
            )


_RAW: Final[dict[str, Any]] = {"format_type": "json", "raw_or_label": "raw", "event_name": "unique"}


class _Project(PyCapProject):
    """PyCap's project with its transport replaced, so that no answer goes unjudged."""

    def __init__(self, url: str, token: str, record_id_field: str, post: _Post) -> None:
        super().__init__(url, token)
        self._def_field = record_id_field
        self._judged_post = post

    def _call_api(self, payload: dict[str, Any], return_type: str, file: object = None) -> Any:
        if file is not None or return_type == "file_map":
            raise NotImplementedError("files are no business of ours")
        return self._judged_post(payload)


class _Post:
    """POSTs a form and returns REDCap's JSON, or raises what the table above says."""

    def __init__(self, url: str, timeout: tuple[float, float], sleep: Callable[[float], None]) -> None:
        self._url, self._timeout, self._sleep = url, timeout, sleep
        self.session = requests.Session()
        self.server_time: datetime | None = None

    def __call__(self, payload: Mapping[str, Any]) -> Any:
        tries = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=1, max=20),
            sleep=self._sleep,
            reraise=True,
        )
        return tries(self._once, payload)

    def _once(self, payload: Mapping[str, Any]) -> Any:
        try:
            # A redirect would turn the POST into a GET, and be answered with the help page.
            response = self.session.post(
                self._url, data=payload, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            # `from None`: requests' own errors can quote the request.
            raise self._unreachable(error) from None
        body = response.content.decode("utf-8", errors="replace")
        if failure := self._judged(response.status_code, body):
            raise failure
        if date := response.headers.get("Date"):
            self.server_time = _moment(date, response.elapsed.total_seconds())
        return self._decoded(body)

    def _unreachable(self, error: requests.RequestException) -> Unavailable:
        what = f"REDCap did not answer: {type(error).__name__}"
        passing = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
        final = (requests.exceptions.SSLError, requests.exceptions.ReadTimeout)
        if isinstance(error, passing) and not isinstance(error, final):
            return _Passing(what, where=self._url, hint=_REACH)
        return Unavailable(what, where=self._url, hint=_REACH)

    def _judged(self, status: int, body: str) -> MwlError | None:
        if _BAN in body:
            return Banned(
                "REDCap has banned this address for asking too often",
                where=self._url,
                hint="ask its administrator to allow the address, or lengthen the interval",
            )
        if status in _PASSING:
            return _Passing(f"REDCap answered with status {status}", where=self._url)
        if status == 200:
            return None
        reason = _own_error(body)
        if status == 403:
            return Forbidden(
                f"REDCap answered 403: {redacted(reason)}" if reason else "REDCap answered 403",
                where=self._url,
                hint="check the token and its rights",
            )
        if status == 400 and reason:
            return Rejected(f"REDCap refused the request: {redacted(reason)}", where=self._url)
        return Unavailable(
            f"REDCap answered with status {status}", where=self._url, hint="is this the API's final address?"
        )

    def _decoded(self, body: str) -> Any:
        try:
            answer = json.loads(body)
        except ValueError:
            what = "an empty body" if not body.strip() else "something that is not JSON"
            raise Unavailable(f"REDCap answered with {what}", where=self._url) from None
        if isinstance(answer, dict) and "error" in answer:
            raise Unavailable("REDCap answered 200 with an error", where=self._url)
        return answer


def redacted(sentence: str) -> str:
    """Return what REDCap said without what it quoted: values and record ids; names of fields may stay."""
    if sentence.startswith(_NAMES_ONLY):
        return sentence[:300]
    if sentence.startswith('"'):  # an import's problems: "record","field","value","reason"
        lines = [line for line in csv.reader(sentence[:20_000].splitlines()) if len(line) == 4]
        reasons = dict.fromkeys(f"{name}: {_clean(reason)}" for _, name, _, reason in lines)
        return "; ".join(reasons)[:300]
    return _clean(sentence)[:300]


def _clean(sentence: str) -> str:
    return _QUOTED.sub("…", sentence).strip()


def _own_error(body: str) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    return str(answer["error"]) if isinstance(answer, dict) and answer.get("error") else ""


def _moment(date: str, elapsed: float) -> datetime | None:
    try:
        answered = parsedate_to_datetime(date)
    except ValueError:
        return None
    return datetime.fromtimestamp(int(answered.timestamp() - elapsed), UTC)


def _rows(answer: object) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise Unavailable("REDCap answered with something that is not a list of rows")
    return answer


def _batches(record_ids: Collection[str]) -> Iterator[list[str]]:
    # Never an empty batch: to PyCap, and so to REDCap, `records=[]` means the whole project.
    ordered = sorted(record_ids)
    for start in range(0, len(ordered), BATCH):
        yield ordered[start : start + BATCH]
