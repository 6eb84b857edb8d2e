"""The reader of encoded identifiers: agrees with pydicom, and answers anything else with Rejected."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from edge_relay.dicom.elements import Element, read
from edge_relay.worklist.query import parse_query
from shared.errors import Rejected
from tests.rigs.worklist import asking, encoded, everything

NAME, STEP, CODES, SOME_UN = 0x00100010, 0x00400100, 0x00400008, 0x00091001
UNDEFINED = 0xFFFFFFFF


def explicit(tag: int, vr: str, value: bytes) -> bytes:
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in {"SQ", "UN", "UT"}:
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def an_item(content: bytes, length: int | None = None) -> bytes:
    return implicit(0xFFFEE000, content, length)


ITEM_END = implicit(0xFFFEE00D, b"")
SEQUENCE_END = implicit(0xFFFEE0DD, b"")


@pytest.mark.parametrize("syntax", [True, False])
def test_values_stay_as_they_were_sent(syntax: bool) -> None:
    elements = read(encoded(asking(PatientName="Doe", PatientID=""), implicit=syntax), implicit=syntax)
    assert elements == {NAME: Element("PN", b"Doe "), 0x00100020: Element("LO", b"")}


@pytest.mark.parametrize(
    "sequence",
    [
        implicit(STEP, an_item(implicit(NAME, b"A "))),
        implicit(STEP, an_item(implicit(NAME, b"A ")) + SEQUENCE_END, UNDEFINED),
        implicit(STEP, an_item(implicit(NAME, b"A ") + ITEM_END, UNDEFINED)),
        implicit(STEP, an_item(implicit(NAME, b"A ") + ITEM_END, UNDEFINED) + SEQUENCE_END, UNDEFINED),
    ],
)
def test_lengths_may_be_given_or_left_to_delimiters(sequence: bytes) -> None:
    elements = read(sequence + implicit(0x00401001, b"R "), implicit=True)
    assert elements[STEP].items == ({NAME: Element("PN", b"A ")},)
    assert elements[0x00401001].value == b"R "


def test_unknown_vr_stands_for_the_one_of_the_dictionary() -> None:
    inner = an_item(implicit(NAME, b"A "))
    elements = read(explicit(NAME, "UN", b"A ") + explicit(STEP, "UN", inner), implicit=False)
    assert elements[NAME] == Element("PN", b"A ")
    assert elements[STEP].items == ({NAME: Element("PN", b"A ")},)


@pytest.mark.parametrize(
    ("data", "in_implicit"),
    [
        (b"\x10\x00\x10", True),
        (implicit(NAME, b"Doe ")[:-1], True),
        (implicit(NAME, b"Doe ") + b"\0\0\0\0", True),
        (implicit(NAME, b"A ", 0xFFFFFFF0), True),
        (implicit(NAME, b"A ", UNDEFINED), True),
        (implicit(NAME, b"A ") * 2, True),
        (an_item(b""), True),
        (ITEM_END, True),
        (implicit(STEP, implicit(NAME, b"A ")), True),
        (implicit(STEP, an_item(b"", 400)), True),
        (implicit(STEP, an_item(b""), UNDEFINED), True),
        (implicit(STEP, an_item(implicit(NAME, b"A "), UNDEFINED)), True),
        (implicit(STEP, b"\xfe\xff\x00"), True),
        (b"\x10\x00\x10\x00??\x00\x00", False),
        (b"\x10\x00\x10\x00UT\x00\x00", False),
        (b"\x10\x00\x10\x00UT\x00\x00\x00\x00", False),
    ],
)
def test_whatever_does_not_add_up_is_rejected(data: bytes, in_implicit: bool) -> None:
    with pytest.raises(Rejected):
        read(data, implicit=in_implicit)


def test_depth_is_bounded() -> None:
    def nested(levels: int) -> bytes:
        return implicit(STEP, an_item(nested(levels - 1))) if levels else b""

    assert read(nested(16), implicit=True)
    with pytest.raises(Rejected, match="deep"):
        read(nested(17), implicit=True)


def test_the_number_of_elements_is_bounded() -> None:
    many = b"".join(implicit(0x00110000 + number, b"") for number in range(1, 12))
    assert len(read(many, implicit=True, most_elements=11)) == 11
    with pytest.raises(Rejected, match="too many"):
        read(many, implicit=True, most_elements=10)


def test_a_message_full_of_elements_is_refused_at_once() -> None:
    items = implicit(STEP, an_item(b"") * 130_000)
    began = thread_time()
    with pytest.raises(Rejected):
        read(items, implicit=True)
    assert thread_time() - began < 10  # it never takes long; a collection of garbage may


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"), max_size=20)
FLAT = st.fixed_dictionaries(
    {}, optional={"PatientName": TEXT, "PatientID": TEXT, "AccessionNumber": TEXT, "ImageComments": TEXT}
)


def a_dataset(parts: tuple[dict[str, str], list[dict[str, str]]]) -> Dataset:
    flat, items = parts
    return asking(**flat, ScheduledProcedureStepSequence=[asking(**each) for each in items])


DATASETS = st.tuples(FLAT, st.lists(FLAT, max_size=3)).map(a_dataset)


def as_pydicom_has_it(dataset: Dataset) -> dict[int, Element]:
    found: dict[int, Element] = {}
    for element in dataset:
        if element.VR == "SQ":
            found[int(element.tag)] = Element("SQ", b"", tuple(map(as_pydicom_has_it, element.value)))
        else:
            text = str(element.value).encode()
            found[int(element.tag)] = Element(element.VR, text + b" " * (len(text) % 2))
    return found


@given(dataset=DATASETS, syntax=st.booleans(), undefined=st.booleans())
def test_it_reads_what_pydicom_writes(dataset: Dataset, syntax: bool, undefined: bool) -> None:
    sequence = dataset["ScheduledProcedureStepSequence"]
    sequence.is_undefined_length = undefined
    for each in sequence.value:
        each.is_undefined_length_sequence_item = undefined
    assert read(encoded(dataset, implicit=syntax), implicit=syntax) == as_pydicom_has_it(dataset)


def size(elements: Mapping[int, Element]) -> int:
    return sum(1 + sum(map(size, element.items or ())) for element in elements.values())


def survives(data: bytes, syntax: bool) -> None:
    began = thread_time()
    try:
        elements = read(data, implicit=syntax)
        assert size(elements) <= len(data) // 8
        parse_query(data, implicit=syntax)
    except Rejected:
        pass
    assert thread_time() - began < 1


@settings(max_examples=500)
@given(data=st.binary(max_size=200), syntax=st.booleans())
def test_any_bytes_are_read_or_rejected(data: bytes, syntax: bool) -> None:
    survives(data, syntax)


WHOLE = {syntax: encoded(everything(), implicit=syntax) for syntax in (True, False)}
CHANGES = st.lists(
    st.tuples(st.sampled_from(["set", "cut", "insert"]), st.integers(0, 1000), st.binary(max_size=6)),
    min_size=1,
    max_size=4,
)


@pytest.mark.slow
@settings(max_examples=500)
@given(changes=CHANGES, syntax=st.booleans(), read_as=st.booleans())
def test_a_damaged_query_is_read_or_rejected(
    changes: list[tuple[str, int, bytes]], syntax: bool, read_as: bool
) -> None:
    data = WHOLE[syntax]
    for what, where, replacement in changes:
        at = where % (len(data) + 1)
        rest = {"set": at + len(replacement), "cut": at + 2 * len(replacement), "insert": at}[what]
        data = data[:at] + (b"" if what == "cut" else replacement) + data[rest:]
    survives(data, read_as)
