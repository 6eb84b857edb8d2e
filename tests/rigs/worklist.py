"""Worklist items and queries for tests of the C-FIND path: bytes in, bytes out, no network."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pydicom.config
from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from edge_relay.worklist.attributes import WORKLIST, Sequence, Tree
from edge_relay.worklist.cache import Cache
from edge_relay.worklist.finding import Found, find, visible, withheld
from edge_relay.worklist.overlay import Overlay
from edge_relay.worklist.query import parse_query
from edge_relay.worklist.search import Search, search
from shared.feed import FeedItem, FeedPage, Tombstone
from shared.scanners.scanner_profile import MOST_DAYS, ScannerProfile
from shared.worklist_item import WorklistItem


def page(
    *items: tuple[int, WorklistItem], gone: tuple[tuple[int, str], ...] = (), **changes: Any
) -> FeedPage:
    """Return a page of the feed with these items, by change number, and these ids gone."""
    fields = {"epoch": "e1", "snapshot": False, "cursor": "c", "next": "n", "more": False, **changes}
    return FeedPage(
        items=tuple(FeedItem(feed_seq=seq, item=each) for seq, each in items),
        tombstones=tuple(Tombstone(feed_seq=seq, id=key) for seq, key in gone),
        **fields,
    )


def asking(**keys: Any) -> Dataset:
    """Return an identifier with these keys, however wrong their values."""
    asked = Dataset()
    for keyword, value in keys.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        # Scanners send what they like: pydicom must not judge it here.
        asked.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=pydicom.config.IGNORE))
    return asked


def step(**keys: Any) -> Dataset:
    """Return an identifier with these keys of the Scheduled Procedure Step Sequence."""
    return asking(ScheduledProcedureStepSequence=[asking(**keys)])


def encoded(dataset: Dataset, *, implicit: bool = True) -> bytes:
    """Return a data set as it travels in a message."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, True
    charset = dataset.get("SpecificCharacterSet", "ISO_IR 6")
    terms = charset if isinstance(charset, str) else list(charset)
    write_dataset(buffer, dataset, convert_encodings(terms))
    return buffer.getvalue()


def decoded(data: bytes, *, implicit: bool = True) -> Dataset:
    """Return an answer as a scanner reads it, to its last byte."""
    buffer = BytesIO(data)
    dataset = Dataset(read_dataset(buffer, implicit, True))
    assert buffer.read() == b""
    dataset.decode()
    return dataset


ANYONE: Final = ScannerProfile(ae_title="SCANNER", days_back=MOST_DAYS, days_ahead=MOST_DAYS)
TODAY: Final = date(2026, 11, 22)
UTF8: Final = ("ISO_IR 192",)


class Worklist:
    """A cache of its own with these items, asked as the relay asks it."""

    def __init__(self, folder: Path, *items: WorklistItem) -> None:
        self.path = folder / "cache.db"
        self.cache = Cache(self.path)
        self.reader = self.cache.reader()
        self.overlay: dict[str, Overlay] = {}
        self.put(*items)

    def put(self, *items: WorklistItem, seq: int = 1) -> None:
        """Make these the worklist."""
        self.cache.begin_snapshot()
        self.cache.apply_page(page(*((seq, each) for each in items), snapshot=True), "")

    def close(self) -> None:
        """Close the files."""
        self.reader.close()
        self.cache.close()

    def find(
        self,
        asked: Dataset | bytes,
        scanner: ScannerProfile = ANYONE,
        *,
        implicit: bool = True,
        charset: tuple[str, ...] = UTF8,
    ) -> Found:
        """Ask."""
        data = asked if isinstance(asked, bytes) else encoded(asked, implicit=implicit)
        return find(
            data,
            implicit=implicit,
            scanner=scanner,
            charset=charset,
            today=TODAY,
            worklist=self.reader,
            overlay=self.overlay,
        )

    def ids(self, asked: Dataset | bytes, scanner: ScannerProfile = ANYONE) -> list[str]:
        """Return the items a query finds."""
        return [each.item_id for each in self.find(asked, scanner).answers if each is not None]

    def answers(
        self,
        asked: Dataset | bytes,
        scanner: ScannerProfile = ANYONE,
        *,
        implicit: bool = True,
        charset: tuple[str, ...] = UTF8,
    ) -> list[Dataset]:
        """Return the answers as the scanner reads them."""
        found = self.find(asked, scanner, implicit=implicit, charset=charset)
        return [decoded(each.identifier, implicit=implicit) for each in found.answers if each is not None]

    def search(self, asked: Dataset, scanner: ScannerProfile = ANYONE) -> Search:
        """Return how the cache is searched for a query."""
        return search(parse_query(encoded(asked), implicit=True), scanner, TODAY)

    def visible(
        self, scanner: ScannerProfile = ANYONE, charset: tuple[str, ...] = UTF8
    ) -> list[WorklistItem]:
        """Return what an empty query of the scanner would show."""
        return list(visible(scanner, charset, TODAY, self.reader, self.overlay))

    def withheld(self, scanner: ScannerProfile, charset: tuple[str, ...]) -> int:
        """Return how many exams the scanner is not shown for its character set."""
        return withheld(scanner, charset, TODAY, self.reader, self.overlay)


def everything(tree: Tree = WORKLIST) -> Dataset:
    """Return an identifier that asks for all there is."""
    asked = Dataset()
    for tag, entry in tree.items():
        if isinstance(entry, Sequence):
            asked.add_new(tag, "SQ", [everything(entry.children)])
        else:
            asked.add_new(tag, entry.vr, None)
    return asked
