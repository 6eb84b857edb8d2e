"""The history's two functions with a bucket, and questions to the bucket: real handlers on moto."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from infra.cli import app
from lambdas.history.desk import ask
from lambdas.history.parquet import written
from lambdas.history.schema import EXAMS, QUERIES, RELAY_MINUTES, SYNCS
from lambdas.history.stream import handlers
from lambdas.history.stream.files import Bucket
from lambdas.history.stream.loading import rows_in
from lambdas.sources.state import SourceState, SyncReport
from lambdas.store.accounts.relays import Heartbeat
from lambdas.store.runs.claims import shard_of
from shared.errors import NotFound, Rejected, Unavailable
from shared.relay_health import RelayHealth, ScannerActivity
from tests.rigs.cloud import REGION, cloud
from tests.rigs.history import Happening, MemoryFiles, a_study, as_event, stream_records
from tests.rigs.lambda_events import Context

ENVIRONMENT = {"HISTORY_BUCKET": "history", "HISTORY_KEY_SECRET_ID": "mwl-relay/history-key"}


@pytest.fixture
def site() -> Iterator[Happening]:
    with cloud(**ENVIRONMENT) as rig:
        happening = Happening(rig)
        happening.put_key()
        client = boto3.client("s3", region_name=REGION)
        client.create_bucket(
            Bucket="history", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        handlers._names.cache_clear()
        yield happening


def held() -> MemoryFiles:
    """Return a copy of what the bucket holds."""
    bucket = Bucket(boto3.client("s3", region_name=REGION), "history")
    files = MemoryFiles()
    for name in bucket.names(""):
        files.held[name] = bucket.read(name) or b""
    return files


def test_what_the_stream_tells_becomes_tables(site: Happening) -> None:
    site.sources.put(a_study())
    item = site.put()
    site.begin(item)
    records = stream_records(site.cloud)
    for _ in range(2):  # the stream may deliver a batch twice
        assert handlers.handler({"Records": records}, Context())["facts"] == 2
    # The clock of the test is not ours: every day is to be looked at.
    assert handlers.compaction({"all": True}, Context()) == {"days": 1, "waiting": 0}
    assert [row["status"] for row in held().rows(EXAMS)] == ["SCHEDULED", "IN_PROGRESS"]
    assert handlers.compaction({"all": True}, Context()) == {"days": 0, "waiting": 0}


def test_a_batch_without_facts_writes_nothing(site: Happening) -> None:
    record = {"eventID": "e", "dynamodb": {"SequenceNumber": "1", "Keys": {}}}  # a deletion
    assert handlers.handler({"Records": [record]}, Context()) == {"records": 1, "facts": 0, "files": 0}
    assert held().held == {}


def heartbeat(relay: str, at: datetime, requests: int, **scanner: Any) -> dict[str, Any]:
    told = ScannerActivity(ae_title="MR1", requests=requests, **scanner)
    beat = Heartbeat(seen_at=at, health=RelayHealth(version="1", at=at, run="a", scanners=(told,)))
    return {
        "pk": {"S": "RELAY_HEALTH"},
        "sk": {"S": relay},
        "body": {"S": beat.model_dump_json()},
        "version": {"N": "1"},
    }


def test_heartbeats_become_minutes_and_queries(site: Happening) -> None:
    code, _ = site.relays.invite("north")
    relay = site.relays.enroll(code, public_key="k", name="r").relay_id
    at = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    images = [heartbeat(relay, at, 3), heartbeat(relay, at.replace(minute=31), 5, last_query_at=at)]
    records = [
        {"eventID": "1", "dynamodb": {"SequenceNumber": "1", "NewImage": images[0]}},
        {"eventID": "2", "dynamodb": {"SequenceNumber": "2", "NewImage": images[1], "OldImage": images[0]}},
        {"eventID": "3", "dynamodb": {"SequenceNumber": "3", "NewImage": heartbeat("unknown", at, 1)}},
    ]
    handlers.handler({"Records": records}, Context())
    handlers.compaction({"all": True}, Context())
    assert [row["minute_at"].minute for row in held().rows(RELAY_MINUTES)] == [30, 31]
    assert [(row["kind"], row["requests"]) for row in held().rows(QUERIES)] == [("find", 1), ("request", 2)]


def test_each_report_of_a_sync_is_a_row_once(site: Happening) -> None:
    site.sources.put(a_study())
    images = []
    for minute in (1, 2, 2):
        at = datetime(2026, 11, 22, 9, minute, tzinfo=UTC)
        report = SyncReport(outcome="ok", finished_at=at, written=minute)
        site.sources.acquire("study", "me", now=site.cloud.clock(), seconds=60)
        site.sources.save_state("study", "me", SourceState(report=report))
        site.sources.release("study", "me")
        found = site.cloud.dynamodb.get_item(
            TableName="WorklistTable", Key={"pk": {"S": f"RUNS#{shard_of('study')}"}, "sk": {"S": "study"}}
        )
        images.append(as_event(found["Item"]))
    records = [
        {"eventID": str(n), "dynamodb": {"SequenceNumber": str(n), "NewImage": now, **before}}
        for n, (now, before) in enumerate(
            zip(images, [{}, *({"OldImage": image} for image in images)], strict=False), 1
        )
    ]
    assert handlers.handler({"Records": records}, Context())["facts"] == 2
    handlers.compaction({"all": True}, Context())
    assert [row["written"] for row in held().rows(SYNCS)] == [1, 2]


def test_an_export_of_the_table_is_loaded_from_a_folder(site: Happening, tmp_path: Path) -> None:
    site.put()
    site.put(protocol_name="T2")
    rows = [each["dynamodb"]["NewImage"] for each in stream_records(site.cloud)]
    lines = "".join(json.dumps({"Item": row}) + "\n" for row in rows)
    (tmp_path / "part.json.gz").write_bytes(gzip.compress(lines.encode()))
    result = CliRunner().invoke(app, ["history", "load", str(tmp_path), "--to", "s3://history"])
    assert (result.exit_code, result.stdout.split(";")[0]) == (0, f"{len(rows)} rows, 2 facts in 1 file")
    handlers.compaction({"all": True}, Context())
    assert [row["protocol"] for row in held().rows(EXAMS)] == ["", "T2"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "has no file *.json.gz"),
        (b"not zipped", "cannot be read: BadGzipFile"),
        # Without the time in it: each worker of the test run must come to the same names of tests.
        (
            gzip.compress(b'{"Item": {}}\n{"pk": 1}\n', mtime=0),
            "line 2 is no row of an export in DynamoDB JSON",
        ),
    ],
)
def test_a_folder_that_is_no_export_is_refused(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "part.json.gz").write_bytes(content)
    with pytest.raises((NotFound, Rejected), match=re.escape(told)):
        list(rows_in(tmp_path))


def test_a_bucket_that_is_not_there_is_an_outage(site: Happening) -> None:
    bucket = Bucket(boto3.client("s3", region_name=REGION), "nowhere")
    for use in (lambda: bucket.names(""), lambda: bucket.write("a", b""), lambda: bucket.delete("a")):
        with pytest.raises(Unavailable, match="S3 answered NoSuchBucket"):
            use()


@pytest.fixture
def server() -> Iterator[str]:
    """S3 over HTTP, for pyarrow's own client."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
    }
    with patch.dict("os.environ", environment):
        yield environment["AWS_ENDPOINT_URL"]
    running.stop()


def test_a_bucket_answers_questions_as_a_folder_does(server: str) -> None:
    client = boto3.client("s3", region_name="us-east-1", endpoint_url=server)
    client.create_bucket(Bucket="history")
    row = {
        "exam": "e",
        "version": 1,
        "site": "north",
        "status": "COMPLETED",
        "known_at": datetime(2026, 1, 1),
    }
    content = written(EXAMS, [row])
    client.put_object(Bucket="history", Key="exams/period=2026-01-01/site=north/day.parquet", Body=content)
    assert ask("s3://history", "SELECT status, site, known_at FROM exams").rows == [
        ("COMPLETED", "north", datetime(2026, 1, 1))
    ]
    assert ask("s3://history", "SELECT count(*) FROM steps").rows == [(0,)]
    with pytest.raises(NotFound, match="no history here"):
        ask("s3://elsewhere", "SELECT 1")
