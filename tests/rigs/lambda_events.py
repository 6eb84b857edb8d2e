"""What Lambda is called with, and a client that calls a handler as API Gateway does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
Params = Sequence[tuple[str, Any]] | Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """The parts of Lambda's context object that handlers read."""

    aws_request_id: str = "5e3f0cb1-8f3d-4c29-9d4e-0a52f6f3b1d7"
    function_name: str = "api"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:api"


def http_event(
    method: str,
    path: str,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    base64_encoded: bool = False,
) -> dict[str, Any]:
    """Return an API Gateway HTTP API event, payload format 2.0."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "api.example.org", "x-forwarded-proto": "https", **(headers or {})},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example.org",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "tests",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:09:30:00 +0000",
            "timeEpoch": 1795340000000,
        },
        "isBase64Encoded": base64_encoded,
    }
    if "cookie" in event["headers"]:
        event["cookies"] = event["headers"].pop("cookie").split("; ")
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if base64_encoded else body.decode()
        event["headers"].setdefault("content-length", str(len(body)))
    return event


def sqs_event(*bodies: Any, queue_arn: str = "arn:aws:sqs:eu-central-1:123456789012:queue") -> dict[str, Any]:
    """Return an SQS event with a message for each body, ids ``m0``, ``m1``, ..."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1795340000000",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1795340000001",
                },
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def schedule_event() -> dict[str, Any]:
    """Return what EventBridge Scheduler sends to a target without an input of its own."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "123456789012",
        "time": "2026-11-22T09:30:00Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:scheduler:eu-central-1:123456789012:schedule/default/every-minute"],
        "detail": "{}",
    }


@dataclass(frozen=True)
class Answer:
    """What a handler answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class LambdaClient:
    """Calls a handler; ``headers`` go with every request."""

    def __init__(self, handler: Handler, **headers: str) -> None:
        self._handler, self._headers = handler, headers

    @property
    def headers(self) -> Mapping[str, str]:
        """What goes with every request."""
        return self._headers

    def bearing(self, token: str) -> LambdaClient:
        """Return a client that sends a token."""
        return LambdaClient(self._handler, **{**self._headers, "authorization": f"Bearer {token}"})

    def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        params: Params = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the answer."""
        sent = {**self._headers, **(headers or {})}
        if json is not None:
            body = _dumped(json)
            sent.setdefault("content-type", "application/json")
        parts = urlsplit(url)
        query = "&".join(filter(None, [parts.query, urlencode(params, doseq=True)]))
        event = http_event(method, parts.path, query=query, headers=sent, body=body)
        answer = self._handler(event, Context())
        text = answer.get("body", "")
        if answer.get("isBase64Encoded"):
            raise AssertionError("an answer in JSON must not be base64")
        cookies = {"set-cookie": ", ".join(answer["cookies"])} if answer.get("cookies") else {}
        return Answer(answer["statusCode"], {**(answer.get("headers") or {}), **cookies}, text)

    def get(self, url: str, **kwargs: Any) -> Answer:
        return self.request("GET", url, **kwargs)

    def post(self, url: str, **kwargs: Any) -> Answer:
        return self.request("POST", url, **kwargs)

    def put(self, url: str, **kwargs: Any) -> Answer:
        return self.request("PUT", url, **kwargs)

    def delete(self, url: str, **kwargs: Any) -> Answer:
        return self.request("DELETE", url, **kwargs)


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()
