"""What came back from the cloud, and what it means if it is not the answer that was hoped for.

    400, 413, 422 in the cloud's own problem document   Rejected    the request will never be accepted
    401, 403 in the cloud's own problem document        Forbidden   revoked or unknown; retried, but slowly
    anything else: other statuses, HTML, a redirect     Away        retried, and not before Retry-After says

Only a problem document whose ``type`` is the cloud's refuses or revokes (`shared.problem_document`): a proxy,
a gateway or a login page in between may answer with any status, and does not speak for the cloud.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, TypeVar

import httpx

from shared.errors import Forbidden, Rejected, Unavailable
from shared.problem_document import MEDIA_TYPE, OURS

E = TypeVar("E", bound=BaseException)

MOST_BYTES: Final = 16 * 1024 * 1024
"""The longest answer that is read, unpacked; a page of 1,000 items is some 4 MB."""

_REJECTED: Final = frozenset({400, 413, 422})
_FORBIDDEN: Final = frozenset({401, 403})
_TOO_MUCH: Final = frozenset({413, 500, 502, 504})
"""What may be said because too much was asked at once: asked for less, it may be done."""

_FAULTS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (httpx.ConnectTimeout, "could not be reached in time"),
    (httpx.TimeoutException, "did not answer in time"),
    (httpx.ConnectError, "could not be reached"),
    (httpx.ProxyError, "could not be reached through the proxy"),
    (httpx.DecodingError, "sent an answer that cannot be unpacked"),
    (httpx.TooManyRedirects, "sends us in circles"),
    (httpx.TransportError, "broke the connection off"),
)
_CERTIFICATE: Final = {  # OpenSSL's X509_V_ERR_*, x509_vfy.h: what is wrong, what to do
    9: ("its certificate is not yet valid", "is this machine's clock right?"),
    10: ("its certificate has expired", "is this machine's clock right? If it is, the cloud needs a new one"),
    18: ("its certificate is signed by itself", "is something in between opening TLS?"),
    19: ("its certificate comes from an authority this machine does not trust", "see docs/relay.md"),
    20: ("its certificate comes from an authority this machine does not trust", "see docs/relay.md"),
    21: ("its certificate comes from an authority this machine does not trust", "see docs/relay.md"),
    62: ("its certificate is for another name", "is relay.cloud_url right?"),
    64: ("its certificate is for another name", "is relay.cloud_url right?"),
}


class Away(Unavailable):
    """The cloud did not do it, and may do it later.

    :param retry_after: seconds it asked us to wait; 0 if it did not.
    :param too_much: perhaps because it was asked for too much at once.
    """

    def __init__(
        self, what: str, *, where: str = "", hint: str = "", retry_after: float = 0.0, too_much: bool = False
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.retry_after: Final = retry_after
        self.too_much: Final = too_much


class Ended(Away):
    """The call was ended on this side, because the relay stops: nothing has failed."""


class Answer(NamedTuple):
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def date(self) -> datetime | None:
        """When it was made, by its own word; None if it does not say so, or came out of a cache."""
        if self.headers.get("Age", "0").strip() not in {"", "0"}:
            return None
        return _moment(self.headers.get("Date", ""))

    def problem(self) -> str | None:
        """Return what the cloud's own problem document says; None if it is none."""
        if not self.headers.get("Content-Type", "").startswith(MEDIA_TYPE):
            return None
        try:
            document = json.loads(self.content)
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict) or not str(document.get("type", "")).startswith(OURS):
            return None
        return str(document.get("detail") or document.get("title") or "no reason given")[:500]

    def json_object(self) -> dict[str, Any]:
        """Return its content; raise `Away` if it is no JSON object."""
        try:
            content = json.loads(self.content)
        except (ValueError, RecursionError):
            kind = self.headers.get("Content-Type", "no content type")
            raise nonsense(f"is not JSON ({kind[:80]}, {len(self.content)} bytes)") from None
        if not isinstance(content, dict):
            raise nonsense("is not a JSON object")
        return content


def read(client: httpx.Client, method: str, path: str, **options: Any) -> Answer:
    """Make one call and return the answer, whatever it is.

    :raises Away: there is none, or no end of it.
    :raises Ended: somebody here closed the client.
    """
    where = str(client.base_url)
    try:
        with client.stream(method, path, **options) as response:
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    raise Away(f"sent more than {MOST_BYTES >> 20} MB", where=where, too_much=True)
            return Answer(response.status_code, response.headers, bytes(content))
    except (httpx.HTTPError, RuntimeError) as error:  # httpx's word for a closed client
        if client.is_closed:
            raise Ended("was given up: this relay stops", where=where) from error
        if isinstance(error, httpx.HTTPError):
            raise _unreached(error, where) from error
        raise


def checked(answer: Answer) -> Answer:
    """Return an answer that is one; raise what it means if it is not."""
    if 200 <= answer.status < 300 or answer.status == httpx.codes.NOT_MODIFIED:
        return answer
    problem = answer.problem()
    said = f"the cloud answered {answer.status}" + (f": {problem}" if problem else "")
    if problem is not None and answer.status in _FORBIDDEN:
        raise Forbidden(said, hint="was this relay revoked?")
    if problem is not None and answer.status in _REJECTED:
        raise Rejected(said)
    raise Away(
        said,
        hint="" if problem else "not in the cloud's own words: is a proxy in between?",
        retry_after=_retry_after(answer),
        too_much=answer.status in _TOO_MUCH,
    )


def nonsense(what: str) -> Away:
    """Return the error for an answer that has the right status, and is not the cloud's."""
    return Away(f"the cloud's answer {what}", hint="is a proxy in between?")


def _unreached(error: httpx.HTTPError, where: str) -> Away:
    certificate = _cause(error, ssl.SSLCertVerificationError)
    if certificate is not None:
        known = f"its certificate is not accepted ({certificate.verify_message})", "see docs/relay.md"
        what, hint = _CERTIFICATE.get(certificate.verify_code, known)
        return Away(f"could not be reached: {what}", where=where, hint=hint)
    if _cause(error, socket.gaierror) is not None:
        hint = "does DNS work on this machine, and is relay.cloud_url right?"
        return Away("could not be reached: its name cannot be looked up", where=where, hint=hint)
    found = (sentence for fault, sentence in _FAULTS if isinstance(error, fault))
    sentence = next(found, f"failed ({type(error).__name__})")
    return Away(sentence, where=where, too_much=isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout))


def _cause(error: BaseException | None, kind: type[E]) -> E | None:
    """Return the fault of a kind that led to an error; None if there is none."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


def _retry_after(answer: Answer) -> float:
    """Return the seconds that Retry-After asks for (RFC 9110 10.2.3): a number, or a date."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until, made = _moment(text), _moment(answer.headers.get("Date", ""))
    return max(0.0, (until - made).total_seconds()) if until and made else 0.0


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
