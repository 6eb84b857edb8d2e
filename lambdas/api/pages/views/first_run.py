"""The first steps: what has to be there before a scan shows on a scanner, ticked as it comes to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lambdas.sources.stored import StoredSource
from lambdas.store.accounts.people import User
from lambdas.store.accounts.relays import Heartbeat, Relay


class FirstStep(NamedTuple):
    """A step: whether it is done, what it is, how it is done, and the page that helps."""

    done: bool
    label: str
    how: str
    address: str


def first_steps(
    users: Iterable[User],
    sources: Iterable[StoredSource],
    relays: Iterable[Relay],
    heartbeats: Mapping[str, Heartbeat],
) -> tuple[FirstStep, ...]:
    """Return the steps in their order."""
    kept = [source for source in sources if source.definition is not None]
    served = [relay for relay in relays if relay.revoked_at is None]
    heard = [heartbeats[relay.relay_id].health for relay in served if relay.relay_id in heartbeats]
    asked = any(scanner.last_query_at for health in heard for scanner in health.scanners)
    reported = any(scanner.last_mpps_at for health in heard for scanner in health.scanners)
    read = any(source.state.report and source.state.report.outcome == "ok" for source in kept)
    return (
        FirstStep(
            any(user.leads for user in users),
            "An admin can sign in",
            "You are here: it is done.",
            "/app/accounts",
        ),
        FirstStep(
            bool(kept),
            "A REDCap project is a source",
            "Keep its API token in Secrets Manager, then paste and apply a source definition.",
            "/app/sources/new",
        ),
        FirstStep(
            read,
            "REDCap has been read",
            "It is read within a minute; Sources says what is wrong.",
            "/app/sources",
        ),
        FirstStep(
            bool(served),
            "A relay is enrolled",
            "Make a code, and give it to the relay: mwl-relay enroll.",
            "/app/relays",
        ),
        FirstStep(bool(heard), "The relay is heard of", "Start it: mwl-relay run.", "/app/relays"),
        FirstStep(
            asked,
            "A scanner has asked for its list",
            "Set the relay up at the scanner, and query there.",
            "/app/relays",
        ),
        FirstStep(
            reported, "A scanner has reported a scan (MPPS)", "Switch MPPS on at the scanner.", "/app/relays"
        ),
    )
