"""Section 5.2.1: what a worklist query may ask, how it is matched, and what is answered (PS3.4 Annex K)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom.datadict import dictionary_description

from edge_relay.conformance.markdown import NONE, table, tag_text, text
from edge_relay.conformance.sources import fields_of
from edge_relay.dicom.elements import MOST_ELEMENTS
from edge_relay.worklist.attributes import WORKLIST, Attribute, Sequence, Tree, attributes
from edge_relay.worklist.matching import WILD_CARD_VRS

_RANGES: Final = frozenset({"DA", "TM"})


def section() -> str:
    """Return the section."""
    return text(
        "#### 5.2.1 Basic Worklist Management service, SCP",
        "##### 5.2.1.1 Matching and return keys",
        """
        Matching and return key types are those of PS3.4 Table K.6-1. Matching: what a value in a query can
        do; every key may be empty or a lone `*` (universal). Answer: `value`, what the item has, which may be
        empty for type 2 and 3; `empty`, the relay has no source for it, unless a profile gives it a value
        (`fixed_values`).
        """,
        table(
            ("Attribute", "Tag", "VR", "Matching key", "Return key", "Matching", "Answer"),
            _rows(WORKLIST),
        ),
        "##### 5.2.1.2 Matching",
        table(("VR", "Matching", "Rules"), _rules()),
        """
        - Several values in one key, joined by a backslash, are alternatives, whatever the VR. The standard
          has that for UI only; consoles send `CT\\MR`.
        - An attribute that has no value in an item is matched by no value but the universal ones.
        - Date and time: if Start Date and Start Time are both ranges they name one interval, from first date
          and time to last (PS3.4 Table K.6-1, remark on the Start Date); in every other case each is matched
          by itself. A profile's `combine_date_and_time = false` takes ranges as the times of each day.
        - A sequence without an item, or with an empty item, asks for all of its attributes. More than one
          item is refused with A900.
        - Text is read by the query's Specific Character Set; see 5.7.
        """,
        "##### 5.2.1.3 Which items a scanner sees",
        """
        First its profile selects (6.2), then its query narrows. By default a scanner sees items of every
        station whose status is SCHEDULED, ARRIVED, READY or STARTED. A query with a value in Scheduled
        Procedure Step Status sees all statuses. A query for a Scheduled Station AE Title the scanner stands
        for finds the items of all stations it stands for. Answers come by start date, start time and a fixed
        order among equals.
        """,
        "##### 5.2.1.4 Answers",
        """
        - An answer holds the attributes asked for that the table names, Specific Character Set (0008,0005)
          always, and nothing else but what a profile adds (`extra_attributes`). Type 1 attributes are never
          empty.
        - Exactly one form of a code is sent: a value of up to 16 characters as Code Value, a longer one as
          Long Code Value, also to a scanner that asked for Code Value alone (PS3.3 Table 8.8-1).
        - Sequences hold no item or one.
        - FF01 instead of FF00 is answered, in all answers to a query, if it asks for an attribute the table
          does not name, at any level; if it has a value for one that is not matched; or if the profile
          suppresses one asked for. What the table does not name neither narrows the answers nor is in them; a
          value for what is not matched does not narrow them; what is suppressed narrows them and is not in
          them.
        - A profile's `fixed_values` give attributes without a source a value, also such as the table does not
          name. They are then supported: sent if asked for, matched on, no reason for FF01.
        - Additional Query/Retrieve options (extended negotiation, fuzzy matching of names, time zone
          adjustment) are not supported. Timezone Offset From UTC in a query counts as an attribute that is
          not named: FF01.
        """,
        "##### 5.2.1.5 Limits and cancelling",
        f"""
        An identifier may have {MOST_ELEMENTS} elements and items; there is no limit to the number of answers.
        C-CANCEL ends the answers with FE00, after those already handed to the network. One that comes after
        the last answer, or for another Message ID than that of the query being answered, is ignored. A query
        is answered from the copy the relay holds: while it has not received the whole worklist yet, after its
        first start or with its copy deleted, it answers A700 and not an empty list. While the cloud is away
        it answers with what it has, however old.
        """,
    )


def _rows(tree: Tree, depth: int = 0) -> Iterator[tuple[str, ...]]:
    for entry in tree.values():
        name = ">" * depth + dictionary_description(entry.tag)
        begin = (name, tag_text(entry.tag))
        if isinstance(entry, Sequence):
            filled = any(each.read for each in attributes(entry.children))
            answer = "one item, or none" if filled else "no item"
            if entry.returned == "1":
                answer = "one item"
            yield (*begin, "SQ", entry.matching, entry.returned, "sequence", answer)
            yield from _rows(entry.children, depth + 1)
        else:
            answer = "value" if fields_of(entry) else "empty"
            yield (*begin, entry.vr, entry.matching, entry.returned, matching_of(entry), answer)


def matching_of(attribute: Attribute) -> str:
    """Return the kinds of matching a value in a query can ask for."""
    if not attribute.matched:
        return NONE
    if attribute.vr in _RANGES:
        return "single value, range"
    if attribute.vr == "UI":
        return "single value, list of UID"
    if attribute.vr in WILD_CARD_VRS or attribute.vr == "PN":
        return "single value, wild card"
    return "single value"


def _rules() -> Iterator[tuple[str, str, str]]:
    alike: dict[tuple[str, str], dict[str, None]] = {}
    for each in attributes(WORKLIST):
        if each.matched:
            alike.setdefault((matching_of(each), _RULES[each.vr]), {})[each.vr] = None
    for (matching, rule), vrs in alike.items():
        yield ", ".join(sorted(vrs)), matching, rule


_EXACT: Final = "Case matters. `*` is any run of characters, `?` exactly one."
_RULES: Final = {
    **dict.fromkeys(WILD_CARD_VRS, _EXACT),
    "DA": "`YYYYMMDD`; ranges may be open at one end. `YYYY.MM.DD` is understood.",
    "PN": "Without regard to case; accents count unless the profile has `ignore_accents = true`. A query of "
    "one component group is tried on every group of the name. Components left out may be anything: `DOE`, "
    "`DOE^` and `DOE^J*` find `Doe^John`. Without `^`, the whole name with spaces is tried too: `doe john`.",
    "TM": "`HH`, `HHMM`, `HHMMSS` with a fraction, also with colons; ranges may be open at one end. A time "
    "without minutes or seconds stands for all of that hour or minute: `0800-1200` includes 12:00:30.",
    "UI": "Exact.",
}
