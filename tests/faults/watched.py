"""A relay's exchange without a process, and what its status says of it: clocks are a test's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from edge_relay.health.report import CLOCK, LOOPS, Health
from edge_relay.health.status import look
from shared.errors import Forbidden, MwlError
from tests.faults.outcome import Outcome
from tests.rigs.exchanging_relay import ExchangingRelay

_PAUSE: Final = 10.0
_MINUTE: Final = 60.0


class Watched:
    """A relay whose every exchange is noted as its loops do, and its files' and clock's troubles too."""

    def __init__(self, folder: Path, relay: ExchangingRelay, outcome: Outcome) -> None:
        self.relay: Final = relay
        self.outcome: Final = outcome
        self._folder: Final = folder
        elapsed = relay.client.clock
        self.health: Final = Health(relay.clock.now, known=lambda _: True, elapsed=elapsed)

    def exchange(self) -> None:
        """Do what the loops do once, and note what came of it."""
        for name, exchange in (("push", self.relay.push_once), ("pull", self.relay.pull_once)):
            try:
                exchange()
            except MwlError as error:
                self.health.failed(name, str(error), forbidden=isinstance(error, Forbidden))
            else:
                self.health.succeeded(name)

    def problems(self) -> str:
        """Return what the status says."""
        self.health.note("journal", self.relay.journal.problem)
        self.health.note(CLOCK, self.relay.clock.problem)
        return "; ".join(look(self._folder, self.relay.clock.now(), self.health.report("a port")).problems)

    def named(self, fault: str, words: str) -> None:
        """Go on for a minute, and see that the status names a fault then."""
        self._go_on()
        said = self.problems()
        self.outcome.faults += 1
        if re.search(words, said):
            self.outcome.named += 1
            self.outcome.told[fault] = said
        else:
            self.outcome.unnamed.append(f"{fault}: the status says {said or 'nothing'}")

    def quiet(self, when: str) -> None:
        """Go on for a minute without a fault, and see that the status says nothing, nor is about to."""
        self._go_on()
        found = self.health.report("a port")
        failures = [getattr(found, loop).failure for loop in LOOPS]
        said = [*filter(None, [self.problems(), *failures])]
        if said:
            self.outcome.wrong_answers.append(f"{when} the status says: {'; '.join(said)}")

    def _go_on(self) -> None:
        until = self.relay.client.clock() + _MINUTE
        while self.relay.client.clock() < until:
            self.relay.client.clock.advance(_PAUSE)
            self.exchange()
            self.outcome.operations += 2
