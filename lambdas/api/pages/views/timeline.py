"""Why somebody is on the scanner's list or not: a sentence, and the way from REDCap and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lambdas.api.pages.views.day import told
from lambdas.api.pages.views.site import SiteState
from lambdas.api.pages.views.words import SILENT_SECONDS, State, clock_time, day_of, state_of
from lambdas.store.ownership import StoredItem
from lambdas.store.unfinished_write_backs import PerformedStep
from lambdas.sync.scanner_view import ScannerView
from shared.scanners.shown_items import ShownTo
from shared.worklist_item import OPEN_STATUSES, Status

Reached = Literal["yes", "no", "problem"]


class Station(NamedTuple):
    """One station on the way; ``reached`` is also said in the words of ``said``."""

    label: str
    reached: Reached
    said: str


@dataclass(frozen=True)
class Answer:
    """What is said of one exam."""

    sentence: str
    on_list: bool
    stations: tuple[Station, ...]


def answer(
    state: SiteState,
    stored: StoredItem,
    steps: Sequence[PerformedStep],
    views: Iterable[ScannerView],
    name: str,
    shown: Sequence[ShownTo] = (),
) -> Answer:
    """Return what to say of an exam.

    :param views: what each scanner of the site would be shown of this one exam.
    :param name: the participant's, as the reader may see it.
    :param shown: which scanners were shown it, as relays tell.
    """
    item = stored.item
    where = state_of(item, [each.step for each in steps], state.local_now)
    shown_by = tuple(views)
    on_list = any(view.count for view in shown_by)
    return Answer(
        sentence=_sentence(state, stored, name, where, shown_by),
        on_list=on_list,
        stations=(
            _saved(state, stored),
            Station("Read by mwl-relay", "yes", _read(state, stored)),
            _at_relay(state),
            _at_scanner(state, stored, shown_by, shown),
            *_scanned(stored, steps),
            _back(item.source, steps),
        ),
    )


def _sentence(
    state: SiteState, stored: StoredItem, name: str, where: State, views: Sequence[ScannerView]
) -> str:
    item = stored.item
    booked = f"{name} is booked for {_when(state, stored)} on {item.scheduled_station_aetitle}"
    status = item.performed_procedure_step_status
    if status not in OPEN_STATUSES:
        ended = {
            Status.CANCELLED: "the exam is cancelled",
            Status.NO_SHOW: "the exam is marked as did not come",
            Status.COMPLETED: f"the exam is {where.words}",
            Status.DISCONTINUED: f"the exam was {where.words}",
        }[status]
        return f"{booked}. Scanners do not show it, because {ended}."
    shown = [view.ae_title for view in views if view.count]
    if shown:
        return f"{booked}, and is on the list of {', '.join(shown)}."
    if any(view.withheld for view in views):
        return f"{booked}. The scanner cannot show it: its character set lacks letters of the name or id."
    if not views:
        return f"{booked}. No scanner of this site has asked for its list yet."
    return f"{booked}. No scanner shows it on that day: their lists hold the days and stations set for them."


def _when(state: SiteState, stored: StoredItem) -> str:
    day = stored.item.scheduled_start_date
    said = "today" if day == state.today else day_of(day)
    return f"{said} at {clock_time(stored.item.scheduled_start_time)}"


def _saved(state: SiteState, stored: StoredItem) -> Station:
    item, timing = stored.item, stored.timing
    if not item.source:
        return Station("Booked", "yes", "by hand, not in REDCap")
    said = f"{item.source}, record {item.source_record}"
    if timing.saved_at:
        said += f", {'at' if timing.saved_exactly else 'not before'} {state.said_at(timing.saved_at)}"
    return Station("Saved in REDCap", "yes", said)


def _read(state: SiteState, stored: StoredItem) -> str:
    own = [each for each in state.sources if each.source_id == stored.item.source]
    report, listed = own[0].state.report if own else None, stored.timing.listed_at
    since = f"on the list as planned since {state.said_at(listed)}" if listed else "on the list"
    if report is None:
        return since
    read = f"REDCap was last read at {state.said_at(report.finished_at)}"
    return f"{since}; {read}" if listed else read


def _at_relay(state: SiteState) -> Station:
    label = "The relay has it"
    if not state.relays:
        return Station(label, "problem", "no relay serves this site yet")
    said, fine = [], False
    for relay, heartbeat in state.relays:
        taken = heartbeat.health.pull.succeeded_at if heartbeat else None
        if heartbeat is None or taken is None:
            said.append(f"{relay.name} has taken no list yet")
        elif (state.now - heartbeat.seen_at).total_seconds() > SILENT_SECONDS:
            said.append(f"{relay.name} is silent since {state.said_at(heartbeat.seen_at)}")
        else:
            fine = True
            said.append(f"{relay.name} took the list at {state.said_at(taken)}")
    return Station(label, "yes" if fine else "problem", "; ".join(said))


def _at_scanner(
    state: SiteState, stored: StoredItem, views: Sequence[ScannerView], shown: Sequence[ShownTo]
) -> Station:
    label = "Shown to the scanner"
    if shown:
        ordered = sorted(shown, key=lambda to: (to.first_at, to.ae_title))
        return Station(label, "yes", "; ".join(_shown(state, to) for to in ordered))
    if stored.item.performed_procedure_step_status not in OPEN_STATUSES:
        return Station(label, "no", "not any more")
    showing = [view.ae_title for view in views if view.count]
    if not showing:
        return Station(label, "problem" if views else "no", "by no scanner")
    asked = [(title, state.last_query(title)) for title in showing]
    said = [f"{title} asked at {state.said_at(when)}" for title, when in asked if when]
    return Station(label, "yes" if said else "no", "; ".join(said) or "no scanner has asked yet")


def _shown(state: SiteState, to: ShownTo) -> str:
    first, last = state.said_at(to.first_at), state.said_at(to.last_at)
    again = "" if to.times == 1 else f", {to.times} times until {last}"
    return f"{to.ae_title} saw it at {first}{again}"


def _scanned(stored: StoredItem, steps: Sequence[PerformedStep]) -> Iterable[Station]:
    started = min((each.step.started_at for each in steps if each.step.started_at), default=None)
    ended = max((each.step.ended_at for each in steps if each.step.ended_at), default=None)
    running = stored.item.performed_procedure_step_status is Status.IN_PROGRESS
    where = ", ".join(sorted({each.step.station_aetitle for each in steps} - {""}))
    began = f"at {started:%H:%M} on {where}" if started else "not yet"
    yield Station("Started", "yes" if started else "no", began)
    over = bool(ended) and not running
    yield Station("Ended", "yes" if over else "no", f"at {ended:%H:%M}" if ended and over else "not yet")


def _back(source: str, steps: Sequence[PerformedStep]) -> Station:
    said = told(source, steps)
    notes = "; ".join(dict.fromkeys(each.note for each in steps if each.note and each.write_back != "done"))
    if not said:
        return Station("REDCap told", "no", "nothing to tell yet" if source else "not from REDCap")
    reached: Reached = "problem" if "refuses" in said else "yes" if said == "in REDCap" else "no"
    return Station("REDCap told", reached, f"{said}: {notes}" if notes else said)
