"""A report as CSV (RFC 4180), with a line a group and one for the total. Pure."""

from __future__ import annotations

import csv
import io
from typing import Final

from lambdas.api.reports.figures import Figures
from lambdas.api.reports.groups import Report
from shared.text.spreadsheet import harmless

COLUMNS: Final = tuple(Figures.model_fields)
TOTAL: Final = "total"


def as_csv(report: Report) -> str:
    """Return a report; a figure that is not known is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["group", *COLUMNS])
    for line in report.lines:
        writer.writerow([harmless(line.group), *_cells(line.figures)])
    writer.writerow([TOTAL, *_cells(report.total)])
    return text.getvalue()


def _cells(figures: Figures) -> list[int | None]:
    return [getattr(figures, name) for name in COLUMNS]
