"""``mwl-cloud relays test``: a test participant for every relay of a site, and how far each came."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from lambdas.store.accounts.relays import Relay, RelayStore
from lambdas.store.audit.entry import COMMAND
from lambdas.store.self_tests.outcome import Outcome, SelfTest, outcome_of
from lambdas.store.self_tests.self_tests import SelfTestStore
from shared.errors import NotFound, Rejected

HEADINGS: Final = ("hop", "reached", "after, or what to do")
_POLL_SECONDS: Final = 1.0
_WORDS: Final = {"green": "yes", "red": "NO", "waiting": "waiting", "off": "-"}


class Tested(NamedTuple):
    """What became of one relay's test; ``refused``: why there was none."""

    relay: Relay
    outcome: Outcome | None
    refused: str = ""

    @property
    def passed(self) -> bool:
        """Whether it came all the way."""
        return self.outcome is not None and self.outcome.state == "green"


def tested_relays(
    site: str,
    relays: RelayStore,
    self_tests: SelfTestStore,
) -> list[Tested]:
    """Test every relay of a site at once, and wait until all are over.

    :raises NotFound: the site has no relay.
    """
    known = [each for each in relays.all() if each.site == site and each.revoked_at is None]
    if not known:
        raise NotFound("no relay of this site is enrolled", where=site, hint="see mwl-cloud relays list")
    refused, waiting = {}, list(known)
    for relay in known:
        try:
            self_tests.begin(relay, relays.heartbeat(relay.relay_id), by=COMMAND)
        except Rejected as error:
            refused[relay.relay_id] = str(error)
            waiting.remove(relay)
    outcomes: dict[str, Outcome] = {}
    while True:
        moment = datetime.now(UTC)
        for relay in waiting:
            outcomes[relay.relay_id] = _outcome(self_tests.find(relay), moment)
        if all(each.state != "running" for each in outcomes.values()):
            ids = {each.relay_id: each for each in known}
            return [Tested(relay, outcomes.get(key), refused.get(key, "")) for key, relay in ids.items()]
        time.sleep(_POLL_SECONDS)


def lines(tested: Tested) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of a table: hop, whether it was reached, and after how long or what to do."""
    if tested.outcome is None:
        yield "Not tested", "NO", tested.refused
        return
    for hop in tested.outcome.hops:
        seconds = "" if hop.seconds is None else f"{hop.seconds:.1f} s"
        yield hop.label, _WORDS[hop.state], hop.said or seconds


def _outcome(test: SelfTest | None, now: datetime) -> Outcome:
    if test is None:
        raise NotFound("the test has vanished: was the table restored meanwhile?")
    return outcome_of(test, now)
