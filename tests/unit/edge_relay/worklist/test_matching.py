"""Attribute matching, PS3.4 C.2.2.2: one fact a test."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.worklist.matching import matcher_for
from shared.errors import Rejected


def found(vr: str, asked: str, value: str, **options: bool) -> bool:
    matcher = matcher_for(vr, asked.split("\\"), **options)
    return matcher is None or matcher(value)


@pytest.mark.parametrize("vr", ["LO", "PN", "DA", "TM", "UI", "AE", "CS", "SH"])
@pytest.mark.parametrize("asked", ["", "*"])
def test_an_empty_key_and_a_lone_star_match_everything_also_nothing(vr: str, asked: str) -> None:
    assert matcher_for(vr, [asked]) is None


@pytest.mark.parametrize(
    ("asked", "value", "expected"),
    [
        ("P-001", "P-001", True),
        ("P-001 ", "P-001", True),
        ("p-001", "P-001", False),
        ("P-0*", "P-001", True),
        ("P-00?", "P-001", True),
        ("P-0?", "P-001", False),
        ("*01", "P-001", True),
        ("P.001", "P-001", False),
        ("P-[0]01", "P-001", False),
    ],
)
def test_text_matches_by_value_or_wild_card(asked: str, value: str, expected: bool) -> None:
    assert found("LO", asked, value) is expected


def test_a_list_of_uids_finds_each_of_them() -> None:
    assert found("UI", "2.25.1\\2.25.2", "2.25.2")
    assert not found("UI", "2.25.1\\2.25.2", "2.25.3")


def test_a_uid_has_no_wild_cards() -> None:
    assert not found("UI", "2.25.*", "2.25.1")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("20261122", True),
        ("20261121", False),
        ("20261120-20261122", True),
        ("20261120-20261121", False),
        ("20261122-", True),
        ("20261123-", False),
        ("-20261122", True),
        ("-20261121", False),
        ("2026.11.22", True),
    ],
)
def test_dates_match_by_value_and_range(asked: str, expected: bool) -> None:
    assert found("DA", asked, "20261122") is expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("093000", True),
        ("0930", True),
        ("09", True),
        ("10", False),
        ("0800-1200", True),
        ("0800-0930", True),
        ("0931-", False),
        ("-0930", True),
        ("-0929", False),
        ("09:30:00", True),
        ("093000.000000-093000.000000", True),
    ],
)
def test_times_match_by_value_and_range_to_the_precision_given(asked: str, expected: bool) -> None:
    assert found("TM", asked, "093000") is expected


def test_a_range_that_ends_at_a_minute_includes_all_of_that_minute() -> None:
    assert found("TM", "0800-1200", "120059")
    assert not found("TM", "0800-1200", "120100")


@pytest.mark.parametrize("vr", ["DA", "TM"])
def test_a_range_never_finds_a_missing_value(vr: str) -> None:
    matcher = matcher_for(vr, ["-20261122" if vr == "DA" else "-12"])
    assert matcher is not None
    assert not matcher("")


@pytest.mark.parametrize(
    ("vr", "asked"),
    [("DA", "20261322"), ("DA", "tomorrow"), ("DA", "-"), ("TM", "25"), ("TM", "9am"), ("TM", " - ")],
)
def test_a_malformed_date_or_time_is_rejected_without_quoting_it(vr: str, asked: str) -> None:
    with pytest.raises(Rejected) as caught:
        matcher_for(vr, [asked])
    assert asked.strip(" -") not in str(caught.value) or asked.strip(" -") == ""


@pytest.mark.parametrize(
    "asked",
    [
        "Doe^John",
        "doe^john",
        "DOE^JOHN^^^",
        "Doe",
        "Doe^",
        "DOE*",
        "D?e^John",
        "D*n",
        "Doe^J*",
        "*^John",
        "^John",
        "doe john",
        "*JOHN*",
        "Doe^John^",
    ],
)
def test_a_name_is_found_however_it_is_typed(asked: str) -> None:
    assert found("PN", asked, "Doe^John")


@pytest.mark.parametrize("asked", ["Do", "Doe^Jane", "John", "Doe^J", "John^Doe", "Doe^John^M", "D?^John"])
def test_another_name_is_not_found(asked: str) -> None:
    assert not found("PN", asked, "Doe^John")


def test_any_group_of_a_name_may_be_asked_for() -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert found("PN", "山田*", name)
    assert found("PN", "yamada", name)
    assert found("PN", "Yamada^Tarou=山田^太郎", name)
    assert not found("PN", "Yamada^Tarou=川田^太郎", name)


def test_accents_matter_unless_the_profile_says_otherwise() -> None:
    assert not found("PN", "Muller", "Müller^Åse")
    assert found("PN", "Muller", "Müller^Åse", ignore_accents=True)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("O'Neil", "O’Neil^Sean"), ("Lukasz", "Łukasz"), ("Smith-Jones", "Smith–Jones^A"),
        ("STRAUSS", "Strauß"), ("dordevic*", "Đorđević^M"), ("Shchukin", "Щукин^Юлия"),
        ("o?neil", "O’Neil"), ("Łukasz", "Lukasz"),
    ],
)  # fmt: skip
def test_an_ascii_keyboard_finds_names_if_accents_are_ignored(typed: str, name: str) -> None:
    assert found("PN", typed, name, ignore_accents=True)
    assert found("PN", typed, name) is (typed in {"o?neil", "STRAUSS"})  # a wild card, and case


@pytest.mark.parametrize("asked", ["0000-2400", "0000-240000", "-24", "0000-2400.0"[:9], "230000-240000.0"])
def test_24_hours_are_the_end_of_the_day(asked: str) -> None:
    assert found("TM", asked, "235959")
    assert found("TM", "240000", "235959")
    assert not found("TM", "2400-", "235958")


def test_case_never_matters_with_accents_either() -> None:
    assert found("PN", "MÜLLER^ÅSE", "Müller^Åse")


@pytest.mark.parametrize(
    ("vr", "asked"),
    [
        ("LO", "a*" * 200),
        ("PN", "a" * 300),
        ("PN", "a^b^c^d^e^f"),
        ("PN", "a=b=c=d"),
        ("LO", "\\".join(["a*"] * 100)),
        ("DA", "\\".join(["20261122"] * 100)),
    ],
)
def test_more_than_an_attribute_can_have_is_rejected(vr: str, asked: str) -> None:
    with pytest.raises(Rejected):
        matcher_for(vr, asked.split("\\"))


def test_any_number_of_uids_may_be_listed() -> None:
    assert found("UI", "\\".join(f"2.25.{number}" for number in range(5000)), "2.25.4999")


def test_many_stars_do_not_take_for_ever() -> None:
    assert not found("LO", "*a" * 20 + "*" * 5_000 + "b", "a" * 64)


@given(
    pattern=st.text("ab*?", min_size=1, max_size=8),
    value=st.text("ab", max_size=8),
)
def test_wild_cards_mean_what_the_plain_definition_says(pattern: str, value: str) -> None:
    def holds(rest: str, text: str) -> bool:
        if not rest:
            return not text
        if rest[0] == "*":
            return any(holds(rest[1:], text[skip:]) for skip in range(len(text) + 1))
        return bool(text) and rest[0] in {"?", text[0]} and holds(rest[1:], text[1:])

    assert found("LO", pattern, value) is holds(pattern, value)


NAME_PART = st.text(st.characters(categories=["Lu", "Ll"]), min_size=1, max_size=12)


@given(family=NAME_PART, given_name=NAME_PART)
def test_every_name_is_found_by_itself_by_its_family_name_and_by_any_beginning(
    family: str, given_name: str
) -> None:
    name = f"{family}^{given_name}"
    assert found("PN", name, name)
    assert found("PN", family, name)
    assert all(found("PN", name[:length] + "*", name) for length in range(1, len(name)))


@given(
    value=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\*?"), min_size=1)
)
def test_a_value_finds_itself_and_with_any_one_character_unknown(value: str) -> None:
    assert found("LO", value, value)
    for position in range(len(value)):
        assert found("LO", value[:position] + "?" + value[position + 1 :], value)


DATES = st.dates().map(lambda d: d.strftime("%Y%m%d").zfill(8))


@given(first=DATES, last=DATES, value=DATES)
def test_a_date_range_holds_exactly_what_lies_between(first: str, last: str, value: str) -> None:
    assert found("DA", f"{first}-{last}", value) is (first <= value <= last)
    assert found("DA", f"{first}-", value) is (first <= value)
    assert found("DA", f"-{last}", value) is (value <= last)


TIMES = st.times().map(lambda t: t.strftime("%H%M%S"))


@given(first=TIMES, last=TIMES, value=TIMES)
def test_a_time_range_holds_exactly_what_lies_between(first: str, last: str, value: str) -> None:
    first, last = sorted((first, last))
    assert found("TM", f"{first}-{last}", value) is (first <= value <= last)


@pytest.mark.parametrize(
    ("asked", "inside", "outside"),
    [
        ("2200-0200", ["2200", "235959.9", "0000", "020059"], ["2159", "0201", "1200"]),
        ("22-02", ["220000", "025959"], ["215959", "0300"]),
        ("0930-0929", ["0930", "0929", "0000"], []),
        ("2400-0030", ["0000", "0030"], ["2359", "0031"]),
        ("1000-1200", ["1000", "1200"], ["0959", "1201", "0000"]),
    ],
)
def test_a_time_range_that_ends_before_it_begins_is_the_night(
    asked: str, inside: list[str], outside: list[str]
) -> None:
    assert [value for value in inside if not found("TM", asked, value)] == []
    assert [value for value in outside if found("TM", asked, value)] == []


# Several values are alternatives, also where the standard has them for UID only: consoles send CT\\MR.


@pytest.mark.parametrize("vr", ["LO", "PN", "DA", "TM", "UI", "CS"])
def test_one_empty_alternative_finds_everything(vr: str) -> None:
    assert matcher_for(vr, ["2", ""]) is None
    assert matcher_for(vr, ["*", "2"]) is None


@pytest.mark.parametrize(
    ("vr", "asked"),
    [
        ("DA", "20261120\\20261122"),
        ("DA", "20261124-\\20261121-20261122"),
        ("TM", "07\\0930"),
        ("TM", "10-\\-0930"),
        ("PN", "ROE\\DOE"),
        ("CS", "CT\\M?"),
    ],
)
def test_the_second_of_two_alternatives_is_found_too(vr: str, asked: str) -> None:
    value = {"DA": "20261122", "TM": "093000", "PN": "Doe^Jane", "CS": "MR"}[vr]
    assert found(vr, asked, value)


@pytest.mark.parametrize(
    ("asked", "value", "expected"),
    [("0930", "093000", True), ("0930", "093059", True), ("0930", "093100", False), ("09", "100000", False)],
)
def test_a_single_time_is_no_open_range(asked: str, value: str, expected: bool) -> None:
    assert found("TM", asked, value) is expected


@pytest.mark.parametrize("asked", ["235960", "0900-235960"])
def test_a_leap_second_is_a_time(asked: str) -> None:
    assert found("TM", asked, "235960")


@pytest.mark.parametrize("asked", ["25", "240001", "0960", "093061", "0900-2401"])
def test_a_time_no_clock_shows_is_refused(asked: str) -> None:
    with pytest.raises(Rejected):
        matcher_for("TM", [asked])


@pytest.mark.parametrize("asked", ["2.25.1\0", "2.25.1 "])
def test_the_padding_of_a_uid_is_no_part_of_it(asked: str) -> None:
    assert found("UI", asked, "2.25.1")


COMPOSED, COMBINING = "Zoë", "Zoe\N{COMBINING DIAERESIS}"


@pytest.mark.parametrize(("asked", "value"), [(COMBINING, COMPOSED), (COMPOSED, COMBINING)])
def test_an_accent_is_the_same_however_it_is_typed(asked: str, value: str) -> None:
    assert found("PN", asked, value)


def test_spaces_around_a_component_do_not_count() -> None:
    assert found("PN", "DOE^J*", "Doe ^ John")
    assert found("PN", "DOE ^J*", "Doe^John")


def test_a_group_the_name_lacks_is_not_found() -> None:
    assert not found("PN", "DOE^JANE=山田^太郎", "Doe^Jane")
    assert found("PN", "DOE^JANE=山田^太郎", "Doe^Jane=山田^太郎")
