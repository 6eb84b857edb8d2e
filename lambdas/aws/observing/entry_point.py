"""What surrounds the work of every handler: its log lines name the request, a trace shows where time goes.

Neither the event nor what the handler returns or raises enters a log or a trace: they may name a participant
or carry a secret. Of calls to AWS a trace has the service and the operation, of calls to REDCap the address.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aws_lambda_powertools import Logger

if TYPE_CHECKING:
    from aws_lambda_powertools import Tracer

Answer = TypeVar("Answer")
Handler = Callable[[dict[str, Any], Any], Answer]

TRACED: Final = ("botocore", "requests")
"""Packages whose calls a trace shows. Not http.client: a webhook's address is a secret."""


def entry_point(logger: Logger) -> Callable[[Handler[Answer]], Handler[Answer]]:
    """Return a decorator for handlers.

    :param logger: whose lines tell the request's id, and whether it was a cold start.
    """

    def around(handler: Handler[Answer]) -> Handler[Answer]:
        with_context: Handler[Answer] = logger.inject_lambda_context(handler, log_event=False)

        @wraps(handler)
        def entry(event: dict[str, Any], context: Any) -> Answer:
            if not _is_traced():
                return with_context(event, context)
            # As arguments, because Powertools' variables could turn both on otherwise.
            traced: Handler[Answer] = _tracer().capture_lambda_handler(
                with_context, capture_response=False, capture_error=False
            )
            return traced(event, context)

        return entry

    return around


def _is_traced() -> bool:
    """Tell whether template.yaml says so: X-Ray's package makes a client as soon as it is imported."""
    return os.environ.get("POWERTOOLS_TRACE_DISABLED", "true").lower() == "false"


@cache  # for the function's life: it changes the packages that it traces
def _tracer() -> Tracer:
    """Return the tracer. It does nothing elsewhere than in Lambda."""
    from aws_lambda_powertools import Tracer  # noqa: PLC0415  (see `_is_traced`)

    return Tracer(patch_modules=TRACED)
