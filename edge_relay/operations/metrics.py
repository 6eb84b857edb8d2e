"""The relay's figures in the form that Prometheus scrapes: a view of its status and its traffic.

Nothing is counted here: `Health` counts, and a scrape reads it. So there is no registry to keep, and a label
has as many values as the settings have scanners, services and statuses, whoever is on the network.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge_relay.health.report import BUCKETS, LOOPS, HealthReport, ScannerHealth, Traffic
from edge_relay.health.status import RelayStatus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "mwl_relay_"


def exposition(found: RelayStatus, traffic: Traffic) -> bytes:
    """Return everything as text, in Prometheus's exposition format 0.0.4."""
    registry = CollectorRegistry()
    registry.register(_Once([*status_metrics(found), *traffic_metrics(traffic), *process_metrics()]))
    return generate_latest(registry)


class _Once(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics: Final = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def status_metrics(found: RelayStatus) -> Iterator[Metric]:
    """Yield what is true of the relay as a whole."""
    yield _gauge("problems", "Things that need attention; the status page says which.", len(found.problems))
    yield _gauge(
        "cache_age_seconds",
        "Since the last successful pull, or since the start.",
        found.cache_age_seconds,
    )
    yield _gauge("cache_items", "Worklist items held.", found.items)
    yield _gauge("cache_unreadable_items", "Items that this version cannot read.", found.unreadable)
    outbox = GaugeMetricFamily(
        _PREFIX + "outbox_events",
        "MPPS events not delivered: pending, of those held behind a parked one, and parked.",
        labels=["state"],
    )
    for state, count in (("pending", found.outbox), ("held", found.held), ("parked", found.parked)):
        if count is not None:
            outbox.add_metric([state], count)
    yield outbox
    yield _gauge(
        "outbox_oldest_age_seconds",
        "How long the oldest event not delivered has been waiting.",
        _waiting(found),
    )
    if found.health is not None:
        yield from _report_metrics(found.health)


def _report_metrics(report: HealthReport) -> Iterator[Metric]:
    build = InfoMetricFamily(_PREFIX + "build", "What is running.")
    build.add_metric([], {"version": report.version, "python": platform.python_version()})
    yield build
    yield _gauge("journal_problem", "1 while MPPS cannot be stored, else 0.", bool(report.journal.failure))
    failing = GaugeMetricFamily(
        _PREFIX + "failing", "1 while a part of the relay fails, else 0.", labels=["part"]
    )
    for name in LOOPS:
        failing.add_metric([name], bool(getattr(report, name).failure))
    yield failing
    yield _gauge(
        "self_query_success_timestamp_seconds",
        "When the relay last answered its own query over DICOM.",
        _seconds(report.self_query.succeeded_at),
    )
    yield _gauge("self_query_duration_seconds", "How long that took.", report.self_query_seconds)
    yield _gauge(
        "tls_certificate_not_after_timestamp_seconds",
        "When the certificate of DICOM's TLS ends.",
        _seconds(report.certificate_not_after),
    )


def traffic_metrics(traffic: Traffic) -> Iterator[Metric]:
    """Yield what scanners have done since the start."""
    yield from _association_metrics(traffic)
    requests = CounterMetricFamily(
        _PREFIX + "requests", "DIMSE requests answered.", labels=["ae_title", "service", "status"]
    )
    for (title, service, status), count in sorted(traffic.requests.items()):
        requests.add_metric([title, service, f"{status:04X}"], count)
    yield requests
    yield _durations(traffic)
    answers = CounterMetricFamily(_PREFIX + "answers", "Worklist items sent.", labels=["ae_title"])
    for title, scanner in sorted(traffic.scanners.items()):
        answers.add_metric([title], scanner.answers)
    yield answers
    for kind, what in (("echo", "C-ECHO"), ("query", "C-FIND"), ("mpps", "N-CREATE or N-SET")):
        yield _last(kind, what, traffic.scanners)


def process_metrics() -> Iterator[Metric]:
    """Yield what this process takes of the machine.

    The library's own collector needs /proc/stat, which the service's sandbox hides, and then gives nothing.
    """
    figures = {"threads": ("Threads of Python.", threading.active_count())}
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        figures |= {
            "resident_memory_bytes": ("Memory in use.", pages * os.sysconf("SC_PAGE_SIZE")),
            "open_fds": ("Open file descriptors.", len(os.listdir("/proc/self/fd"))),
        }
    for name, (what, figure) in figures.items():
        yield GaugeMetricFamily(f"process_{name}", what, value=figure)
    yield CounterMetricFamily("process_cpu_seconds", "Processor time used.", value=time.process_time())


def _association_metrics(traffic: Traffic) -> Iterator[Metric]:
    opened = GaugeMetricFamily(_PREFIX + "associations_open", "Associations open now.", labels=["ae_title"])
    for title, scanner in sorted(traffic.scanners.items()):
        opened.add_metric([title], scanner.associations_open)
    yield opened
    total = CounterMetricFamily(_PREFIX + "associations", "Associations requested.", labels=["result"])
    total.add_metric(["accepted"], sum(scanner.associations for scanner in traffic.scanners.values()))
    total.add_metric(["refused"], traffic.refused)
    yield total


def _durations(traffic: Traffic) -> Metric:
    histogram = HistogramMetricFamily(
        _PREFIX + "request_duration_seconds",
        "From a request's last byte to the final response.",
        labels=["service"],
    )
    for service, (counts, seconds) in traffic.durations.items():
        buckets, total = [], 0
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        histogram.add_metric([service], buckets, seconds)
    return histogram


def _last(kind: str, what: str, scanners: dict[str, ScannerHealth]) -> Metric:
    gauge = GaugeMetricFamily(
        f"{_PREFIX}last_{kind}_timestamp_seconds", f"When a scanner last sent {what}.", labels=["ae_title"]
    )
    for title, scanner in sorted(scanners.items()):
        if (exchange := getattr(scanner, kind)) is not None:
            gauge.add_metric([title], exchange.at.timestamp())
    return gauge


def _gauge(name: str, what: str, value: float | None) -> Metric:
    """Return one figure; without a sample if it is not known."""
    gauge = GaugeMetricFamily(_PREFIX + name, what)
    if value is not None:
        gauge.add_metric([], value)
    return gauge


def _waiting(found: RelayStatus) -> float | None:
    if found.outbox is None:
        return None
    if found.oldest_event_at is None:
        return 0.0
    return max(0.0, (found.looked_at - datetime.fromisoformat(found.oldest_event_at)).total_seconds())


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
