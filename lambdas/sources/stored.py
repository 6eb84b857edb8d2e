"""A source as it is stored: its definition and its state. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import SourceState


@dataclass(frozen=True)
class Timing:
    """What of a source's state says when it may be asked. Moments are in seconds since 1970.

    :param asked_at: when the schedule asked for the last run that it got; 0: not known.
    :param leased_until: until when a run holds it; 0 if none does.
    :param left_alone_until: until when the schedule leaves it alone: it was banned, or failed.
    :param unfinished: a full read is under way, and is gone on with at once.
    :param feedback_at: when rows may be told of the worklist; None: none has to be.
    """

    last_run_at: datetime | None = None
    leased_until: float = 0.0
    left_alone_until: float = 0.0
    banned_until: float = 0.0
    unfinished: bool = False
    feedback_at: float | None = None
    asked_at: float = 0.0

    @classmethod
    def of(cls, state: SourceState, leased_until: float) -> Timing:
        """Return what a state says."""
        return cls(
            last_run_at=state.last_run_at,
            leased_until=leased_until,
            left_alone_until=max(state.paused_until, state.banned_until),
            banned_until=state.banned_until,
            unfinished=state.progress is not None,
            feedback_at=state.feedback_at if state.feedback_due else None,
        )

    def next_due(self, interval: float) -> float:
        """Return when the next run is due; 0 if there was none.

        The interval counts from when the last was asked for: if a message waited half a minute on the queue,
        the next is not put off by a whole one.
        """
        if self.last_run_at is None:
            return 0.0
        ran_at = self.last_run_at.timestamp()
        return (self.asked_at if 0 <= ran_at - self.asked_at < interval else ran_at) + interval


@dataclass(frozen=True)
class StoredSource:
    """A source as the table holds it.

    :param definition: None if it cannot be read, because an older or newer version wrote it.
    :param problem: why it cannot be read.
    :param leased_until: seconds since 1970 until which a sync holds it; 0 if none does. One that was killed
        has not given it back.
    """

    source_id: str
    definition: SourceDefinition | None
    problem: str
    state: SourceState
    leased_until: float

    @property
    def timing(self) -> Timing:
        """When it may be asked."""
        return Timing.of(self.state, self.leased_until)

    @property
    def sites(self) -> frozenset[str]:
        """The sites that it writes to; of a definition that cannot be read, those it wrote to."""
        return self.definition.sites() if self.definition else frozenset(self.state.sites)


def at_site(sources: Iterable[StoredSource], site: str) -> tuple[StoredSource, ...]:
    """Return the sources that write to a site."""
    return tuple(source for source in sources if site in source.sites)


def zone_name(own: Iterable[StoredSource], default: str) -> str:
    """Return the time zone of a site: that of the first of its sources that says one."""
    return next((source.definition.time_zone for source in own if source.definition), default)
