"""Text that is legal DICOM, or refused with a reason that does not quote it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.dicom import dicom_text
from shared.errors import Rejected


@pytest.mark.parametrize(
    ("parse", "written", "stored"),
    [
        (dicom_text.parse_date, "2026-11-22", "20261122"),
        (dicom_text.parse_date, "20240229", "20240229"),
        (dicom_text.parse_date, date(987, 1, 2), "09870102"),
        (dicom_text.parse_time, "09:30", "093000"),
        (dicom_text.parse_time, "0930", "093000"),
        (dicom_text.parse_time, "09:30:15.25", "093015"),
        (dicom_text.parse_time, time(23, 59, 1), "235901"),
        (dicom_text.parse_person_name, " Núñez ^ Zoë ^^^ ", "Núñez^Zoë"),
        (dicom_text.parse_person_name, "Yamada^Tarou=山田^太郎=", "Yamada^Tarou=山田^太郎"),
        (dicom_text.parse_person_name, "e\u0301", "é"),
        (dicom_text.parse_text, " one\ntwo \r\n\r\nthree\t", "one\r\ntwo\r\n\r\nthree"),
        (dicom_text.parse_short_string, "007", "007"),
        (dicom_text.parse_ae_title, " MR1 ", "MR1"),
        (dicom_text.parse_code_string, "mr", "MR"),
        (dicom_text.parse_uid, "2.25.0", "2.25.0"),
        (dicom_text.parse_decimal, "070.50", "70.5"),
        (dicom_text.parse_decimal, 100, "100"),
        (dicom_text.parse_decimal, 68.0388555, "68.039"),
    ],
)
def test_what_people_write_becomes_the_one_stored_form(
    parse: Callable[[object], str], written: object, stored: str
) -> None:
    assert parse(written) == stored


@pytest.mark.parametrize(
    ("parse", "wrong"),
    [
        (dicom_text.parse_date, "2026-02-30"),
        (dicom_text.parse_date, "22.11.2026"),
        (dicom_text.parse_date, "-99"),
        (dicom_text.parse_date, None),
        (dicom_text.parse_time, "24:00"),
        (dicom_text.parse_time, "9h30"),
        (dicom_text.parse_person_name, "a" * 65),
        (dicom_text.parse_person_name, "a^b^c^d^e^f"),
        (dicom_text.parse_person_name, "a=b=c=d"),
        (dicom_text.parse_person_name, "back\\slash"),
        (dicom_text.parse_long_string, "two\nlines"),
        (dicom_text.parse_long_string, "x" * 65),
        (dicom_text.parse_short_string, "x" * 17),
        (dicom_text.parse_ae_title, ""),
        (dicom_text.parse_ae_title, "SCÄNNER"),
        (dicom_text.parse_code_string, "M-R"),
        (dicom_text.parse_uid, "1.2.840.10008.3.1"),
        (dicom_text.parse_uid, "1.02.3"),
        (dicom_text.parse_uid, "1." + "2" * 63),
        (dicom_text.parse_decimal, "0"),
        (dicom_text.parse_decimal, "-70"),
        (dicom_text.parse_decimal, "NaN"),
        (dicom_text.parse_decimal, "1e12"),
        (dicom_text.parse_decimal, "0.0001"),
    ],
)
def test_what_does_not_fit_is_rejected_without_being_quoted(
    parse: Callable[[object], str], wrong: object
) -> None:
    with pytest.raises(Rejected) as caught:
        parse(wrong)
    if isinstance(wrong, str) and len(wrong) > 3:
        assert wrong not in str(caught.value)


def test_uids_next_to_the_standards_root_are_allowed_and_the_root_is_not() -> None:
    with pytest.raises(Rejected):
        dicom_text.parse_uid("1.2.840.10008")
    assert dicom_text.parse_uid("1.2.840.100080.1") == "1.2.840.100080.1"


def test_a_uid_in_use_may_lie_anywhere_but_must_be_one() -> None:
    assert dicom_text.parse_uid_in_use("1.2.840.10008.3.1") == "1.2.840.10008.3.1"
    with pytest.raises(Rejected):
        dicom_text.parse_uid_in_use("1.02.3")


@pytest.mark.parametrize(
    "parse",
    [
        dicom_text.parse_date,
        dicom_text.parse_time,
        dicom_text.parse_person_name,
        dicom_text.parse_long_string,
        dicom_text.parse_short_string,
        dicom_text.parse_ae_title,
        dicom_text.parse_code_string,
        dicom_text.parse_uid,
        dicom_text.parse_uid_in_use,
        dicom_text.parse_decimal,
    ],
)
@given(text=st.text(max_size=80))
def test_any_text_is_parsed_to_a_fixed_point_or_rejected(parse: Callable[[object], str], text: str) -> None:
    try:
        stored = parse(text)
    except Rejected:
        return
    assert parse(stored) == stored


@given(st.datetimes())
def test_every_date_and_time_survives(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    day = dicom_text.parse_date(whole.date())
    clock = dicom_text.parse_time(whole.time())
    assert dicom_text.parse_date_time(day, clock) == whole


def test_a_scanners_short_or_fractional_time_is_read() -> None:
    assert dicom_text.parse_date_time("20261122", "0931") == datetime(2026, 11, 22, 9, 31)
    assert dicom_text.parse_date_time("20261122", "093105.123456") == datetime(2026, 11, 22, 9, 31, 5)


@given(
    st.from_regex(r"[0-9]{8}", fullmatch=True),
    st.from_regex(r"[0-9]{2}([0-9]{2}([0-9]{2})?)?", fullmatch=True),
)
def test_digits_name_the_moment_that_their_date_and_their_time_name(day: str, clock: str) -> None:
    padded = clock.ljust(6, "0")
    if padded == "240000":
        padded = "235959"
    try:
        dicom_text.parse_date(day)
        dicom_text.parse_time(padded)
    except Rejected:
        with pytest.raises(Rejected):
            dicom_text.parse_date_time(day, clock)
    else:
        said = f"{dicom_text.parse_date_time(day, clock):%Y%m%d%H%M%S}".zfill(14)
        assert said == dicom_text.parse_date(day) + dicom_text.parse_time(padded)


CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
HALVES = [chr(0xD800), chr(0xDFFF)]
NOT_PRINTABLE_BUT_ALLOWED = [
    "\u00a0",
    "\u00ad",
    "\u200b",
    "\u200d",
    "\u2028",
    "\u3000",
    "\ue000",
    "\U000e0001",
]
LINES = [dicom_text.parse_person_name, dicom_text.parse_long_string, dicom_text.parse_short_string]


@pytest.mark.parametrize("parse", LINES)
@pytest.mark.parametrize("refused", [*CONTROLS, *HALVES])
def test_a_control_character_or_half_a_character_within_a_line_is_refused(
    parse: Callable[[object], str], refused: str
) -> None:
    with pytest.raises(Rejected, match="contains a control character"):
        parse(f"Æ{refused}b")


@pytest.mark.parametrize("parse", LINES)
@pytest.mark.parametrize("kept", NOT_PRINTABLE_BUT_ALLOWED)
def test_what_cannot_be_printed_and_controls_nothing_is_kept(
    parse: Callable[[object], str], kept: str
) -> None:
    assert parse(f"Æ{kept}b") == f"Æ{kept}b"
