"""The pages say what is the case, and nothing from the network or a database becomes markup in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_relay.health.loop_health import LoopHealth
from edge_relay.health.report import Exchange, HealthReport, RefusedCaller, ScannerHealth
from edge_relay.health.status import RelayStatus
from edge_relay.operations import status_html
from tests.rigs.builders import an_item
from tests.rigs.relay_status import a_relay_status

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
FEW_TAGS = {
    *("html", "head", "meta", "link", "title", "style", "body", "header", "main", "footer", "section"),
    *("h1", "h2", "p", "a", "ul", "li", "div", "span", "dl", "dt", "dd"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


class Seen(HTMLParser):
    """Collects what a browser would."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str | None]:
        return [attributes.get("href") for tag, attributes in self.tags if tag == "a"]


def a_report(**changes: Any) -> HealthReport:
    facts: dict[str, Any] = {
        "pid": 1,
        "started_at": NOW - timedelta(hours=5),
        "written_at": NOW,
        "address": "0.0.0.0:11112",
        "ae_title": "MWL_RELAY",
        "site": "oslo",
        "pull": LoopHealth(succeeded_at=NOW),
    }
    return HealthReport(**{**facts, **changes})


def a_status(health: HealthReport | None = None, **changes: Any) -> RelayStatus:
    return a_relay_status(looked_at=NOW, health=health or a_report(), **changes)


def test_the_first_page_says_who_and_how() -> None:
    text = Seen(status_html.overview(a_status())).text
    for fact in ("Site oslo", "MWL_RELAY", "0.0.0.0:11112", "All is well", "12 items", "updated 4 s ago"):
        assert fact in text


def test_problems_stand_on_top_in_words() -> None:
    troubled = a_status(
        problems=("the disk is full", "b"),
        outbox=3,
        parked=1,
        oldest_event_at=(NOW - timedelta(hours=2)).isoformat(),
    )
    text = Seen(status_html.overview(troubled)).text
    assert "All is well" not in text
    assert text.index("The disk is full") < text.index("12 items")
    assert "3 to send, 1 parked; the oldest came 2 h ago" in text


def test_a_journal_that_cannot_be_read_is_not_called_safe() -> None:
    unread = a_status(outbox=None, held=None, parked=None, missing=None, problems=("the journal",))
    text = Seen(status_html.overview(unread)).text
    assert "what is still to be sent is not known" in text
    assert ("stored safely" in text, "everything has been sent" in text) == (False, False)


def test_a_scanner_leads_to_what_it_would_see_and_the_relay_itself_is_none() -> None:
    asked = Exchange(at=NOW - timedelta(minutes=3), service="C-FIND", status=0, answers=7)
    scanners = {"MR 1/A": ScannerHealth(query=asked), "MWL_RELAY": ScannerHealth()}
    page = Seen(status_html.overview(a_status(a_report(scanners=scanners))))
    assert "/scanners/MR%201%2FA" in page.links()
    assert "/scanners/MWL_RELAY" not in page.links()
    assert "3 min ago, 7 items" in page.text


@given(st.text(), st.text(), st.text(min_size=1))
def test_nothing_becomes_markup(title: str, problem: str, why: str) -> None:
    caller = RefusedCaller(
        ae_title=f"<script>{title}", address='"><img src=x>', why=why, last_at=NOW, count=1
    )
    scanners = {f"<b>{title}": ScannerHealth()}
    report = a_report(site=f"<i>{title}", scanners=scanners, refused=(caller,))
    page = Seen(status_html.overview(a_status(report, problems=(f"<script>{problem}</script>",))))
    assert {tag for tag, _ in page.tags} <= FEW_TAGS
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    page = Seen(status_html.overview(a_status()))
    sources = [
        a.get("src") or a.get("href") for tag, a in page.tags if tag != "a" and ("src" in a or "href" in a)
    ]
    assert sources == ["data:,"]
    assert ("meta", {"http-equiv": "refresh", "content": "30"}) in page.tags
    assert page.tags[0] == ("html", {"lang": "en"})


def test_a_scanners_worklist_has_no_names_unless_they_are_asked_for() -> None:
    item = an_item(patient_name="Secret^Sara", patient_id="P-4711", procedure_description="MR <brain>")
    hidden = status_html.worklist("PRISMA1", [item], a_status(), more=False, show_names=False)
    assert "Secret" not in hidden
    assert "P-4711" not in hidden
    for shown in (
        item.accession_number,
        item.modality,
        item.scheduled_station_aetitle,
        "MR <brain>",
        "scheduled",
    ):
        assert shown in Seen(hidden).text
    told = Seen(status_html.worklist("PRISMA1", [item], a_status(), more=False, show_names=True)).text
    assert "Secret^Sara" in told
    assert "P-4711" in told


def test_a_worklist_that_is_cut_says_so_and_an_empty_one_too() -> None:
    cut = Seen(
        status_html.worklist("PRISMA1", [an_item(), an_item("002")], a_status(), more=True, show_names=False)
    )
    assert "the first 2 exams" in cut.text
    empty = Seen(status_html.worklist("PRISMA1", [], a_status(), more=False, show_names=False))
    assert "worklist is empty" in empty.text
