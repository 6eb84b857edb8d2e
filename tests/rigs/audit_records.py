"""What the audit trail says, as an administrator reads it."""

from __future__ import annotations

from typing import Any

from tests.rigs.lambda_events import LambdaClient


def records(admin: LambdaClient, query: str = "") -> list[dict[str, Any]]:
    """Return the newest entries, or those that a query finds."""
    answer = admin.get(f"/audit{query}")
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def last(admin: LambdaClient, kind: str) -> dict[str, Any]:
    """Return the newest entry of a kind."""
    return next(each for each in records(admin) if each["kind"] == kind)
