from __future__ import annotations

import zlib
from base64 import b64encode

from lambdas.store.images.row_image import Image, entry_in, heartbeat_in, item_in
from tests.rigs.builders import an_item

ITEM = an_item()


def key(pk: str, sk: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def test_an_entry_is_read_whether_it_is_packed_or_not() -> None:
    place = key("AUDIT#20261122", "093000.000000#site:north#1")
    plain = entry_in({**place, "body": {"S": "{}"}, "hash": {"S": "h"}})
    packed = entry_in(
        {**place, "packed": {"B": b64encode(zlib.compress(b"{}")).decode()}, "hash": {"S": "h"}}
    )
    assert plain == packed
    assert plain is not None
    assert (plain.key, plain.text, plain.hash) == ("20261122/093000.000000#site:north#1", "{}", "h")


def test_an_item_is_read_also_one_that_is_gone() -> None:
    image: Image = {
        **key("SITE#north", f"ITEM#{ITEM.id}"),
        "feed_seq": {"N": "7"},
        "body": {"S": ITEM.model_dump_json()},
        "gone": {"BOOL": True},
    }
    stored = item_in(image)
    assert stored is not None
    assert (stored.item, stored.feed_seq, stored.gone) == (ITEM, 7, True)


def test_another_row_is_none_of_them() -> None:
    head = key("SITE#north", "HEAD")
    assert [read(head) for read in (entry_in, item_in, heartbeat_in)] == [None] * 3


def test_a_heartbeat_is_known_by_its_partition() -> None:
    beat = '{"seen_at":"2026-11-22T09:30:00Z","health":{"version":"1","at":"2026-11-22T09:30:00Z"}}'
    told = heartbeat_in({**key("RELAY_HEALTH", "r"), "body": {"S": beat}, "version": {"N": "1"}})
    assert told is not None
    assert (told[0], told[1].health.version) == ("r", "1")
