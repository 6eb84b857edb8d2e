"""What a page says when something did not work: what happened, what to do, who can help. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from shared.errors import Conflict, MwlError, Outdated

_HEADLINES: Final = {
    403: "You may not do this",
    401: "Username or password is wrong",
    404: "There is no such page or entry",
    405: "There is no such page or entry",
    409: "Somebody else changed this first",
    412: "Somebody else changed this first",
    413: "That is too much for one form",
    422: "Something is wrong with what was entered",
    429: "Too many attempts",
    503: "Something that this page needs does not answer",
}
_ADVICE: Final = {
    404: "It may have been removed. Begin again at Today.",
    405: "Begin again at Today.",
    409: "Nothing was saved. Go back, load the page again, and decide once more.",
    412: "Nothing was saved. Go back, load the page again, and decide once more.",
    422: "Nothing was saved. Go back, correct it, and save again.",
    503: "Try again in a minute. Scanners go on with the list they have. "
    "If it stays like this, tell your IT engineer.",
}


_OTHERWISE: Final = "Try again. If it stays like this, tell your IT engineer."


class Failure(NamedTuple):
    """What a page says of an error."""

    headline: str
    what: str
    advice: str


def failure(status: int, error: MwlError | None = None) -> Failure:
    """Return what to say of an error.

    :param status: of the answer (RFC 9110).
    """
    if status in {409, 412} and not _is_race(error):
        return Failure("This cannot be done", f"{_sentence(error)}." if error else "", _hint(error))
    headline = _HEADLINES.get(status, "This did not work")
    # Of a race the error speaks of headers; the advice says all that a person can do.
    told = error is not None and status not in {409, 412}
    what = f"{_sentence(error)}." if error and told else ""
    advice = (_hint(error) if told else "") or _ADVICE.get(
        status, "Try again. If it stays like this, tell your IT engineer."
    )
    return Failure(headline, what, advice)


def _is_race(error: MwlError | None) -> bool:
    return isinstance(error, Conflict | Outdated)


def _hint(error: MwlError | None) -> str:
    return f"{_capital(error.hint)}." if error and error.hint else ""


def _sentence(error: MwlError) -> str:
    return _capital(f"{error.where}: {error.what}" if error.where else error.what)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
