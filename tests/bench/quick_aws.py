"""DynamoDB and its secrets for benchmarks of many rows: the table model of the tests, asked over HTTP.

moto looks through a whole table for each page of a query, and copies what it found: 20,000 records took it
more than an hour. The model keeps its rows in order. It speaks AWS's JSON protocol, so that the process which
is measured uses its own client, and is as large as it is with AWS.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from botocore.exceptions import ClientError

from infra.local.aws import REDCAP_SECRET_PREFIX, REGION
from tests.rigs.dynamodb import TableModel

_JSON: Final = "application/x-amz-json-1.0"
_ENVIRONMENT: Final = {
    "WORKLIST_TABLE": "WorklistTable",
    "ACCOUNTS_TABLE": "AccountsTable",
    "REDCAP_SECRET_PREFIX": REDCAP_SECRET_PREFIX,
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}


@contextmanager
def quick_aws(secrets: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Serve empty tables of the template on a port of this machine; yield the environment of a function.

    :param secrets: what Secrets Manager holds, by name.
    """
    model, one_at_a_time = TableModel(), threading.Lock()

    def answered(target: str, request: dict[str, Any]) -> dict[str, Any]:
        service, _, operation = target.partition(".")
        if service == "secretsmanager":
            name = request["SecretId"]
            known = {"ARN": f"arn:aws:secretsmanager:::secret:{name}", "Name": name}
            return {**known, "SecretString": secrets[name]}
        with one_at_a_time:
            return model._make_api_call(operation, request)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                self._send(200, answered(self.headers["X-Amz-Target"], request))
            except ClientError as error:
                told: Any = error.response
                reasons = {name: told[name] for name in ("CancellationReasons",) if name in told}
                named = {"__type": told["Error"]["Code"], "message": told["Error"]["Message"]}
                self._send(400, {**named, **reasons})

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", _JSON)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="quick aws", daemon=True)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        yield {**_ENVIRONMENT, "AWS_ENDPOINT_URL": address}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
