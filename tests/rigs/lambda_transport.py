"""A relay's real HTTPS client in front of the real API, without a socket in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx

from tests.rigs.lambda_events import LambdaClient


class LambdaTransport(httpx.BaseTransport):
    """Hands every request to a handler as API Gateway does, which adds the date.

    :param now: the cloud's clock, in seconds since 1970.
    """

    def __init__(self, client: LambdaClient, now: Callable[[], float]) -> None:
        self._client = client
        self._now = now

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Serve one request."""
        headers = {name.lower(): value for name, value in request.headers.items() if name.lower() != "host"}
        body = request.read() or None
        answer = self._client.request(
            request.method, str(request.url.raw_path, "ascii"), body=body, headers=headers
        )
        date = format_datetime(datetime.fromtimestamp(self._now(), UTC), usegmt=True)
        return httpx.Response(
            answer.status, headers={**answer.headers, "Date": date}, content=answer.text.encode()
        )
