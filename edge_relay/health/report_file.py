"""The health report as a file, for whoever looks when the relay does not run, and for its next run."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edge_relay.clock.boot import Moment
from edge_relay.health.report import HealthReport
from edge_relay.storage.state_files import write_private


def write_report(path: Path, report: HealthReport) -> None:
    """Put a report where ``status`` looks for it."""
    write_private(path, report.model_dump_json().encode(), durable=False)


def read_report(path: Path) -> HealthReport | None:
    """Return the last report, None if there is none or it cannot be read."""
    try:
        return HealthReport.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def last_pull(path: Path) -> Moment | None:
    """Return when the last run had the worklist from the cloud; None if that is not known."""
    report = read_report(path)
    if report is None or report.pull.succeeded_at is None:
        return None
    age = (report.written_at - report.pull.succeeded_at).total_seconds()
    return Moment(boot=report.boot, seconds=report.uptime - age, at=report.pull.succeeded_at)
