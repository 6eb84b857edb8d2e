"""Relays: their enrolment codes, their last heartbeat, and the overrides of their scanners.

RELAYS          <relay_id>          a relay; revoked ones stay, so that their code and key stay used
ENROLLMENTS     <hash of the code>  a code and the relay id it will make; a relay id can be added only once,
                                    so the code works only once
RELAY_HEALTH    <relay_id>          its last heartbeat
RELAY_DISCARDS  <relay_id>          which of its parked events people gave up, in the cloud or at the relay
RELAY_SCANNERS  <relay_id>          what is overridden of its scanners' profiles, and who said so

Health and scanners have rows of their own: every call of a relay reads its account, which stays small, and a
heartbeat under way does not hold up a revocation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from lambdas.store.accounts.relay_runs import RelayRuns
from lambdas.store.accounts.rows import AccountRows, Audited, Kept, hidden_name
from lambdas.store.audit.entry import SYSTEM, Actor, Subject, difference
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.faults import ATTEMPTS, races
from lambdas.store.models import Tables
from shared.errors import Conflict, Forbidden, NotFound, Rejected
from shared.relay_health import DiscardedEvent, DiscardOrder, ParkedEvent, RelayHealth
from shared.scanners.scanner_profile import ScannerOverrides

ENROLLMENT_SECONDS: Final = 15 * 60
CODE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32."""
CODE_GROUPS, CODE_GROUP = 5, 4
"""20 characters are 100 bits: nobody guesses one within its quarter of an hour, nor from its hash."""

RELAYS: Final = "RELAYS"
"""The partition of the relays themselves."""

HEALTH: Final = "RELAY_HEALTH"
"""The partition of the heartbeats."""

MOST_BYTES: Final = 100_000
"""Of a relay's overrides: a row holds 400 kB, and each heartbeat is answered with all of them."""

_MOST_ORDERS: Final = 100
_MOST_RECORDED: Final = 500
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


class Relay(BaseModel):
    """An enrolled relay: its site is all it may see."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    relay_id: str
    site: str
    name: str
    public_key: str
    enrolled_at: AwareDatetime
    revoked_at: AwareDatetime | None = None


class Enrollment(BaseModel):
    """What a code is good for."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    relay_id: str
    site: str
    expires_at: float


class Heartbeat(BaseModel):
    """The last one of a relay, and when it was."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    seen_at: AwareDatetime
    health: RelayHealth
    runs: RelayRuns = RelayRuns()


class Configuration(BaseModel):
    """What is overridden of a relay's scanners; ``changed_by`` is a username, or who else it was."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    overrides: ScannerOverrides = ScannerOverrides()
    changed_at: AwareDatetime | None = None
    changed_by: str = ""


