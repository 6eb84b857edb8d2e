"""Ways round the wire for tests that make many thousand requests: the same servers, asked without HTTP.

`moto_at_once` hands PynamoDB's requests to moto's own handlers: what a request does is the same, and what it
costs is a fifth. `RedcapInProcess` is a transport of `requests` that asks a simulation in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.client import responses
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import parse_qsl

import requests
from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.responses import DynamoHandler
from pynamodb.connection.base import Connection
from requests.adapters import BaseAdapter
from werkzeug.exceptions import HTTPException

from infra.redcap_simulator.api.wire import Params
from infra.redcap_simulator.simulation import Simulation

REGION: Final = "eu-central-1"

Ask = Callable[[str, dict[str, Any]], Any]
"""Sends one request to DynamoDB, given the operation's name and its parameters."""

_by_wire: Final[Any] = Connection._make_api_call


@contextmanager
def moto_at_once(around: Callable[[Ask, str, dict[str, Any]], Any] | None = None) -> Iterator[None]:
    """Let PynamoDB ask moto's handlers without HTTP; moto must be running.

    :param around: is called in place of each request, with what sends it.
    """

    def asked(connection: Connection, operation: str, parameters: dict[str, Any]) -> Any:
        def ask(operation: str, parameters: dict[str, Any]) -> Any:
            return _asked(connection, operation, parameters)

        return around(ask, operation, parameters) if around else ask(operation, parameters)

    with patch.object(Connection, "_make_api_call", asked):
        yield


def _asked(connection: Connection, operation: str, parameters: dict[str, Any]) -> Any:
    handler = DynamoHandler()
    handler.region, handler.body, handler.params = REGION, parameters, parameters
    handler.current_account = DEFAULT_ACCOUNT_ID
    try:
        result = getattr(handler, camelcase_to_underscores(operation))()
    except (
        HTTPException,
        ServiceException,
    ):  # a refusal changed nothing; asked over the wire it is worded as DynamoDB words it
        return _by_wire(connection, operation, parameters)
    if not isinstance(result, ActionResult):
        raise TypeError(f"moto answers {operation} in another way by now: {type(result).__name__}")
    return result.result


def rows_of_table(name: str) -> Iterator[dict[str, Any]]:
    """Yield every row of one of moto's tables, as DynamoDB writes it on the wire."""
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[name]
    for rows in list(table.items.values()):
        for row in list(rows.values()) if isinstance(rows, dict) else [rows]:
            yield row.to_json()["Attributes"]


class RedcapInProcess(BaseAdapter):
    """Answers what is sent to REDCap's API from a simulation, faults included.

    :param around: is called in place of each request, with its parameters and what answers it.
    :param ahead: how far the web server's clock, which the Date header tells, is ahead of the database's.
    """

    def __init__(
        self,
        simulator: Simulation,
        around: Callable[[Params, Callable[[], requests.Response]], requests.Response] | None = None,
        ahead: timedelta = timedelta(0),
    ) -> None:
        super().__init__()
        self._simulator, self._around, self._ahead = simulator, around, ahead

    def send(self, request: requests.PreparedRequest, *_args: Any, **_more: Any) -> requests.Response:
        """Answer a request."""
        body = request.body or b""
        text = body.decode() if isinstance(body, bytes) else str(body)
        params = Params(parse_qsl(text, keep_blank_values=True))

        def answer() -> requests.Response:
            return self._answer(request, params)

        return self._around(params, answer) if self._around else answer()

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self, request: requests.PreparedRequest, params: Params) -> requests.Response:
        simulator = self._simulator
        fault = simulator.faults.take(params.text("content"))
        answer = simulator.spoilt_answer(params, fault)
        simulator.requests.note(params, simulator.clock(), answer.status, fault.kind if fault else "")
        if fault is not None and fault.kind == "dropped":
            raise requests.ConnectionError("closed without an answer", request=request)
        response = requests.Response()
        response.status_code, response.reason = answer.status, responses[answer.status]
        response._content = answer.body
        response.headers["Date"] = format_datetime(simulator.clock() + self._ahead, usegmt=True)
        response.request, response.url = request, request.url or ""
        return response
