"""What a test participant's way says, hop by hop: how far it came, and what to do about what failed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.feed import Tombstone
from shared.steps.self_test import SECONDS, FeedSelfTest, Hop, HopResult, exam_of
from shared.worklist_item import Status, WorklistItem

State = Literal["green", "red", "waiting", "off"]
"""Of a hop: reached; failed; the one being waited for; not tried, or still to come."""

LABELS: Final[Mapping[Hop, str]] = {
    Hop.SAVED: "Written in the cloud",
    Hop.FETCHED: "Fetched by the relay",
    Hop.FOUND: "Shown when the relay asks itself over DICOM (C-FIND)",
    Hop.BEGUN: "Start reported to the relay (N-CREATE)",
    Hop.BEGUN_TOLD: "Start arrived in the cloud",
    Hop.ENDED: "End reported to the relay (N-SET)",
    Hop.ENDED_TOLD: "End arrived in the cloud",
    Hop.BACK: "Back at the relay as completed",
}

_REPORTS_REFUSED: Final = (
    "The relay does not take reports over DICOM, so scanners' reports are refused too. Run mwl-relay status "
    "on the relay's machine, and look whether its disk is full."
)
_REPORTS_WAIT: Final = (
    "The relay keeps the report and could not send it. Nothing is lost: it sends it later. Run mwl-relay "
    "status on the relay's machine: it says why sending fails."
)
_FETCHING: Final = (
    "The relay did not fetch its list in time. See that its machine is on and reaches this address, and run "
    "mwl-relay status there."
)
ADVICE: Final[Mapping[Hop, str]] = {
    Hop.SAVED: "Try again.",
    Hop.FETCHED: _FETCHING,
    Hop.FOUND: "The relay has the test participant and does not show it, so scanners may be shown nothing "
    "either. Run mwl-relay status on the relay's machine, then start the relay anew.",
    Hop.BEGUN: _REPORTS_REFUSED,
    Hop.BEGUN_TOLD: _REPORTS_WAIT,
    Hop.ENDED: _REPORTS_REFUSED,
    Hop.ENDED_TOLD: _REPORTS_WAIT,
    Hop.BACK: _FETCHING,
}
"""What to do if a hop fails."""


class SelfTest(BaseModel):
    """A test participant of one relay.

    :param by: who asked for it.
    :param over: nothing more is to come.
    :param after_red: the test before it did not come through.
    """

    model_config = ConfigDict(frozen=True)

    test_id: str
    relay_id: str
    site: str
    begun_at: AwareDatetime
    by: str
    hops: tuple[HopResult, ...] = ()
    over: bool = False
    after_red: bool = False

    @property
    def expires_at(self) -> datetime:
        """When it is gone from the relay, whatever became of it."""
        return self.begun_at + timedelta(seconds=SECONDS)

    @property
    def item(self) -> WorklistItem:
        """The exam, with the status that the cloud has been told."""
        reached = {each.hop for each in self.hops}
        status = Status.IN_PROGRESS if Hop.BEGUN_TOLD in reached else Status.SCHEDULED
        status = Status.COMPLETED if Hop.ENDED_TOLD in reached else status
        item = exam_of(self.test_id, self.site, self.begun_at)
        return item.model_copy(update={"performed_procedure_step_status": status})

    def is_running(self, now: datetime) -> bool:
        """Tell whether anything is still to come."""
        return not self.over and now < self.expires_at

    def failed_last(self, now: datetime) -> bool:
        """Tell whether the last test that has ended was red: as long as this one runs, the one before it."""
        return self.after_red if self.is_running(now) else outcome_of(self, now).state == "red"

    def having(self, *results: HopResult, over: bool = False) -> SelfTest:
        """Return it with more hops; the first word about a hop counts."""
        known = {each.hop for each in self.hops}
        hops = (*self.hops, *(each for each in results if each.hop not in known))
        return self.model_copy(update={"hops": hops, "over": self.over or over})


class HopView(NamedTuple):
    """A hop as people are shown it.

    :param seconds: since the test began; None if it was not reached.
    :param said: what went wrong, and what to do; empty if nothing did.
    """

    hop: Hop
    label: str
    state: State
    at: datetime | None
    seconds: float | None
    said: str


class Outcome(NamedTuple):
    """How a test stands: ``running``, ``green`` or ``red``, and every hop in order."""

    state: Literal["running", "green", "red"]
    hops: tuple[HopView, ...]


def outcome_of(test: SelfTest, now: datetime) -> Outcome:
    """Return how a test stands.

    :param now: aware.
    """
    running = test.is_running(now)
    hops = tuple(_views(test, running=running))
    if any(each.state == "red" for each in hops):
        return Outcome("red", hops)
    return Outcome("running" if running else "green", hops)


def _views(test: SelfTest, *, running: bool) -> Iterator[HopView]:
    results = {each.hop: each for each in test.hops}
    stopped = False
    for hop in Hop:
        found = results.get(hop)
        if found is not None and not found.failure:
            seconds = max(0.0, (found.at - test.begun_at).total_seconds())
            yield HopView(hop, LABELS[hop], "green", found.at, seconds, "")
        elif stopped:
            yield HopView(hop, LABELS[hop], "off", None, None, "")
        else:
            stopped = True
            state: State = "waiting" if found is None and running else "red"
            yield HopView(hop, LABELS[hop], state, None, None, _said(hop, found) if state == "red" else "")


def _said(hop: Hop, found: HopResult | None) -> str:
    if found is None:
        return ADVICE[hop]
    return f"{found.failure[0].upper()}{found.failure[1:].removesuffix('.')}. {ADVICE[hop]}"


def feed_row(body: str, feed_seq: int, now: float) -> FeedSelfTest | Tombstone:
    """Return what the feed says of a row; one that is over or too old is gone.

    :param now: seconds since 1970.
    """
    test = SelfTest.model_validate_json(body)
    if not test.is_running(datetime.fromtimestamp(now, UTC)):
        return Tombstone(feed_seq=feed_seq, id=test.test_id)
    return FeedSelfTest(feed_seq=feed_seq, relay_id=test.relay_id, expires_at=test.expires_at, item=test.item)