class Discards(BaseModel):
    """The parked events of a relay that people gave up lately.

    :param orders: in the cloud; the relay is to follow.
    :param retries: events that the relay is to send again.
    :param recorded: at the relay itself, by event id: the audit trail has them.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    orders: tuple[DiscardOrder, ...] = ()
    retries: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()


class RelayStore:
    """Relays, and the codes that enrol them.

    :param now: seconds since 1970.
    :param new_id: a fresh random identifier of letters and digits.
    :param new_code: a fresh random code, as `random_code` makes it.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
        new_code: Callable[[], str],
    ) -> None:
        self._relays = AccountRows(tables.account, RELAYS, Relay)
        self._codes = AccountRows(tables.account, "ENROLLMENTS", Enrollment)
        self._heartbeats = AccountRows(tables.account, HEALTH, Heartbeat)
        self._discards = AccountRows(tables.account, "RELAY_DISCARDS", Discards)
        self._configurations = AccountRows(tables.account, "RELAY_SCANNERS", Configuration)
        self._trail = AuditTrail(tables, now=now)
        self._now, self._new_id, self._new_code = now, new_id, new_code

    def invite(self, site: str, *, by: Actor = SYSTEM) -> tuple[str, datetime]:
        """Return a code that enrols one relay of a site, and until when. Only its hash is kept."""
        code, expires_at = self._new_code(), self._now() + ENROLLMENT_SECONDS
        enrollment = Enrollment(relay_id=self._new_id(), site=site, expires_at=expires_at)
        invited = Subject(kind="enrollment", id=enrollment.relay_id, action="created", after={"site": site})
        self._codes.add(
            hidden_name(_plain_code(code)),
            enrollment,
            expires_at=expires_at + ENROLLMENT_SECONDS,
            audit=Audited(self._trail, by, invited, site),
        )
        return code, datetime.fromtimestamp(expires_at, UTC)

    def enroll(self, code: str, *, public_key: str, name: str) -> Relay:
        """Return the relay a code makes. The same relay may ask twice, should our answer have been lost.

        :raises Forbidden: the code is unknown, too old, or was used by another.
        """
        kept = self._codes.get(hidden_name(_plain_code(code)))
        if kept is None or kept.value.expires_at <= self._now():
            raise _code_refused()
        relay = Relay(
            relay_id=kept.value.relay_id,
            site=kept.value.site,
            name=name,
            public_key=public_key,
            enrolled_at=datetime.fromtimestamp(self._now(), UTC),
        )
        try:
            self._relays.add(relay.relay_id, relay, audit=self._enrolled(relay))
        except Conflict:
            return self._same_relay(relay)
        return relay

    def _enrolled(self, relay: Relay) -> Audited:
        after = {"name": relay.name, "site": relay.site}
        enrolled = Subject(kind="relay", id=relay.relay_id, action="created", after=after)
        return Audited(self._trail, Actor(kind="relay", name=relay.relay_id), enrolled, relay.site)

    def find(self, relay_id: str, *, consistent: bool = True) -> Relay | None:
        """Return a relay, revoked ones too, or None.

        :param consistent: otherwise as it was a moment ago, unless it was not there yet, for half the price.
        """
        kept = self._relays.get(relay_id, consistent=consistent)
        if kept is None and not consistent:
            kept = self._relays.get(relay_id)
        return kept.value if kept else None

    def all(self) -> list[Relay]:
        """Return every relay, revoked ones too."""
        return [kept.value for kept in self._relays.all().values()]

    def revoke(self, relay_id: str, *, by: Actor = SYSTEM) -> None:
        """End a relay's access with its next request; raise `NotFound` if there is none. Twice is once."""
        races(ATTEMPTS)(self._revoke, relay_id, by)

    def _revoke(self, relay_id: str, by: Actor) -> None:
        kept = self._relays.get(relay_id)
        if kept is None:
            raise NotFound("no such relay")
        if kept.value.revoked_at is None:
            revoked = kept.value.model_copy(update={"revoked_at": datetime.fromtimestamp(self._now(), UTC)})
            gone = Subject(kind="relay", id=relay_id, action="removed", before={"name": kept.value.name})
            audit = Audited(self._trail, by, gone, kept.value.site)
            self._relays.replace(relay_id, revoked, kept.version, audit=audit)

    def heard(self, relay_id: str, health: RelayHealth) -> bool:
        """Store a relay's heartbeat in place of the last; tell whether two machines use its identity."""
        kept = self._heartbeats.get(relay_id)
        now = datetime.fromtimestamp(self._now(), UTC)
        runs = (kept.value.runs if kept else RelayRuns()).heard(health.run, now)
        heartbeat = Heartbeat(seen_at=now, health=health, runs=runs)
        try:
            if kept is None:
                self._heartbeats.add(relay_id, heartbeat)
            else:
                self._heartbeats.replace(relay_id, heartbeat, kept.version)
        except Conflict:
            pass  # another heartbeat of the same relay was kept this moment
        return runs.is_shared(now)

    def heartbeat(self, relay_id: str) -> Heartbeat | None:
        """Return a relay's last heartbeat, None if there never was one."""
        kept = self._heartbeats.get(relay_id)
        return kept.value if kept else None

    def heartbeats(self) -> dict[str, Heartbeat]:
        """Return the last heartbeat of every relay that ever had one, by relay id."""
        return {relay_id: kept.value for relay_id, kept in self._heartbeats.all().items()}

    def configuration(self, relay_id: str) -> tuple[Configuration, str]:
        """Return what is overridden of a relay's scanners and its version, ``0`` if nothing ever was."""
        kept = self._configurations.get(relay_id)
        return (kept.value, str(kept.version)) if kept else (Configuration(), "0")

    def configure(self, relay_id: str, overrides: ScannerOverrides, *, by: Actor) -> None:
        """Override a relay's scanners so, and not as before; it hears of it with its next heartbeat.

        :raises NotFound: there is no such relay.
        :raises Rejected: it has been revoked, or they are too many.
        :raises Conflict: somebody else was at it; nothing is changed.
        """
        relay = self.find(relay_id)
        if relay is None:
            raise NotFound("no such relay")
        if relay.revoked_at is not None:
            raise Rejected("this relay has been revoked", where="relay_id")
        configuration = Configuration(
            overrides=overrides, changed_at=datetime.fromtimestamp(self._now(), UTC), changed_by=by.name
        )
        if len(configuration.model_dump_json().encode()) > MOST_BYTES:
            raise Rejected(f"are more than {MOST_BYTES} bytes", where="scanners")
        kept = self._configurations.get(relay.relay_id)
        were, are = difference(_scanners(kept.value if kept else None), _scanners(configuration))
        changed = Subject(kind="scanners", id=relay.relay_id, action="changed", before=were, after=are)
        audit = Audited(self._trail, by, changed, relay.site)
        if kept is None:
            self._configurations.add(relay.relay_id, configuration, audit=audit)
        else:
            self._configurations.replace(relay.relay_id, configuration, kept.version, audit=audit)

    def discard(self, relay_id: str, order: DiscardOrder, *, by: Actor) -> None:
        """Give up a parked event of a relay; it hears of it with its next heartbeat.

        :raises NotFound: there is no such relay, or it has not told of such an event.
        :raises Conflict: somebody else was at it; nothing is changed.
        """
        relay, found = self._parked(relay_id, order.event_id)
        kept = self._discards.get(relay_id)
        before = kept.value if kept else Discards()
        others = [each for each in before.orders if each.event_id != order.event_id]
        discards = before.model_copy(update={"orders": (*others, order)[-_MOST_ORDERS:]})
        told = found.model_dump() | {"because": order.because}
        subject = Subject(kind="parked-event", id=order.event_id, action="removed", before=told)
        self._keep_discards(relay_id, discards, kept, Audited(self._trail, by, subject, relay.site))

    def retry(self, relay_id: str, event_id: str, *, by: Actor) -> None:
        """Have a relay send a parked event again, from its next heartbeat on; raises as `discard`."""
        relay, found = self._parked(relay_id, event_id)
        kept = self._discards.get(relay_id)
        before = kept.value if kept else Discards()
        retries = (*(each for each in before.retries if each != event_id), event_id)[-_MOST_ORDERS:]
        subject = Subject(kind="parked-event", id=event_id, action="retried", before=found.model_dump())
        again = before.model_copy(update={"retries": retries})
        self._keep_discards(relay_id, again, kept, Audited(self._trail, by, subject, relay.site))

    def take_retries(self, relay_id: str, health: RelayHealth) -> tuple[str, ...]:
        """Return which of its parked events a relay is to send again; each is said once."""
        if not health.parked_events:
            return ()
        kept, parked = self._discards.get(relay_id), {event.event_id for event in health.parked_events}
        if kept is None or not kept.value.retries:
            return ()
        try:
            self._discards.replace(relay_id, kept.value.model_copy(update={"retries": ()}), kept.version)
        except Conflict:
            return ()  # somebody asked for another this moment: the next heartbeat is told of both
        return tuple(each for each in kept.value.retries if each in parked)

    def record_discards(self, relay: Relay, told: Sequence[DiscardedEvent]) -> tuple[str, ...]:
        """Put what was given up at a relay into the audit trail, once; return the ids of all that are there.

        What people gave up in the cloud is there since they did.
        """
        if told:
            races(ATTEMPTS)(self._record_discards, relay, told)
        return tuple(event.event_id for event in told)

    def _record_discards(self, relay: Relay, told: Sequence[DiscardedEvent]) -> None:
        kept = self._discards.get(relay.relay_id)
        before = kept.value if kept else Discards()
        known = {*before.recorded, *(order.event_id for order in before.orders)}
        new = [event for event in told if event.event_id not in known]
        if not new:
            return
        recorded = (*before.recorded, *(event.event_id for event in new))[-_MOST_RECORDED:]
        by = Actor(kind="relay", name=relay.relay_id)
        subjects = [
            Subject(kind="parked-event", id=event.event_id, action="removed", before=event.model_dump())
            for event in new
        ]
        audit = Audited(self._trail, by, subjects[0], relay.site, tuple(subjects[1:]))
        changed = before.model_copy(update={"recorded": recorded})
        self._keep_discards(relay.relay_id, changed, kept, audit)

    def _parked(self, relay_id: str, event_id: str) -> tuple[Relay, ParkedEvent]:
        relay, heartbeat = self.find(relay_id), self.heartbeat(relay_id)
        parked = heartbeat.health.parked_events if heartbeat else ()
        found = next((event for event in parked if event.event_id == event_id), None)
        if relay is None or found is None:
            raise NotFound("this relay tells of no such parked event", where="event_id")
        return relay, found

    def _keep_discards(
        self, relay_id: str, discards: Discards, before: Kept[Discards] | None, audit: Audited
    ) -> None:
        if before is None:
            self._discards.add(relay_id, discards, audit=audit)
        else:
            self._discards.replace(relay_id, discards, before.version, audit=audit)

    def discards(self, relay_id: str, health: RelayHealth) -> tuple[DiscardOrder, ...]:
        """Return which of the events that a relay tells of as parked people gave up."""
        if not health.parked_events:
            return ()
        kept, parked = self._discards.get(relay_id), {event.event_id for event in health.parked_events}
        return tuple(order for order in (kept.value.orders if kept else ()) if order.event_id in parked)

    def _same_relay(self, asking: Relay) -> Relay:
        there = self.find(asking.relay_id)
        if there is None or there.revoked_at is not None or there.public_key != asking.public_key:
            raise _code_refused()
        return there


def _scanners(configuration: Configuration | None) -> dict[str, Any]:
    """Return what is overridden, by scanner."""
    if configuration is None:
        return {}
    told = configuration.overrides.model_dump(mode="json", exclude_unset=True)["scanners"]
    return {str(scanner["ae_title"]): scanner for scanner in told}


def random_code(choose: Callable[[str], str]) -> str:
    """Return a code to read aloud or type, ``XXXX-XXXX-XXXX-XXXX-XXXX``.

    :param choose: picks a character of a text unpredictably: `secrets.choice`.
    """
    groups = ("".join(choose(CODE_ALPHABET) for _ in range(CODE_GROUP)) for _ in range(CODE_GROUPS))
    return "-".join(groups)


def _plain_code(code: str) -> str:
    """Return a code without what people add or misread (Crockford)."""
    return code.upper().translate(_MISREAD)


def _code_refused() -> Forbidden:
    return Forbidden(
        "the code is unknown, expired, or has been used", where="code", hint="ask an admin for a new one"
    )
