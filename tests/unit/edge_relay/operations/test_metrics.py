"""Metrics are well-formed, complete, and do not grow with whoever is on the network."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from edge_relay.health import status
from edge_relay.health.report import UNKNOWN, Health
from edge_relay.mpps.journal import Journal
from edge_relay.operations import metrics
from edge_relay.worklist.cache import Cache
from tests.structure.imports import ROOT

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DOCS = ROOT / "docs" / "relay.md"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    Cache(tmp_path / "cache.db").close()
    Journal(tmp_path / "journal.db").close()
    return tmp_path


def scraped(state: Path, health: Health) -> dict[str, Metric]:
    found = status.look(state, NOW, health.report("", ae_title="MWL_RELAY", version="1.2"))
    text = metrics.exposition(found, health.traffic()).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(family: Metric, **labels: str) -> float:
    (found,) = [sample.value for sample in family.samples if labels.items() <= sample.labels.items()]
    return float(found)


def a_health() -> Health:
    return Health(lambda: NOW, {"PRISMA1", 'Q"U\\OTE'}.__contains__)


def test_requests_are_counted_by_scanner_service_and_status(state: Path) -> None:
    health = a_health()
    health.answered("PRISMA1", "C-FIND", 0, 0.002, 12)
    health.answered("PRISMA1", "C-FIND", 0, 0.002, 3)
    health.answered("PRISMA1", "N-SET", 0x0110, 0.002)
    found = scraped(state, health)
    requests = found["mwl_relay_requests"]
    assert value(requests, ae_title="PRISMA1", service="C-FIND", status="0000") == 2
    assert value(requests, ae_title="PRISMA1", service="N-SET", status="0110") == 1
    assert value(found["mwl_relay_answers"], ae_title="PRISMA1") == 15
    assert value(found["mwl_relay_last_query_timestamp_seconds"], ae_title="PRISMA1") == NOW.timestamp()
    assert found["mwl_relay_last_echo_timestamp_seconds"].samples == []


def test_durations_are_a_cumulative_histogram(state: Path) -> None:
    health = a_health()
    for seconds in (0.00005, 0.002, 0.002, 99.0):
        health.answered("PRISMA1", "C-FIND", 0, seconds)
    samples = scraped(state, health)["mwl_relay_request_duration_seconds"].samples
    buckets = [
        (float(s.labels["le"]), s.value)
        for s in samples
        if s.name.endswith("_bucket") and s.labels["service"] == "C-FIND"
    ]
    assert buckets == sorted(buckets)
    counts = [count for _, count in buckets]
    assert counts == sorted(counts)
    assert (counts[0], counts[-2], counts[-1]) == (1, 3, 4)
    (total,) = [s.value for s in samples if s.name.endswith("_sum") and s.labels["service"] == "C-FIND"]
    assert total == pytest.approx(99.00405)


def test_strangers_add_no_series(state: Path) -> None:
    health = a_health()
    for number in range(500):
        health.association_refused(f"X{number}", "10.0.0.1", "not known")
        health.association_opened(f"Y{number}")
        health.answered(f"Y{number}", "C-ECHO", 0, 0.001)
    found = scraped(state, health)
    assert value(found["mwl_relay_associations"], result="refused") == 500
    assert value(found["mwl_relay_associations"], result="accepted") == 500
    titles = {s.labels["ae_title"] for f in found.values() for s in f.samples if "ae_title" in s.labels}
    assert titles == {UNKNOWN}


def test_labels_are_escaped(state: Path) -> None:
    health = a_health()
    health.association_opened('Q"U\\OTE')
    assert value(scraped(state, health)["mwl_relay_associations_open"], ae_title='Q"U\\OTE') == 1


def test_what_is_true_of_the_relay_as_a_whole(state: Path) -> None:
    health = a_health()
    health.self_query_answered(0.012)
    health.certificate_ends(NOW + timedelta(days=90))
    health.note("journal", "the disk is full")
    found = scraped(state, health)
    assert value(found["mwl_relay_journal_problem"]) == 1
    assert value(found["mwl_relay_failing"], part="journal") == 1
    assert value(found["mwl_relay_failing"], part="pull") == 0
    assert value(found["mwl_relay_problems"]) == 1
    assert value(found["mwl_relay_cache_items"]) == 0
    assert value(found["mwl_relay_cache_age_seconds"]) == 0
    assert value(found["mwl_relay_outbox_events"], state="parked") == 0
    assert value(found["mwl_relay_self_query_success_timestamp_seconds"]) == NOW.timestamp()
    assert value(found["mwl_relay_self_query_duration_seconds"]) == 0.012
    ends = value(found["mwl_relay_tls_certificate_not_after_timestamp_seconds"])
    assert ends == (NOW + timedelta(days=90)).timestamp()
    assert value(found["mwl_relay_build_info"], version="1.2") == 1
    assert value(found["process_resident_memory_bytes"]) > 1e6


def test_what_is_not_known_has_no_sample(tmp_path: Path) -> None:
    found = scraped(tmp_path, a_health())
    assert found["mwl_relay_cache_items"].samples == []
    assert found["mwl_relay_self_query_duration_seconds"].samples == []
    assert found["mwl_relay_outbox_events"].samples == []
    assert found["mwl_relay_outbox_oldest_age_seconds"].samples == []


def test_the_guide_lists_every_metric_and_no_other(state: Path) -> None:
    health = a_health()
    health.answered("PRISMA1", "C-ECHO", 0, 0.001)
    told = set(re.findall(r"`(mwl_relay_\w+)`", DOCS.read_text("utf-8")))
    kinds = {"counter": "_total", "histogram": ""}
    names = {name + kinds.get(family.type, "") for name, family in scraped(state, health).items()}
    assert told == {name for name in names if name.startswith("mwl_relay_")}
