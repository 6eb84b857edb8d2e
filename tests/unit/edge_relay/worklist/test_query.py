"""What a worklist query asks (PS3.4 Annex K): keys, conditions, what is refused."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from edge_relay.worklist.attributes import STEP_SEQUENCE, WORKLIST, Sequence
from edge_relay.worklist.matching import OneOf, PersonName
from edge_relay.worklist.query import Condition, Key, Query, Reading, Window, parse_query
from shared.errors import Rejected
from tests.rigs.worklist import asking, encoded, everything, step

STANDARD = Reading()


def parsed(asked: Dataset, reading: Reading = STANDARD) -> Query:
    return parse_query(encoded(asked), implicit=True, reading=reading)


def keys(query: Query) -> dict[str, Key]:
    def walk(some: tuple[Key, ...]) -> dict[str, Key]:
        found: dict[str, Key] = {}
        for key in some:
            found[key.entry.keyword] = key
            found |= walk(key.children or ())
        return found

    return walk(query.keys)


def test_what_is_asked_for_and_with_which_values() -> None:
    found = keys(parsed(asking(PatientName="DOE*", PatientID="P 1", AccessionNumber="")))
    assert set(found) == {"PatientName", "PatientID", "AccessionNumber"}
    assert isinstance(found["PatientName"].matcher, PersonName)
    assert found["PatientID"].matcher == OneOf(frozenset({"P 1"}))
    assert found["AccessionNumber"].matcher is None


@pytest.mark.parametrize("implicit", [True, False])
def test_both_syntaxes_ask_the_same(implicit: bool) -> None:
    asked = everything()
    asked.PatientName = "Doe"
    assert parse_query(encoded(asked, implicit=implicit), implicit=implicit) == parsed(asked)


@pytest.mark.parametrize("asked", [[], [Dataset()]])
def test_a_sequence_without_keys_asks_for_all_of_its_attributes(asked: list[Dataset]) -> None:
    found = parsed(asking(ScheduledProcedureStepSequence=asked)).keys[0]
    entry = WORKLIST[STEP_SEQUENCE]
    assert isinstance(entry, Sequence)
    assert [key.entry for key in found.children or ()] == list(entry.children.values())


@pytest.mark.parametrize(
    ("terms", "sent", "meant"),
    [
        ("ISO_IR 100", b"M\xfcller", "Müller"),
        ("ISO_IR 192", "Müller".encode(), "Müller"),
        ("\\ISO 2022 IR 87", b"\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "山田^太郎"),
        ("ISO 2022 IR 6\\ISO 2022 IR 149", b"\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "洪^吉洞"),
        ("GB18030", b"\xcd\xf5^\xd0\xa1\xb6\xab", "王^小东"),
        ("", b"M\xfcller", "Müller"),
        ("NO_SUCH_SET", "Müller".encode(), "Müller"),
    ],
)
def test_text_is_read_in_the_querys_own_character_set(terms: str, sent: bytes, meant: str) -> None:
    declared = terms.encode() + b" " * (len(terms) % 2)
    data = b"\x08\x00\x05\x00" + len(declared).to_bytes(4, "little") + declared
    data += b"\x10\x00\x10\x00" + len(sent).to_bytes(4, "little") + sent
    matcher = keys(parse_query(data, implicit=True))["PatientName"].matcher
    assert matcher is not None
    assert matcher(meant)
    assert not matcher("Somebody^Else")


def test_the_conditions_for_the_store_follow_from_the_keys() -> None:
    asked = step(Modality="MR", ScheduledProcedureStepStartDate="20261120-20261122")
    asked.PatientID = "P-*"
    conditions = {c.field: c for c in parsed(asked).conditions}
    assert conditions == {
        "modality": Condition("modality", values=("MR",)),
        "scheduled_start_date": Condition("scheduled_start_date", first="20261120", last="20261122"),
    }


@pytest.mark.parametrize(
    ("combine", "window"), [(True, Window("20261120080000000000", "20261122120059999999")), (False, None)]
)
def test_two_ranges_are_one_window_unless_the_profile_says_otherwise(
    combine: bool, window: Window | None
) -> None:
    asked = step(
        ScheduledProcedureStepStartDate="20261120-20261122", ScheduledProcedureStepStartTime="0800-1200"
    )
    assert parsed(asked, Reading(combine_date_and_time=combine)).window == window


@pytest.mark.parametrize(
    ("asked", "incomplete"),
    [
        (asking(PatientName=""), False),
        (asking(PatientName="", SpecificCharacterSet="ISO_IR 192"), False),
        (asking(PatientName="", PatientReligiousPreference=""), True),
        (asking(PatientName="", PatientAddress=""), False),
        (asking(PatientName="", PatientAddress="*"), False),
        (asking(PatientName="", PatientAge="040Y"), True),
        (asking(PatientName="", PatientWeight="60"), True),
        (step(Modality="", PatientComments=""), True),
    ],
)
def test_an_unsupported_optional_key_is_noticed(asked: Dataset, incomplete: bool) -> None:
    assert parsed(asked).incomplete is incomplete


def test_group_lengths_are_no_keys() -> None:
    data = b"\x10\x00\x00\x00\x04\x00\x00\x00\x08\x00\x00\x00" + encoded(asking(PatientName=""))
    assert not parse_query(data, implicit=True).incomplete


@pytest.mark.parametrize(
    "asked",
    [
        Dataset(),
        asking(SpecificCharacterSet="ISO_IR 192"),
        asking(PatientReligiousPreference="any"),
        asking(ScheduledProcedureStepSequence=[asking(Modality="MR"), asking(Modality="CT")]),
        step(ScheduledProcedureStepStartDate="20261399"),
        step(ScheduledProcedureStepStartDate="-"),
        step(ScheduledProcedureStepStartTime="99"),
        asking(PatientBirthDate="yesterday"),
    ],
)
def test_a_malformed_identifier_is_rejected(asked: Dataset) -> None:
    with pytest.raises(Rejected):
        parsed(asked)


def test_a_value_where_a_sequence_belongs_is_rejected_and_the_other_way_round() -> None:
    value = b"\x40\x00\x00\x01LO\x02\x00A "
    sequence = b"\x10\x00\x10\x00SQ\x00\x00\x00\x00\x00\x00"
    for data in (value, sequence):
        with pytest.raises(Rejected, match="expected"):
            parse_query(data, implicit=False)


def test_queries_can_be_compared() -> None:
    assert parsed(step(Modality="MR")) == parsed(step(Modality="MR"))
    assert parsed(step(Modality="MR")) != parsed(step(Modality="CT"))


@pytest.mark.parametrize(
    ("day", "clock", "holds"),
    [
        ("20261120", "075959", False),
        ("20261120", "080000", True),
        ("20261121", "000000", True),
        ("20261122", "120000", True),
        ("20261122", "120001", False),
    ],
)
def test_an_interval_holds_its_first_and_its_last_moment(day: str, clock: str, holds: bool) -> None:
    assert Window("20261120080000000000", "20261122120000000000").holds(day, clock) is holds


def test_an_interval_without_an_end_has_none() -> None:
    assert Window("20261120080000000000", "").holds("20991231", "235959")
    assert Window("", "20261120080000000000").holds("19700101", "000000")
