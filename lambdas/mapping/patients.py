"""Who bears which Patient ID at a site: two people under one are one person to a scanner. Pure.

A Patient ID is unique together with its issuer (DICOM PS3.3 C.7.1.1). Items of one ID that differ in name,
birth date or sex are of two people, or one of them is wrong; what is not known does not differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from shared.worklist_item import WorklistItem

MEANT: Final = "if that is meant, set allow_shared_patient_id = true"


class Bearer(NamedTuple):
    """An item, by what tells its participant from another.

    :param source: empty: made by hand.
    """

    item_id: str
    source: str
    record: str
    site: str
    patient_id: str
    issuer: str
    name: str
    birth_date: str
    sex: str

    @classmethod
    def of(cls, item: WorklistItem) -> Bearer:
        """Return the bearer of an item's Patient ID."""
        return cls(
            item.id,
            item.source,
            item.source_record,
            item.site,
            item.patient_id,
            item.issuer_of_patient_id,
            item.patient_name,
            item.patient_birth_date,
            item.patient_sex,
        )

    def identifier(self) -> tuple[str, str, str]:
        """Return what must be one person's: site, issuer and Patient ID."""
        return self.site, self.issuer, self.patient_id

    def differs_from(self, other: Bearer) -> list[str]:
        """Return in what they differ, in words; what one of them lacks does not differ."""
        pairs = {
            "name": (_name(self.name), _name(other.name)),
            "birth date": (self.birth_date, other.birth_date),
            "sex": (self.sex, other.sex),
        }
        return [what for what, (one, two) in pairs.items() if one and two and one != two]


class Patients:
    """The bearers of all Patient IDs, as far as they were added."""

    def __init__(self) -> None:
        # Lists, for most hold one: dicts and sets of a site's 26,000 items would take megabytes more.
        self._by_identifier: dict[tuple[str, str, str], list[Bearer]] = {}
        self._by_item: dict[str, list[Bearer]] = {}
        self._by_record: dict[tuple[str, str], list[str]] = {}

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._by_item

    def add(self, bearer: Bearer) -> None:
        """Add an item."""
        own = self._by_item.setdefault(bearer.item_id, [])
        for former in [each for each in own if each.identifier() == bearer.identifier()]:
            own.remove(former)
            self._by_identifier[former.identifier()].remove(former)
        own.append(bearer)
        self._by_identifier.setdefault(bearer.identifier(), []).append(bearer)
        of_record = self._by_record.setdefault((bearer.source, bearer.record), [])
        if bearer.item_id not in of_record:
            of_record.append(bearer.item_id)

    def forget(self, item_ids: Iterable[str]) -> None:
        """Take items out, which are on the worklist no more."""
        for item_id in item_ids:
            for bearer in self._by_item.pop(item_id, ()):
                self._by_identifier[bearer.identifier()].remove(bearer)
                of_record = self._by_record[bearer.source, bearer.record]
                if item_id in of_record:
                    of_record.remove(item_id)

    def forget_record(self, source: str, record: str) -> frozenset[Bearer]:
        """Take a record's items out, which are about to be judged anew; return them as they were."""
        ids = frozenset(self._by_record.get((source, record), ()))
        were = frozenset(bearer for item_id in ids for bearer in self._by_item[item_id])
        self.forget(ids)
        return were

    def others(self, bearer: Bearer) -> list[Bearer]:
        """Return the items of somebody else with the same Patient ID."""
        same = self._by_identifier.get(bearer.identifier(), [])
        return [other for other in same if other.item_id != bearer.item_id and bearer.differs_from(other)]

    def another(self, bearer: Bearer) -> Bearer | None:
        """Return one of `others`; None if there is none."""
        return next(iter(self.others(bearer)), None)


def shared_id_reason(later: Bearer, earlier: Bearer) -> str:
    """Return why an item is held, naming both records and no value."""
    differ = " and ".join(later.differs_from(earlier))
    both = f"{_whose(later, later.source)} and {_whose(earlier, later.source)}"
    return f"patient_id: {both} have one Patient ID and differ in {differ}: correct one of them; {MEANT}"


def _whose(bearer: Bearer, source: str) -> str:
    if not bearer.source:
        return "an item made by hand"
    return f"record {bearer.record}" + (f" of source {bearer.source}" if bearer.source != source else "")


def _name(text: str) -> str:
    """Return a name as it is compared: no case, no empty components."""
    return "^".join(part.strip() for part in text.casefold().split("^")).rstrip("^=")


def in_order(bearers: Iterable[Bearer], before: frozenset[Bearer]) -> Iterator[Bearer]:
    """Yield those that were on the worklist just so, then the others, each in the order given."""
    return iter(sorted(bearers, key=lambda bearer: bearer not in before))
