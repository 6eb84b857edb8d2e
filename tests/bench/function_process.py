"""A deployed function in a process of its own, beside its tables, so that its processor time alone counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.bench.quick_aws import quick_aws
from tests.rigs.cloud import SIGNING_SECRET, SIGNING_SECRET_ID

_SIGNING_KEYS = json.dumps({"kid": "1", "secret": SIGNING_SECRET, "previous": {}})


def answer_of(module: str, argument: str, begins: str) -> Any:
    """Run a module with an argument; return the JSON of the line it prints that begins so.

    Its connections to AWS stay open, as those of a deployed function do.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with quick_aws({SIGNING_SECRET_ID: _SIGNING_KEYS}) as environment:
        answer = subprocess.run(
            [sys.executable, "-m", module, argument],
            env={**own, **environment, "SIGNING_KEY_SECRET_ID": SIGNING_SECRET_ID, "DEFAULT_SITE": "north"},
            stdout=subprocess.PIPE,
            check=True,
        )
    return json.loads(next(line for line in answer.stdout.decode().splitlines() if line.startswith(begins)))
