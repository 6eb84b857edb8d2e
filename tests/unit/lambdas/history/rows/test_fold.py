from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.history.facts.fact import EntryFact, Fact, HeartbeatFact, Part, ScannerFact, SyncFact, ToldFact
from lambdas.history.rows.fold import Folded, fold
from lambdas.history.rows.state import SiteState, Study
from shared.errors import Rejected

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def entry(number: int, *exams: Part, steps: tuple[Part, ...] = (), minutes: float | None = None) -> EntryFact:
    at = AT + MINUTE * (number if minutes is None else minutes)
    return EntryFact(
        site="north", number=number, mark=f"m{number}", at=at, by="source", exams=exams, steps=steps
    )


def exam(key: str = "e", action: str = "created", **fields: Any) -> Part:
    planned = {"scheduled_start_date": "20261122", "scheduled_start_time": "093000"}
    known = {"source": "study", "scheduled_station_aetitle": "MR1", **planned} if action == "created" else {}
    return Part(subject=key, action=action, fields={**known, **fields}, participant="p", shift_days=7)


def folded(*facts: Fact, before: SiteState | None = None, **studies: Study) -> Folded:
    return fold("north", before or SiteState(), facts, studies)


LIFE = (
    entry(1, exam()),
    entry(2, exam(action="changed", protocol_name="T2")),
    entry(3, exam("f")),
    entry(4, exam(action="removed")),
    ToldFact(site="north", chain="write-back", number=1, at=AT, by="write-back", action="told", step="x"),
)


@given(st.permutations([*LIFE, *LIFE]), st.integers(0, 4))
def test_order_and_repetition_of_facts_change_nothing(facts: list[Fact], first: int) -> None:
    assert folded(*facts) == folded(*LIFE)
    taken = folded(*LIFE[:first])
    rest = folded(*facts, before=taken.state)
    assert taken.rows["exams"] + rest.rows["exams"] == folded(*LIFE).rows["exams"]


def test_a_missing_entry_stops_the_fold_until_it_comes() -> None:
    stopped = folded(LIFE[0], LIFE[2])
    assert (len(stopped.rows["exams"]), stopped.missing) == (1, 2)
    later = folded(*LIFE[:3], before=stopped.state)
    assert ([row["exam"] for row in later.rows["exams"]], later.missing) == (["e", "f"], None)


def test_two_entries_with_one_number_are_refused() -> None:
    with pytest.raises(Rejected, match="two different entries have number 1"):
        folded(entry(1, exam()), entry(1, exam()).model_copy(update={"mark": "other"}))


def test_time_never_goes_back_along_the_chain() -> None:
    rows = folded(entry(1, exam(), minutes=2), entry(2, exam("f"), minutes=1)).rows["exams"]
    assert [row["known_at"].minute for row in rows] == [2, 2]


def test_a_version_counts_up_by_exam() -> None:
    rows = folded(*LIFE).rows["exams"]
    assert [(row["exam"], row["version"]) for row in rows] == [("e", 1), ("e", 2), ("f", 1), ("e", 3)]


def test_the_state_before_stays_as_it_was() -> None:
    before = SiteState()
    folded(*LIFE, before=before)
    assert before == SiteState()


def beat(minutes: float, *, pulled: float, asked: float | None = None, scanner: str = "MR1") -> HeartbeatFact:
    asked_at = None if asked is None else AT + MINUTE * asked
    told = ScannerFact(scanner=scanner, asked_at=asked_at)
    return HeartbeatFact(
        site="north", relay="r", at=AT + MINUTE * minutes, pulled_at=AT + MINUTE * pulled, scanners=(told,)
    )


