"""PynamoDB's exceptions, translated once: `Conflict` where a condition failed, `Unavailable` elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pynamodb.exceptions import PynamoDBException, TransactWriteError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from shared.errors import Conflict, Unavailable

ATTEMPTS: Final = 12
"""How often a conditional write is tried against other writers: about four seconds in all."""

_LOST_RACE: Final = frozenset(
    {
        "ConditionalCheckFailedException",
        "ConditionalCheckFailed",
        "TransactionConflict",
        "TransactionConflictException",
    }
)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn PynamoDB's exceptions into ours.

    :param what: what is being done, without identifiers: ``"reading the feed"``.
    :raises Conflict: another writer was first.
    :raises Unavailable: DynamoDB did not do it, with AWS's code.
    """
    try:
        yield
    except TransactWriteError as error:
        reasons = {reason.code for reason in error.cancellation_reasons if reason is not None}
        codes = {_code(error), *reasons}
        if codes & _LOST_RACE:
            raise Conflict(f"{what}: another writer was first") from error
        raise Unavailable(f"{what}: DynamoDB answered {', '.join(sorted(codes))}") from error
    except PynamoDBException as error:
        code = _code(error)
        if code in _LOST_RACE:
            raise Conflict(f"{what}: another writer was first") from error
        raise Unavailable(f"{what}: DynamoDB answered {code}", hint="try again") from error


def _code(error: PynamoDBException) -> str:
    """Return AWS's code; without an answer (a time-out, a connection broken off), what kind of fault it was.

    PynamoDB's own ``cause_response_code`` fails on a cause whose ``response`` is None.
    """
    response = getattr(error.cause, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or type(error.cause or error).__name__)


def races(attempts: int, lost: type[Conflict] = Conflict) -> Retrying:
    """Return what runs a conditional write again, from its reading on, while other writers win.

    :param lost: what a lost race looks like.
    """
    return Retrying(
        retry=retry_if_exception_type(lost),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=0.02, max=1.0),
        reraise=True,
    )
