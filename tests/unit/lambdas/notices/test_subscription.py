"""Who can be told, and when they are left alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from lambdas.notices.subscription import Subscription


def subscription(**changes: Any) -> Subscription:
    fields = {"site": "north", "channel": "email", "target": "coordinator@example.org", **changes}
    return Subscription.model_validate(fields)


def local(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-22T{text}")


@pytest.mark.parametrize(
    ("quiet", "time", "is_quiet"),
    [
        (("20:00", "07:00"), "23:30", True),
        (("20:00", "07:00"), "06:59", True),
        (("20:00", "07:00"), "07:00", False),
        (("20:00", "07:00"), "19:59", False),
        (("12:00", "13:00"), "12:30", True),
        (("12:00", "13:00"), "13:00", False),
        (("", ""), "03:00", False),
    ],
)
def test_quiet_hours_may_go_over_midnight(quiet: tuple[str, str], time: str, is_quiet: bool) -> None:
    assert subscription(quiet_from=quiet[0], quiet_to=quiet[1]).is_quiet(local(time)) is is_quiet


def test_a_digest_is_due_from_its_time_on() -> None:
    found = subscription(digest_at="07:30")
    assert [found.digest_day(local(time)) for time in ("07:29", "07:30", "23:00")] == [
        "",
        "20261122",
        "20261122",
    ]
    assert subscription().digest_day(local("12:00")) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "nobody"},
        {"target": "a@b"},
        {"target": "zoë@example.org"},
        {"target": "a@exämple.org"},
        {"target": "a@example.org\nBcc: b@example.org"},
        {"target": "a@example.org, b@example.org"},
        {"channel": "slack", "target": "http://hooks.example.org/x"},
        {"channel": "slack", "target": "https://user:pass@hooks.example.org/x"},
        {"channel": "slack", "target": "https:///x"},
        {"channel": "webhook", "target": "https://hooks.example.org/a b"},
        {"channel": "webhook", "target": "https://hooks.example.org:99999/"},
        {"quiet_from": "20:00"},
        {"digest_at": "24:00"},
        {"immediately": False},
        {"kinds": []},
        {"site": "a b"},
    ],
)
def test_what_makes_no_sense_is_refused_without_quoting_it(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        subscription(**changes)
    assert "pass@" not in str(refused.value)


def test_of_a_webhook_only_the_host_is_shown() -> None:
    secret = "https://hooks.slack.com/services/T0/B0/secret"
    assert subscription(channel="slack", target=secret).shown_target == "https://hooks.slack.com/…"
    assert subscription().shown_target == "coordinator@example.org"
