"""One request to REDCap's API: rate-limited, retried if that can help, and its answer checked.

    answer                                          becomes
    the rate ban's text, whatever the status        Banned        asking again makes it worse: a long pause
    403                                             Forbidden     never retried here
    400 with REDCap's own JSON error                Rejected      the request will always be wrong
    the same, naming values of an import            ValuesRefused the others can be imported
    408, 500, 502, 503, 504; no connection          Unavailable   after retries with growing pauses
    429, or 503 with Retry-After                    Unavailable   after retries, and as long as it says
    an empty body, or a sentence about memory       TooMuch       for whoever can ask for less
    a redirect, HTML, a cut body, anything else     Unavailable   at once: half an answer is no answer

No error carries the token or a value: REDCap quotes values in what it refuses, so its sentences are redacted.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from lambdas.redcap.pace import Pace, rest_of
from lambdas.redcap.refusals import BAN_SECONDS, Banned, TooMuch, ValuesRefused
from shared.errors import Forbidden, MwlError, Rejected, Unavailable

ATTEMPTS: Final = 4

_REACH: Final = "is the address right, and can this machine reach it?"
TOO_MANY: Final = 429
_PASSING: Final = frozenset({408, TOO_MANY, 500, 502, 503, 504})
_BAN: Final = "has been banned due to suspected abuse"
_MEMORY: Final = re.compile(r"out of (server )?memory|allowed memory size", re.IGNORECASE)
_LOCKED: Final = re.compile(r"\block(ed)?\b", re.IGNORECASE)
_NOT_IN_PROJECT: Final = "The following fields were not found in the project as real data fields"
_NOT_VALID: Final = 'The following values in the parameter "fields" are not valid'
_NAMES_ONLY: Final = (
    _NOT_VALID,
    _NOT_IN_PROJECT,
    "You do not have",
)
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\([^)]*\)|[:=].*", re.DOTALL)


class _Passing(Unavailable):
    """Worth another try right away."""


class _PassingTooMuch(TooMuch, _Passing):
    """Both: a crash in the middle of the answer, or a server in trouble."""


class Post:
    """POSTs a form and returns REDCap's JSON, or raises what the table above says."""

    def __init__(
        self,
        url: str,
        timeout: tuple[float, float],
        *,
        sleep: Callable[[float], None],
        pace: Pace,
    ) -> None:
        self._url, self._timeout, self._sleep = url, timeout, sleep
        self._pace = pace
        self.session = requests.Session()
        self.server_time: datetime | None = None

    def __call__(self, payload: Mapping[str, Any]) -> Any:
        """Return the decoded answer to a form. :raises MwlError: see the table above."""
        return self._decoded(self.text(payload))

    def text(self, payload: Mapping[str, Any]) -> str:
        """Return an answer that is no JSON, such as REDCap's version. :raises MwlError: as above."""
        tries = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=1, max=20),
            sleep=self._sleep,
            reraise=True,
        )
        return str(tries(self._once, payload))

    def _once(self, payload: Mapping[str, Any]) -> str:
        self._pace.wait()
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
            self._rest(failure, response)
            raise failure
        if date := response.headers.get("Date"):
            self.server_time = _moment(date, response.elapsed.total_seconds())
        return body

    def _rest(self, failure: MwlError, response: requests.Response) -> None:
        """Leave the server alone, with everybody else who asks it, if it has said so."""
        retry_after = response.headers.get("Retry-After", "")
        if isinstance(failure, Banned):
            self._pace.rest(BAN_SECONDS, banned=True)
        elif response.status_code == TOO_MANY or (retry_after and response.status_code == 503):
            self._pace.rest(rest_of(retry_after, datetime.now(UTC)))

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
        if status == 200:
            return self._starved(body)
        if status == 500:
            return _PassingTooMuch("REDCap answered with status 500", where=self._url)
        if status in _PASSING:
            return _Passing(f"REDCap answered with status {status}", where=self._url)
        return self._refused(status, body)

    def _starved(self, body: str) -> MwlError | None:
        if not body.strip():
            return TooMuch("REDCap answered with an empty body", where=self._url)
        if not body.startswith(("[", "{")) and _MEMORY.search(body):
            return TooMuch("REDCap answered that it ran out of memory", where=self._url)
        return None

    def _refused(self, status: int, body: str) -> MwlError:
        reason = _own_error(body)
        if status == 403:
            return Forbidden(
                f"REDCap answered 403: {redacted(reason)}" if reason else "REDCap answered 403",
                where=self._url,
                hint="check the token and its rights",
            )
        if status == 400 and reason:
            return _rejected(reason, self._url)
        return Unavailable(
            f"REDCap answered with status {status}", where=self._url, hint="is this the API's final address?"
        )

    def _decoded(self, body: str) -> Any:
        try:
            answer = json.loads(body)
        except ValueError:
            raise Unavailable("REDCap answered with something that is not JSON", where=self._url) from None
        if isinstance(answer, dict) and "error" in answer:
            raise Unavailable("REDCap answered 200 with an error", where=self._url)
        return answer


def _rejected(reason: str, url: str) -> Rejected:
    said = f"REDCap refused the request: {redacted(reason)}"
    lines = _refused_values(reason) if reason.startswith('"') else []
    fields = frozenset(name for _, name, _, _ in lines)
    if reason.startswith((_NOT_IN_PROJECT, _NOT_VALID)):
        fields = frozenset(re.findall(r"\w+", reason.partition(":")[2]))
    if not fields:
        return Rejected(said, where=url)
    locked = frozenset(name for _, name, _, why in lines if _LOCKED.search(why))
    return ValuesRefused(said, where=url, fields=fields, locked=locked)


def _refused_values(sentence: str) -> list[list[str]]:
    """Return an import's problems: record, field, value, reason."""
    return [line for line in csv.reader(sentence[:20_000].splitlines()) if len(line) == 4]


def redacted(sentence: str) -> str:
    """Return what REDCap said without what it quoted: values and record ids; names of fields may stay."""
    if sentence.startswith(_NAMES_ONLY):
        return sentence[:300]
    if sentence.startswith('"'):
        reasons = dict.fromkeys(
            f"{name}: {_clean(reason)}" for _, name, _, reason in _refused_values(sentence)
        )
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
