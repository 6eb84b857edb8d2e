"""What a message says: short sentences and a link, never anything of a participant. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambdas.notices.condition import Kind
from lambdas.notices.ledger import Message, Said, Say
from lambdas.notices.subscription import Channel, Subscription

_PAGES: Final = {
    Kind.MISSING: "today",
    Kind.RELAY: "today",
    Kind.SOURCE: "today",
    Kind.WRITE_BACK: "write-backs",
    Kind.SELF_TEST: "relays",
    Kind.UNENDED: "unmatched",
    Kind.DOUBTED: "unmatched",
}
_WORDS: Final[Mapping[tuple[Say, Kind], tuple[str, str]]] = {
    (Say.PROBLEM, Kind.MISSING): (
        "A scan of today or soon ({about}) is not on the scanner's list.",
        "{count} scans of today or soon ({about}) are not on the scanner's list.",
    ),
    (Say.RESOLVED, Kind.MISSING): (
        "A scan ({about}) that was missing is on the list, or is not planned any more.",
        "{count} scans ({about}) that were missing are on the list, or are not planned any more.",
    ),
    (Say.PASSED, Kind.MISSING): (
        "The day of a missing scan ({about}) has passed. It was never on the list.",
        "The day of {count} missing scans ({about}) has passed. They were never on the list.",
    ),
    (Say.PROBLEM, Kind.RELAY): (
        "The relay {about} is silent. Its scanners keep the list they have.",
        "{count} relays called {about} are silent. Their scanners keep the list they have.",
    ),
    (Say.RESOLVED, Kind.RELAY): (
        "The relay {about} is back, or was revoked.",
        "{count} relays called {about} are back, or were revoked.",
    ),
    (Say.PROBLEM, Kind.SOURCE): (
        "The REDCap source {about} needs somebody: it cannot be read, or withdrawals wait.",
        "The REDCap source {about} needs somebody, for {count} reasons.",
    ),
    (Say.RESOLVED, Kind.SOURCE): (
        "The REDCap source {about} is read again.",
        "The REDCap source {about} is read again.",
    ),
    (Say.PROBLEM, Kind.WRITE_BACK): (
        "REDCap refuses the result of a scan. An admin has to look.",
        "REDCap refuses the results of {count} scans. An admin has to look.",
    ),
    (Say.RESOLVED, Kind.WRITE_BACK): (
        "REDCap has taken the result of a scan that it had refused.",
        "REDCap has taken the results of {count} scans that it had refused.",
    ),
    (Say.PROBLEM, Kind.SELF_TEST): (
        "The test participant of the relay {about} did not come through. Relays says where it stopped.",
        "The test participants of {count} relays called {about} did not come through. Relays says where.",
    ),
    (Say.RESOLVED, Kind.SELF_TEST): (
        "The test participant of the relay {about} came through again, or the relay was revoked.",
        "The test participants of {count} relays called {about} came through again, or they were revoked.",
    ),
    (Say.PROBLEM, Kind.UNENDED): (
        "An exam was begun and never ended ({about}). Say at its booking whether it was done.",
        "{count} exams were begun and never ended ({about}). Say at their bookings whether they were done.",
    ),
    (Say.RESOLVED, Kind.UNENDED): (
        "An exam that was not ended ({about}) is settled: its scanner or somebody told what became of it.",
        "{count} exams that were not ended ({about}) are settled.",
    ),
    (Say.PASSED, Kind.UNENDED): (
        "Nobody said for a week whether an exam that was not ended ({about}) was done. "
        "You are not asked again.",
        "Nobody said for a week whether {count} exams that were not ended ({about}) were done. "
        "You are not asked again.",
    ),
    (Say.PROBLEM, Kind.DOUBTED): (
        "The archive has images of an exam ({about}) under another Patient ID. Find out whose they are.",
        "The archive has images of {count} exams ({about}) under other Patient IDs. Find out whose they are.",
    ),
    (Say.RESOLVED, Kind.DOUBTED): (
        "An exam with images under another Patient ID ({about}) is settled.",
        "{count} exams with images under another Patient ID ({about}) are settled.",
    ),
    (Say.PASSED, Kind.DOUBTED): (
        "Nobody settled for a week an exam with images under another Patient ID ({about}). "
        "You are not asked again.",
        "Nobody settled for a week {count} exams with images under another Patient ID ({about}). "
        "You are not asked again.",
    ),
}


def sentence(said: Said) -> str:
    """Return one line in words."""
    one, many = _WORDS[said.say, said.kind]
    return (one if said.count == 1 else many).format(about=said.about, count=said.count)


def subject(message: Message, site: str) -> str:
    """Return the subject of a message."""
    if message.test:
        return f"[{site}] A test of your notices"
    problems = sum(each.count for each in message.said if each.say is not Say.RESOLVED)
    if message.digest:
        return f"[{site}] {_needing(problems)} today"
    return f"[{site}] {_needing(problems)}" if problems else f"[{site}] Resolved"


def _needing(count: int) -> str:
    return {0: "Nothing needs you", 1: "1 thing needs you"}.get(count, f"{count} things need you")


def lines(message: Message) -> list[str]:
    """Return the sentences of a message."""
    if message.test:
        return ["This is a test. Your notices arrive here."]
    return [sentence(each) for each in message.said] or ["Nothing needs you."]


def link(message: Message, site: str, base: str) -> str:
    """Return the address of the page where one looks; empty if nobody knows our address."""
    pages = [_PAGES[each.kind] for each in message.said] or ["today"]
    page = pages[0]
    return f"{base}/app/{page}" + (f"?site={site}" if page == "today" else "") if base else ""


def body(message: Message, site: str, base: str) -> str:
    """Return a message as plain text."""
    where = link(message, site, base)
    return "\n".join([*lines(message), "", *([f"Look here: {where}"] if where else [])]).strip() + "\n"


def payload(message: Message, subscription: Subscription, base: str) -> dict[str, Any]:
    """Return a message as the JSON that a webhook takes."""
    site = subscription.site
    head, text = subject(message, site), body(message, site, base)
    if subscription.channel is Channel.SLACK:
        return {"text": f"*{_escaped(head)}*\n{_escaped(text)}"}
    if subscription.channel is Channel.TEAMS:
        return _card(head, text)
    return {
        "id": message.id,
        "site": site,
        "at": message.made_at.isoformat(),
        "digest": message.digest,
        "test": message.test,
        "subject": head,
        "link": link(message, site, base),
        "lines": [{**each.model_dump(mode="json"), "text": sentence(each)} for each in message.said],
    }


def _escaped(text: str) -> str:
    """Escape what Slack reads as markup (its documentation, "Escaping text")."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _card(head: str, text: str) -> dict[str, Any]:
    """Return an Adaptive Card, as a Teams workflow takes it."""
    blocks = [{"type": "TextBlock", "text": head, "weight": "bolder", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": line, "wrap": True} for line in text.splitlines() if line]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}
