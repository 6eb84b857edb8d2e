"""Apache Spark in a Python of its own: its package is large and has no wheel, so no lock file has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from tests.structure.imports import ROOT

PYTHON: Final = "MWL_SPARK_PYTHON"
"""The environment variable that names a Python with pyspark and pydantic."""

needs_spark: Final = pytest.mark.skipif(
    not os.environ.get(PYTHON) or not shutil.which("java"),
    reason=f"needs Java, and {PYTHON}=/path/to/python of an environment with pyspark and pydantic",
)

_ASK: Final = """
import json, sys
from datetime import date
from lambdas.history import spark
wish = json.loads(sys.stdin.read())
days = [date.fromisoformat(day) for day in wish["days"]]
with spark.session("local[2]") as session:
    for name, keep in wish["questions"]:
        answer = spark.ask(session, spark.Asked(name, wish["at"], *days, keep))
        print(json.dumps([name, answer.files, answer.rows], default=str), flush=True)
"""


def ask_spark(
    folder: Path, questions: Sequence[tuple[str, str]], days: tuple[date, date]
) -> list[tuple[str, int, list[list[Any]]]]:
    """Return what Spark answers to each question, and how many files it read anew for it.

    :param questions: name, and where the newest versions are kept; empty: nowhere.
    """
    wish = {"at": str(folder), "questions": questions, "days": [day.isoformat() for day in days]}
    done = subprocess.run(
        [os.environ[PYTHON], "-c", _ASK],
        input=json.dumps(wish),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [tuple(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]
