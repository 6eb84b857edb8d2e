from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.sources.state import SourceState, SyncReport
from lambdas.store.images.row_image import Image
from lambdas.store.images.source_images import SourceImages, run_in
from lambdas.store.models import kept_key
from lambdas.store.runs.packing import packed

REPORT = SyncReport(finished_at=datetime(2026, 11, 22, 9, tzinfo=UTC), outcome="ok")
STATE = SourceState(report=REPORT, recent=tuple(f"digest-{number}" for number in range(200)))


def key(pk: str, sk: str) -> dict[str, dict[str, Any]]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def binary(data: bytes) -> dict[str, str]:
    return {"B": b64encode(data).decode()}


def images(state: SourceState, *, apart: bool) -> list[Image]:
    parts = packed(state, apart=apart)
    run = {**key("RUNS#3", "study"), "definition": {"S": "d"}, "state": binary(parts.short)}
    rows: list[Image] = [{**key("SOURCES", "study"), "body": {"S": "{}"}}]
    if parts.long is None:
        return [*rows, run]
    kept = {**key(kept_key("study"), "STATE"), "state": binary(parts.long)}
    return [*rows, {**run, "apart": {"S": parts.digest}}, kept]


@pytest.mark.parametrize("apart", [True, False])
def test_a_source_is_put_together_from_its_rows_in_any_order(apart: bool) -> None:
    state = STATE if apart else SourceState(report=REPORT)
    for rows in (images(state, apart=apart), images(state, apart=apart)[::-1]):
        found = SourceImages()
        for row in [*rows, key("SITE#north", "HEAD"), key("RUNS#3", "#CLAIMS")]:
            found.take(row)
        [source] = found.sources()
        assert (source.source_id, source.state) == ("study", state)


def test_what_an_earlier_build_remembered_is_with_the_definition() -> None:
    found = SourceImages()
    found.take(
        {**key("SOURCES", "study"), "body": {"S": "{}"}, "watermark": {"S": "2026-11-22T09:00:00+00:00"}}
    )
    [source] = found.sources()
    assert source.state.watermark == datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_a_claim_is_no_run() -> None:
    assert run_in(key("RUNS#3", "#CLAIMS")) is None
