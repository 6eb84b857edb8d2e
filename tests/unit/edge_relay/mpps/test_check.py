"""What is wrong with an MPPS message, and which status a strict scanner is refused with for it."""

from __future__ import annotations

import pytest

from edge_relay.mpps.check import STATUSES, Flaw, Kind, flaws_at_end, flaws_of, in_words, refusal_for
from shared.steps.procedure_step import DataSetJson, EventKind
from tests.rigs.mpps import attributes, began, completed

CREATE, SET = EventKind.N_CREATE, EventKind.N_SET
BEGAN = attributes(began())


def without(*tags: str) -> DataSetJson:
    return {tag: element for tag, element in BEGAN.items() if tag not in tags}


def element(vr: str, *values: object) -> dict[str, object]:
    return {"vr": vr, "Value": list(values)}


def test_a_message_as_the_standard_wants_it_has_no_flaw() -> None:
    assert flaws_of(CREATE, BEGAN) == ()
    assert flaws_of(SET, attributes(completed())) == ()


def test_what_is_not_there_is_missing_and_what_says_nothing_is_empty() -> None:
    assert flaws_of(CREATE, without("00400253")) == (Flaw(Kind.MISSING, "PerformedProcedureStepID"),)
    for nothing in ({"vr": "SH"}, element("SH", ""), element("SH", None)):
        found = flaws_of(CREATE, {**BEGAN, "00400253": nothing})
        assert found == (Flaw(Kind.EMPTY, "PerformedProcedureStepID"),)


def test_what_may_be_empty_may_not_be_missing() -> None:
    assert flaws_of(CREATE, {**BEGAN, "00100010": {"vr": "PN"}}) == ()
    assert flaws_of(CREATE, without("00100010")) == (Flaw(Kind.MISSING, "PatientName"),)


def test_within_a_sequence_the_place_is_named() -> None:
    wrong = {**BEGAN, "00400270": element("SQ", {"0020000D": element("UI", "")})}
    found = flaws_of(CREATE, wrong)
    assert Flaw(Kind.EMPTY, "ScheduledStepAttributesSequence>StudyInstanceUID") in found
    assert Flaw(Kind.MISSING, "ScheduledStepAttributesSequence>AccessionNumber") in found


def test_a_sequence_of_no_items_is_invalid() -> None:
    found = flaws_of(CREATE, {**BEGAN, "00400270": element("LO", "text")})
    assert Flaw(Kind.INVALID, "ScheduledStepAttributesSequence") in found


def test_what_may_not_be_set_is_not_allowed_even_if_it_is_empty() -> None:
    assert flaws_of(SET, {"00100010": {"vr": "PN"}}) == (Flaw(Kind.NOT_ALLOWED, "PatientName"),)


def test_the_same_flaw_twice_is_told_once() -> None:
    twice = {**BEGAN, "00400270": element("SQ", {}, {})}
    found = flaws_of(CREATE, twice)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("day", "clock", "legal"),
    [
        ("20261122", "0931", True),
        ("20261122", "", True),
        ("", "0931", True),
        ("", "", True),
        ("20260230", "0931", False),
        ("20261122", "2561", False),
        ("", "noon", False),
        ("soon", "", False),
    ],
)
def test_an_end_must_be_a_moment_if_it_is_given(day: str, clock: str, legal: bool) -> None:
    asked = {"00400250": element("DA", day), "00400251": element("TM", clock)}
    found = [flaw for flaw in flaws_of(SET, asked) if flaw.kind is Kind.INVALID]
    assert (found == []) is legal


def test_a_status_must_be_one() -> None:
    flaw = Flaw(Kind.INVALID, "PerformedProcedureStepStatus")
    assert flaw in flaws_of(SET, {"00400252": element("CS", "DONE")})
    assert flaw not in flaws_of(SET, {"00400252": element("CS", "COMPLETED")})


def test_at_the_end_a_step_lacks_what_its_messages_together_lack() -> None:
    lacking = {flaw.attribute for flaw in flaws_at_end(BEGAN)}
    assert lacking >= {
        "PerformedProcedureStepEndDate",
        "PerformedProcedureStepEndTime",
        "PerformedSeriesSequence",
    }
    assert flaws_at_end({**BEGAN, **attributes(completed())}) == ()


def test_a_refusal_is_of_the_first_kind_and_names_its_attributes() -> None:
    flaws = [Flaw(Kind.INVALID, "C"), Flaw(Kind.MISSING, "A"), Flaw(Kind.MISSING, "B")]
    refusal = refusal_for(CREATE, flaws)
    assert refusal is not None
    assert (refusal.status, refusal.comment) == (0x0120, "missing: A, B")
    assert refusal_for(CREATE, []) is None


@pytest.mark.parametrize(
    ("kind", "flaw", "status"),
    [
        (CREATE, Kind.MISSING, 0x0120),
        (CREATE, Kind.EMPTY, 0x0121),
        (CREATE, Kind.INVALID, 0x0106),
        (SET, Kind.NOT_ALLOWED, 0x0105),
        (SET, Kind.MISSING, 0x0121),
        (SET, Kind.EMPTY, 0x0121),
        (SET, Kind.INVALID, 0x0106),
    ],
)
def test_every_kind_of_flaw_has_the_standards_status(kind: EventKind, flaw: Kind, status: int) -> None:
    assert STATUSES[kind, flaw] == status


def test_words_come_one_sentence_a_kind_in_the_order_of_refusal() -> None:
    flaws = [
        Flaw(Kind.INVALID, "C"),
        Flaw(Kind.EMPTY, "B"),
        Flaw(Kind.NOT_ALLOWED, "A"),
        Flaw(Kind.EMPTY, "D"),
    ]
    assert list(in_words(flaws).values()) == ["not allowed: A", "empty: B, D", "invalid: C"]