@pytest.mark.parametrize(
    ("beats", "shown"),
    [
        ([beat(3, pulled=2, asked=2.5)], 2.5),
        ([beat(3, pulled=0, asked=2.5)], None),  # the relay did not have it yet
        ([beat(3, pulled=2, asked=1.5)], None),  # the scanner had asked before
        ([beat(3, pulled=2, asked=2.5, scanner="MR2")], None),  # another scanner
        ([beat(3, pulled=2), beat(4, pulled=3.5, asked=3)], 3),  # had it since minute 2
        ([beat(3, pulled=2, asked=2.5), beat(5, pulled=4, asked=4)], 2.5),  # the first counts
    ],
)
def test_an_exam_was_shown_when_its_scanner_asked_a_relay_that_had_it(
    beats: list[HeartbeatFact], shown: float | None
) -> None:
    rows = folded(entry(1, exam()), *beats, entry(2, exam(action="changed"), minutes=9)).rows["exams"]
    expected = None if shown is None else (AT + MINUTE * shown).replace(tzinfo=None)
    assert rows[-1]["first_shown_at"] == expected


def sync(minutes: float, *unshown: str) -> SyncFact:
    return SyncFact(site="north", study="study", at=AT + MINUTE * minutes, outcome="ok", unshown=unshown)


def test_a_row_counts_as_unshown_since_it_was_last_shown_to_be_right() -> None:
    facts = (sync(0, "e"), sync(1), sync(2, "e"), sync(3, "e"), entry(1, exam(), minutes=5))
    [row] = folded(*facts).rows["exams"]
    assert row["unshown_minutes"] == 3
    assert row["listed_at"] - row["row_seen_at"] == 3 * MINUTE


def step(action: str = "reported", exams: tuple[str, ...] | None = None, **more: Any) -> Part:
    fields = {"status": "IN_PROGRESS", "calling_aetitle": "MR1"} if action == "reported" else {}
    return Part(subject="x", action=action, fields=fields, exams=exams, **more)


def test_a_report_of_a_step_tells_redcap_anew() -> None:
    told = ToldFact(
        site="north", chain="w", number=1, at=AT + MINUTE * 1.5, by="write-back", action="told", step="x"
    )
    first, second, third = folded(entry(1, steps=(step(),)), told, entry(2, steps=(step(),))).rows["steps"]
    assert (first["told_at"], third["told_at"]) == (None, None)
    assert (second["because"], second["told_at"]) == ("told", second["known_at"])


def test_a_step_that_began_before_the_audit_trail_is_left_out() -> None:
    assert folded(entry(1, steps=(step("linked", linked="e"),))).rows["steps"] == []


SHIFTED = Study(zone=UTC, shifted=True, sites=frozenset({"north"}))


def test_every_date_of_a_shifted_study_is_moved() -> None:
    facts = (
        entry(1, exam()),
        entry(2, exam(action="changed", protocol_name="T2"), steps=(step(exams=("e",)),)),
    )
    true, moved = folded(*facts).rows, folded(*facts, study=SHIFTED).rows
    for table in ("exams", "steps", "changes"):
        for was, now in zip(true[table], moved[table], strict=True):
            times = [name for name, value in was.items() if isinstance(value, datetime)]
            assert times
            assert {now[name] - was[name] for name in times} == {timedelta(days=7)}
            assert now["day"] - was["day"] == timedelta(days=7)


def test_a_step_of_no_exam_would_give_the_shift_away_and_is_left_out() -> None:
    facts = (entry(1, exam()), entry(2, steps=(step(),)), entry(3, steps=(step("linked", linked="e"),)))
    assert [row["because"] for row in folded(*facts).rows["steps"]] == ["reported", "linked"]
    assert [row["because"] for row in folded(*facts, study=SHIFTED).rows["steps"]] == ["linked"]


def test_a_change_says_who_owns_the_field_since() -> None:
    changed = exam(action="changed", status_owner="mpps", edited=["protocol_name"]).model_copy(
        update={
            "changed": tuple(
                (name, "", "h") for name in ("performed_procedure_step_status", "protocol_name", "modality")
            )
        }
    )
    rows = folded(entry(1, exam()), entry(2, changed)).rows["changes"]
    assert [row["owner"] for row in rows] == ["mpps", "person", "source"]
