"""What people read: short, right about one and many, with a link, and nothing of a participant."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from lambdas.notices.condition import Kind
from lambdas.notices.ledger import Message, Said, Say
from lambdas.notices.subscription import Subscription
from lambdas.notices.text import body, lines, payload, sentence, subject

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
BASE = "https://api.example.org"


def message(*said: Said, **changes: Any) -> Message:
    return Message(id="m1", made_at=NOW, next_at=NOW, said=said, **changes)


def a_line(say: Say = Say.PROBLEM, kind: Kind = Kind.MISSING, count: int = 1) -> Said:
    return Said(say=say, kind=kind, about="study", count=count)


def webhook(channel: str) -> Subscription:
    fields = {"site": "north", "channel": channel, "target": "https://hooks.example.org/secret"}
    return Subscription.model_validate(fields)


PASSING = {Kind.MISSING, Kind.UNENDED, Kind.DOUBTED}
SAYABLE = [(say, kind) for say, kind in product(Say, Kind) if say is not Say.PASSED or kind in PASSING]


@pytest.mark.parametrize(("say", "kind"), SAYABLE)
@pytest.mark.parametrize("count", [1, 3])
def test_everything_that_can_be_said_is_a_sentence(say: Say, kind: Kind, count: int) -> None:
    text = sentence(a_line(say, kind, count))
    assert text.endswith(".")
    assert "{" not in text
    assert ("3" in text) == (count == 3) or (say, kind) == (Say.RESOLVED, Kind.SOURCE)


@pytest.mark.parametrize(
    ("told", "head"),
    [
        (message(a_line()), "[north] 1 thing needs you"),
        (message(a_line(count=2), a_line(kind=Kind.RELAY)), "[north] 3 things need you"),
        (message(a_line(Say.RESOLVED)), "[north] Resolved"),
        (message(digest=True), "[north] Nothing needs you today"),
        (message(test=True), "[north] A test of your notices"),
    ],
)
def test_the_subject_says_how_many(told: Message, head: str) -> None:
    assert subject(told, "north") == head


def test_the_text_ends_with_where_to_look() -> None:
    assert body(message(a_line()), "north", BASE) == (
        "A scan of today or soon (study) is not on the scanner's list.\n\n"
        "Look here: https://api.example.org/app/today?site=north\n"
    )
    parked = body(message(a_line(kind=Kind.WRITE_BACK)), "north", BASE)
    assert parked.endswith("/app/write-backs\n")


def test_without_an_address_of_ours_there_is_no_link() -> None:
    assert "http" not in body(message(a_line()), "north", "")


def test_a_digest_of_nothing_says_so() -> None:
    assert lines(message(digest=True)) == ["Nothing needs you."]


def test_slack_gets_text_that_is_no_markup() -> None:
    said = Said(say=Say.PROBLEM, kind=Kind.RELAY, about="<!channel>", count=1)
    content = payload(message(said), webhook("slack"), BASE)
    assert set(content) == {"text"}
    assert "&lt;!channel&gt;" in content["text"]


def test_teams_gets_an_adaptive_card() -> None:
    content = payload(message(a_line()), webhook("teams"), BASE)
    (card,) = content["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert next(block["text"] for block in card["content"]["body"]) == "[north] 1 thing needs you"


def test_others_get_json_with_the_id_that_a_second_delivery_has_too() -> None:
    content = payload(message(a_line()), webhook("webhook"), BASE)
    assert json.loads(json.dumps(content)) == {
        "id": "m1",
        "site": "north",
        "at": "2026-11-22T09:00:00+00:00",
        "digest": False,
        "test": False,
        "subject": "[north] 1 thing needs you",
        "link": "https://api.example.org/app/today?site=north",
        "lines": [
            {
                "say": "problem",
                "kind": "missing",
                "about": "study",
                "count": 1,
                "text": "A scan of today or soon (study) is not on the scanner's list.",
            }
        ],
    }
