"""An attribute list between the wire and the DICOM JSON model; pydicom is the measure."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode as pydicom_decode

from edge_relay.dicom.json_model import decode, encode, selected
from shared.errors import Rejected
from tests.rigs.mpps import attributes, began, completed, discontinued, encoded, put, with_images

SETS = [began(), completed(), discontinued(wrong_entry=True), with_images(3)]


def as_pydicom_has_it(data: bytes, *, implicit: bool) -> dict[str, Any]:
    dataset = pydicom_decode(io.BytesIO(data), implicit, is_little_endian=True)
    return dataset.to_json_dict()


def without_empty_values(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the model without ``"Value": []``, which pydicom writes for an empty sequence."""
    return {
        tag: {
            key: [without_empty_values(item) if isinstance(item, dict) else item for item in value]
            if isinstance(value, list)
            else value
            for key, value in element.items()
            if value != []
        }
        if isinstance(element, dict)
        else element
        for tag, element in attributes.items()
    }


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("dataset", SETS)
def test_it_reads_what_pydicom_reads(dataset: Dataset, implicit: bool) -> None:
    data = encoded(dataset, implicit=implicit)
    found, warnings = decode(data, implicit=implicit)
    assert warnings == ()
    assert found == without_empty_values(as_pydicom_has_it(data, implicit=implicit))


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("dataset", SETS)
def test_it_writes_again_what_it_has_read(dataset: Dataset, implicit: bool) -> None:
    data = encoded(dataset, implicit=implicit)
    found, _ = decode(data, implicit=implicit)
    assert encode(found, implicit=implicit) == data


@pytest.mark.parametrize(
    ("terms", "name"),
    [
        (["ISO_IR 100"], "Müller^Jörg"),
        (["ISO_IR 192"], "山田^太郎"),
        (["GB18030"], "王^小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
        (["ISO_IR 144"], "Люкceмбypг"),
    ],
)
def test_text_is_read_and_written_in_its_character_set(terms: list[str], name: str) -> None:
    dataset = put(began(), SpecificCharacterSet=terms, PatientName=name)
    data = encoded(dataset)
    found, _ = decode(data, implicit=False)
    assert "=".join(found["00100010"]["Value"][0].values()) == name
    again = as_pydicom_has_it(encode(found, implicit=False), implicit=False)
    assert again["00100010"] == found["00100010"]


def test_what_a_character_set_cannot_carry_is_sent_in_utf_8_and_declared() -> None:
    step = attributes(put(began(), SpecificCharacterSet="ISO_IR 100"))
    step["00400254"] = {"vr": "LO", "Value": ["脳"]}
    again, _ = decode(encode(step, implicit=False), implicit=False)
    assert again["00080005"]["Value"] == ["ISO_IR 192"]
    assert again["00400254"]["Value"] == ["脳"]


NUMBERS = {
    "SS": st.integers(-(2**15), 2**15 - 1),
    "UL": st.integers(0, 2**32 - 1),
    "FD": st.floats(-1e9, 1e9),
}
LINES = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\\=^\x7f"), min_size=1
)


@st.composite
def elements(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    kinds = ["LO", "LT", "AT", "OB", "DS", *NUMBERS] + (["SQ"] if depth else [])
    found: dict[str, Any] = {}
    for number in range(draw(st.integers(0, 4))):
        vr = draw(st.sampled_from(kinds))
        # private, so that implicit VR would not know them: only explicit is written here
        found[f"0011{0x1000 + number:04X}"] = {"vr": vr} | draw(values(vr, depth))
    return found


@st.composite
def values(draw: st.DrawFn, vr: str, depth: int) -> dict[str, Any]:
    if vr == "OB":
        return {"InlineBinary": "AAE="} if draw(st.booleans()) else {}
    one: st.SearchStrategy[Any] = {
        "SQ": elements(depth - 1) if vr == "SQ" else st.nothing(),
        "LO": LINES,
        "LT": LINES.map(lambda text: text + "\\" + text),
        "AT": st.sampled_from(["00100010", "00080060"]),
        "DS": st.sampled_from(["1.50", "-3", "1e3"]),
        **NUMBERS,
    }[vr]
    found = draw(st.lists(one, max_size=1 if vr == "LT" else 3))
    return {"Value": found} if found else {}


@given(elements())
def test_whatever_is_written_is_read_again(step: dict[str, Any]) -> None:
    declared = {"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}, **step}
    assert decode(encode(declared, implicit=False), implicit=False) == (declared, ())


@given(st.binary(max_size=200), st.booleans())
def test_junk_is_read_or_rejected(data: bytes, implicit: bool) -> None:
    try:
        found, _ = decode(data, implicit=implicit)
    except Rejected:
        return
    encode(found, implicit=implicit)


@given(st.sampled_from(SETS), st.data())
def test_a_damaged_data_set_is_read_or_rejected(dataset: Dataset, data: st.DataObject) -> None:
    whole = bytearray(encoded(dataset))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        found, _ = decode(cut, implicit=False)
    except Rejected:
        return
    encode(found, implicit=False)


def test_a_number_of_half_its_bytes_is_left_out_and_the_rest_kept() -> None:
    odd = b"\x10\x00\xc0\x21US\x02\x00\x01\x00" + b"\x10\x00\xc1\x21US\x03\x00abc"
    found, warnings = decode(odd, implicit=False)
    assert found == {"001021C0": {"vr": "US", "Value": [1]}}
    assert warnings == ("element (0010,21C1) could not be read and was left out",)


def test_text_too_long_for_its_vr_is_written_as_unknown() -> None:
    step = {"00400254": {"vr": "LO", "Value": ["x" * 70_000]}}
    again, _ = decode(encode(step, implicit=False), implicit=False)
    assert again == step  # the dictionary knows better than UN


def test_selecting_brings_the_character_set_and_names_what_is_not_held() -> None:
    step = attributes(began())
    found, lacking = selected(step, (0x00100010, 0x00400252, 0x00189999))
    assert list(found) == ["00080005", "00100010", "00400252"]
    assert lacking == (0x00189999,)
