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
        Matching and return key types are those of PS3.4 Table K.6-1. The column "Matching" says which kinds
        of matching a key supports; every key may also be empty or a single `*` (universal matching). The
        column "Answer": `value` is the item's value, which may be empty for types 2 and 3; `empty` means
        that the relay has no source for it. A profile may set a value for what no item must have
        (`fixed_values`), in place of the item's own. Text of VR LT and ST has at most 1024 characters.
        """,
        table(
            ("Attribute", "Tag", "VR", "Matching key", "Return key", "Matching", "Answer"),
            _rows(WORKLIST),
        ),
        "##### 5.2.1.2 Matching",
        table(("VR", "Matching", "Rules"), _rules()),
        """
        - Several values in one key, separated by a backslash, are alternatives for every VR. The standard
          allows this for UI only, but consoles send `CT\\MR`.
        - If an item has no value for an attribute, only universal matching matches it.
        - If Start Date and Start Time are both ranges, they are one interval from the first date and time to
          the last (PS3.4 Table K.6-1, remark on the Start Date). Otherwise each is matched separately. With
          `combine_date_and_time = false`, a profile reads the time range as a range on each day.
        - A sequence without an item, or with an empty item, asks for all of its attributes. More than one
          item is refused with A900.
        - Text is decoded with the query's Specific Character Set; see 5.7.
        """,
        "##### 5.2.1.3 Which items a scanner sees",
        """
        The profile selects items first (6.2), then the query. By default a scanner sees items of every
        station with status SCHEDULED, ARRIVED, READY or STARTED. A query with a value in Scheduled Procedure
        Step Status can find items of every status. If a query asks for the scanner's own AE title, or for a
        station in its profile, it finds the items of all of these. Answers are sorted by start date, start
        time and a fixed order among equals.
        """,
        "##### 5.2.1.4 Answers",
        """
        - An answer contains the requested attributes that the table lists, always Specific Character Set
          (0008,0005), and the attributes that a profile adds (`extra_attributes`). It contains nothing else.
          Type 1 attributes are never empty.
        - A code is sent in one form only: a value of up to 16 characters as Code Value, a longer one as Long
          Code Value, even if the scanner asked only for Code Value (PS3.3 Table 8.8-1).
        - Sequences contain no item or one item.
        - All answers to a query have status FF01 instead of FF00 in three cases. The query asks for an
          attribute that the table does not list, at any level: it is ignored and not returned. The query has
          a value for an attribute without matching: the value is ignored. The query asks for an attribute
          that the profile suppresses: its value is matched, but it is not returned.
        - A profile's `fixed_values` give a value also to attributes that the table does not list. These are
          then supported: returned if requested, matched, no reason for FF01.
        - Additional Query/Retrieve options (extended negotiation, fuzzy matching of names, time zone
          adjustment) are not supported. Timezone Offset From UTC counts as an attribute that the table does
          not list: FF01.
        """,
        "##### 5.2.1.5 Limits and cancelling",
        f"""
        An identifier may have {MOST_ELEMENTS} elements and items. The number of answers is not limited.
        C-CANCEL ends the answers with FE00, after those already handed to the network. A C-CANCEL after the
        last answer, or for the Message ID of another query, is ignored. The relay answers from its copy of
        the worklist. Until it has received the whole worklist (after its first start, or if the copy was
        deleted), it answers A700, not an empty list. While the cloud cannot be reached, it answers from its
        copy, however old that is.
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
    "PN": "Case is ignored; accents count unless the profile has `ignore_accents = true`. A query with one "
    "component group is matched against every group of the name. Missing components match anything: `DOE`, "
    "`DOE^` and `DOE^J*` find `Doe^John`. Without `^`, the name written with spaces matches too: `doe john`.",
    "TM": "`HH`, `HHMM`, `HHMMSS` with a fraction, also with colons; ranges may be open at one end. A time "
    "without minutes or seconds stands for all of that hour or minute: `0800-1200` includes 12:00:30. "
    "`2200-0200` is the night.",
    "UI": "Exact.",
}
