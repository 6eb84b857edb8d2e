"""A deployed function in a process of its own, beside moto, so that only its own processor time counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

from infra.local.aws import LocalAws


def answer_of(module: str, argument: str, begins: str) -> Any:
    """Run a module with an argument; return the JSON of the line it prints that begins so."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    # As AWS does: otherwise each call to a table would begin with a connection of its own.
    MotoRequestHandler.protocol_version = "HTTP/1.1"
    aws = LocalAws()
    aws.start()
    try:
        answer = subprocess.run(
            [sys.executable, "-m", module, argument],
            env={**os.environ, **aws.environment, "DEFAULT_SITE": "north"},
            stdout=subprocess.PIPE,
            check=True,
        )
    finally:
        aws.stop()
    return json.loads(next(line for line in answer.stdout.decode().splitlines() if line.startswith(begins)))
