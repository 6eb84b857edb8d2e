"""What the functions tell CloudWatch, read from their logs as CloudWatch reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Told = Callable[[], dict[str, float]]
"""Returns what has been told since it was asked last, by name."""


def telling(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """Let the functions tell their figures; return what reads them."""
    monkeypatch.setenv("METRICS_NAMESPACE", "mwl-relay")

    def read() -> dict[str, float]:
        figures: dict[str, float] = {}
        for line in capsys.readouterr().out.splitlines():
            content: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
            for each in content.get("_aws", {}).get("CloudWatchMetrics", []):
                figures |= {metric["Name"]: content[metric["Name"]][0] for metric in each["Metrics"]}
        return figures

    return read
