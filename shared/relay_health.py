"""How a relay is doing, as it tells the cloud: the heartbeat's two sides.

It holds times, counts, AE titles and sentences about what fails; never anything of a participant. Whatever a
relay has to say fits: long sentences and lists are cut here, and say so, so that a relay in trouble is heard.
Unknown fields are ignored on both sides: relay and cloud are updated at different times.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, Field

from shared.dicom.dicom_text import AE
from shared.scanners.limits import MOST_SCANNERS
from shared.text.sentence import Sentence
from shared.text.storable import StorableModel

MOST_PROBLEMS: Final = 40
MOST_CURSOR: Final = 1024
MOST_PARKED: Final = 50
MOST_DISCARDED: Final = 50
MOST_BECAUSE: Final = 500
MOST_REFUSED: Final = 20
ADDS_SCANNERS: Final = "add-scanners"
"""The ability of a relay whose own file lets the cloud add scanners."""

MOST_ACTIVE: Final = 200
"""Most scanners in one heartbeat: those heard last."""


def _first(problems: tuple[str, ...]) -> tuple[str, ...]:
    if len(problems) <= MOST_PROBLEMS:
        return problems
    kept = problems[: MOST_PROBLEMS - 1]
    return (*kept, f"and {len(problems) - len(kept)} more")


Sentences = Annotated[tuple[Sentence, ...], AfterValidator(_first)]
Count = Annotated[int, Field(ge=0, le=2**53)]


class LoopState(StorableModel):
    """How pulling or pushing goes; ``failure`` is empty while it works; ``forbidden``: we are refused."""

    succeeded_at: AwareDatetime | None = None
    failing_since: AwareDatetime | None = None
    failure: Sentence = ""
    forbidden: bool = False


class ScannerActivity(StorableModel):
    """What was last heard of one scanner, and how often since the relay started.

    :param last_answers: how many exams its last query was answered with.
    :param answers: how many all its queries were.
    """

    ae_title: AE
    last_echo_at: AwareDatetime | None = None
    last_query_at: AwareDatetime | None = None
    last_answers: Count = 0
    last_mpps_at: AwareDatetime | None = None
    associations: Count = 0
    requests: Count = 0
    answers: Count = 0

    def heard_at(self) -> float:
        """Return when anything was last heard of it, in seconds since 1970; 0 if nothing was."""
        moments = (self.last_echo_at, self.last_query_at, self.last_mpps_at)
        return max((moment.timestamp() for moment in moments if moment is not None), default=0.0)


def _latest(scanners: tuple[ScannerActivity, ...]) -> tuple[ScannerActivity, ...]:
    if len(scanners) <= MOST_ACTIVE:
        return scanners
    return tuple(sorted(scanners, key=ScannerActivity.heard_at, reverse=True)[:MOST_ACTIVE])


class RelaySummary(StorableModel):
    """One moment of a running relay.

    :param version: the relay's own.
    :param at: when, by the cloud's clock as far as the relay knows it.
    :param items: worklist items in the cache; None if it cannot be read. When they were last known to be
        current is ``pull.succeeded_at``.
    :param unreadable: items of the cloud this relay is too old to read.
    :param outbox: MPPS events waiting to be sent, the oldest taken at ``outbox_oldest_at``.
    :param parked: MPPS events the cloud refused for good.
    :param problems: what needs attention, in words; empty if nothing does.
    :param run: names this run of the relay's program; a restart makes another.
    :param profiles_version: of the scanners' overrides it holds, empty if it never had any.
    :param profile_problems: overrides it could not take, ``PRISMA1: suppressed_attributes: ...``.
    """

    version: Annotated[str, AfterValidator(lambda text: text[:64])]
    at: AwareDatetime
    pull: LoopState = LoopState()
    push: LoopState = LoopState()
    items: Count | None = None
    unreadable: Count = 0
    outbox: Count = 0
    outbox_oldest_at: AwareDatetime | None = None
    parked: Count = 0
    problems: Sentences = ()
    run: Annotated[str, Field(max_length=64)] = ""
    profiles_version: Annotated[str, Field(max_length=64)] = ""
    profile_problems: Sentences = ()

    @property
    def all_problems(self) -> tuple[str, ...]:
        """What needs attention, of the profiles too."""
        return *self.problems, *(f"profile of scanner {problem}" for problem in self.profile_problems)


class ParkedEvent(StorableModel):
    """An MPPS event that the cloud refused for good, and why. Nothing of a participant."""

    event_id: Annotated[str, Field(min_length=1, max_length=64)]
    sop_instance_uid: Annotated[str, AfterValidator(lambda text: text[:64])]
    kind: Annotated[str, AfterValidator(lambda text: text[:16])]
    received_at: Annotated[str, AfterValidator(lambda text: text[:40])]
    reason: Sentence = ""


class RefusedAssociation(StorableModel):
    """Somebody who called over DICOM and was refused.

    :param address: from where.
    :param unknown: because no scanner of the relay's bears this AE title.
    """

    ae_title: Annotated[str, AfterValidator(lambda text: text[:16])]
    address: Annotated[str, AfterValidator(lambda text: text[:64])]
    why: Sentence
    at: AwareDatetime
    count: Count = 1
    unknown: bool = False


class DiscardedEvent(ParkedEvent):
    """A parked event that somebody gave up at the relay itself: who, when (as the relay kept it), and why."""

    discarded_by: Annotated[str, AfterValidator(lambda text: text[:64])]
    discarded_at: Annotated[str, AfterValidator(lambda text: text[:40])]
    because: Annotated[str, AfterValidator(lambda text: text[:MOST_BECAUSE])]


class RelayHealth(RelaySummary):
    """The same with what the scanners did: the body of ``POST /relay/heartbeat``.

    :param cursor: where its last complete pull ended, so that the cloud can tell whether its table still has
        the history that this relay saw; empty before the first.
    :param parked_events: the oldest of the parked events.
    :param refused: who was refused, the latest first.
    :param abilities: what this version of the relay can do that an older one cannot, ``self-test``.
    :param discarded_events: the oldest of those that were given up and that the cloud has not recorded yet.
    """

    parked_events: Annotated[tuple[ParkedEvent, ...], AfterValidator(lambda told: told[:MOST_PARKED])] = ()
    discarded_events: Annotated[
        tuple[DiscardedEvent, ...], AfterValidator(lambda told: told[:MOST_DISCARDED])
    ] = ()
    cursor: Annotated[str, AfterValidator(lambda text: text if len(text) <= MOST_CURSOR else "")] = ""

    scanners: Annotated[tuple[ScannerActivity, ...], AfterValidator(_latest)] = ()
    refused: Annotated[tuple[RefusedAssociation, ...], AfterValidator(lambda told: told[:MOST_REFUSED])] = ()
    abilities: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=64)] = ()


class DiscardOrder(StorableModel):
    """A parked event that a person gives up, in the cloud: who, and why."""

    event_id: Annotated[str, Field(min_length=1, max_length=64)]
    by: Annotated[str, Field(max_length=64)]
    because: Annotated[str, Field(min_length=1, max_length=MOST_BECAUSE)]


class HeartbeatAnswer(StorableModel):
    """What the cloud says back: all overrides of the relay's scanners, none left out.

    Each is a `shared.scanners.scanner_profile.ScannerOverride`, read one by one: one that a relay cannot
    read must not hide the others. Both fields are required: an answer without them is none of the cloud's,
    and must not be taken for "nothing is overridden any more".

    :param identity_shared: another machine uses this relay's identity too.
    :param discards: parked events that people give up.
    :param retries: the ids of parked events to be sent again.
    :param discards_recorded: ids of the relay's ``discarded_events`` that need not be told again.
    """

    scanners: Annotated[tuple[Any, ...], Field(max_length=5 * MOST_SCANNERS)]
    version: Annotated[str, Field(max_length=64)]
    identity_shared: bool = False
    discards: tuple[DiscardOrder, ...] = ()
    retries: tuple[Annotated[str, Field(max_length=64)], ...] = ()
    discards_recorded: tuple[str, ...] = ()
