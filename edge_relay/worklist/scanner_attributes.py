"""What one scanner may ask for and is sent: the worklist's table, changed by its profile. Pure.

    fixed_values            a value for attributes that items need not have: sent if asked for, and matched,
                            in place of the item's own
    extra_attributes        sent even if not asked for
    suppressed_attributes   never sent, even if asked for; still matched on; the answer is FF01 then

What lies in the Scheduled Procedure Step Sequence is put there. An attribute that must not be empty or absent
(types 1 and 1C) cannot be suppressed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from pydicom.datadict import dictionary_VR

from edge_relay.worklist.attributes import (
    STEP_SEQUENCE,
    WORKLIST,
    Attribute,
    Sequence,
    Tree,
    attributes,
    tag_of,
)
from edge_relay.worklist.query import Key, keys_of
from shared.dicom import dicom_text
from shared.errors import Rejected
from shared.scanners.scanner_profile import ScannerProfile

_LEGAL: Final[dict[str, Callable[[object], str]]] = {
    "AE": dicom_text.parse_ae_title,
    "CS": dicom_text.parse_code_string,
    "DA": dicom_text.parse_date,
    "LO": dicom_text.parse_long_string,
    "LT": dicom_text.parse_long_string,
    "PN": dicom_text.parse_person_name,
    "SH": dicom_text.parse_short_string,
    "ST": dicom_text.parse_long_string,
    "TM": dicom_text.parse_time,
    "UI": dicom_text.parse_uid,
}
"""VR a fixed value may have, and what makes one legal."""

_IN_CODES: Final = frozenset(
    attribute.tag
    for entry in (*WORKLIST.values(), *getattr(WORKLIST[STEP_SEQUENCE], "children", {}).values())
    if isinstance(entry, Sequence) and entry.tag != STEP_SEQUENCE
    for attribute in attributes(entry.children)
)


def tree_of(scanner: ScannerProfile) -> Tree:
    """Return everything a scanner may ask for: the table, with its fixed values; raise `Rejected`."""
    tree = dict(WORKLIST)
    step = _step(tree)
    children = dict(step.children)
    for keyword, text in scanner.fixed_values.items():
        tag = tag_of(keyword)
        where = children if tag in step.children else tree
        where[tag] = _fixed(tag, keyword, text, where.get(tag))
    tree[STEP_SEQUENCE] = replace(step, children=children)
    return tree


def answer_keys(asked: tuple[Key, ...], scanner: ScannerProfile, tree: Tree) -> tuple[Key, ...]:
    """Return an answer's keys: those asked for, with what the profile adds, without what it takes away."""
    suppressed = frozenset(map(tag_of, scanner.suppressed_attributes))
    return _without(_with(asked, tuple(map(tag_of, scanner.extra_attributes)), tree), suppressed)


def suppresses(asked: tuple[Key, ...], scanner: ScannerProfile) -> bool:
    """Tell whether something asked for is left out because the profile says so."""
    suppressed = frozenset(map(tag_of, scanner.suppressed_attributes))
    return bool(suppressed) and any(
        key.entry.tag in suppressed or suppresses(key.children or (), scanner) for key in asked
    )


def check_profile(scanner: ScannerProfile) -> None:
    """Raise `Rejected` if a profile asks for answers that cannot be given; say which setting is wrong."""
    tree = tree_of(scanner)
    step = _step(tree).children
    for keyword in scanner.extra_attributes:
        if tag_of(keyword) not in {**tree, **step}:
            raise Rejected(
                f"{keyword} is nothing the worklist can send",
                where="extra_attributes",
                hint="give it a value in fixed_values, or leave it out",
            )
    for keyword in scanner.suppressed_attributes:
        tag = tag_of(keyword)
        entry = tree.get(tag) or step.get(tag)
        if entry is not None and entry.returned in {"1", "1C"}:
            raise Rejected(
                f"{keyword} must be in every answer (type {entry.returned}, PS3.4 Table K.6-1)",
                where="suppressed_attributes",
            )


def _fixed(tag: int, keyword: str, text: str, entry: Attribute | Sequence | None) -> Attribute:
    if isinstance(entry, Sequence) or tag in _IN_CODES or _is_an_items(entry):
        raise Rejected(f"{keyword} comes from the worklist itself", where="fixed_values")
    try:
        vr = dictionary_VR(tag)
        legal = _LEGAL[vr](text)
    except KeyError:
        raise Rejected(f"{keyword} is not a text", where="fixed_values") from None
    except Rejected as error:
        raise Rejected(f"{keyword}: {error.what}", where="fixed_values") from None
    if not legal:
        raise Rejected(f"{keyword} has no value", where="fixed_values")
    return Attribute(tag, vr, None, "O", entry.returned if entry else "3", legal)


def _is_an_items(entry: Attribute | None) -> bool:
    return entry is not None and entry.read is not None and not entry.rare


def _step(tree: Tree) -> Sequence:
    step = tree[STEP_SEQUENCE]
    if not isinstance(step, Sequence):
        raise TypeError("the Scheduled Procedure Step Sequence is a sequence")
    return step


def _with(asked: tuple[Key, ...], extra: Iterable[int], tree: Tree) -> tuple[Key, ...]:
    """Add keys. What belongs into the step goes there; the step itself is added if need be."""
    keys = {key.entry.tag: key for key in asked}
    for tag in extra:
        step = _step(tree)
        if tag in tree:
            keys.setdefault(tag, *keys_of({tag: tree[tag]}))
        elif tag in step.children:
            inner = keys.get(STEP_SEQUENCE, Key(step, children=())).children or ()
            if all(key.entry.tag != tag for key in inner):
                inner = (*inner, *keys_of({tag: step.children[tag]}))
            keys[STEP_SEQUENCE] = Key(step, children=inner)
    return tuple(keys.values())


def _without(keys: tuple[Key, ...], suppressed: frozenset[int]) -> tuple[Key, ...]:
    return tuple(
        key if key.children is None else replace(key, children=_without(key.children, suppressed))
        for key in keys
        if key.entry.tag not in suppressed
    )
