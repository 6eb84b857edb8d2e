"""The relay's status as web pages a technologist can read: no script, no other file, nothing but links.

Everything is escaped by `edge_relay.operations.html`. Names of participants are shown only where the settings
say so.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote

from edge_relay.health.report import UNKNOWN, HealthReport, RefusedCaller, ScannerHealth, scanners_of
from edge_relay.health.status import RelayStatus
from edge_relay.health.words import ago, clock, date_of, exchange, span
from edge_relay.operations.html import Html, element, joined, void
from edge_relay.operations.status_table import oldest_event
from shared.text.quantity import quantity
from shared.worklist_item import WorklistItem

REFRESH_SECONDS: Final = 30
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b2430; --dim: #5a6675; --page: #f4f6f8; --card: #fff;
  --line: #d9dfe6; --link: #0b57a4; --good: #12693a; --good-bg: #e3f4ea; --bad: #8a3b00; --bad-bg: #fff0df; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaef; --dim: #9ba7b4; --page: #12161b;
  --card: #1b2129; --line: #313a45; --link: #7db7f2; --good: #7fd8a4; --good-bg: #16301f;
  --bad: #ffb877; --bad-bg: #38240f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main, header, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.125rem; margin: 2rem 0 .75rem; }
a { color: var(--link); }
.dim { color: var(--dim); }
header .dim { margin: .125rem 0 0; }
.state { border-left: .375rem solid; border-radius: .375rem; padding: .75rem 1rem; margin: 1.25rem 0; }
.state h2 { margin: 0; }
.state ul { margin: .25rem 0 0; padding-left: 1.25rem; }
.good { border-color: var(--good); background: var(--good-bg); }
.bad { border-color: var(--bad); background: var(--bad-bg); }
.good h2 { color: var(--good); }
.bad h2 { color: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem;
  margin: 0; }
.card dt { color: var(--dim); font-size: .875rem; }
.card dd { margin: 0; }
.card dd:first-of-type { font-size: 1.25rem; line-height: 1.35; font-weight: 600; }
.card dd + dd { color: var(--dim); font-size: .9375rem; }
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line); }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem; border-top: 1px solid var(--line);
  overflow-wrap: break-word; }
thead th { color: var(--dim); font-size: .875rem; font-weight: 600; border-top: 0; white-space: nowrap; }
tbody th { font-weight: 600; }
td.number { font-variant-numeric: tabular-nums; }
footer { color: var(--dim); font-size: .875rem; padding-top: 1.5rem; padding-bottom: 2rem; }
@media (max-width: 45rem) {
  thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  table, tbody, tr, th, td { display: block; }
  tr { border-top: 1px solid var(--line); padding: .5rem 0; }
  tbody tr:first-child { border-top: 0; }
  th, td { border: 0; padding: .125rem .75rem; }
  td { display: grid; grid-template-columns: 7.5rem 1fr; gap: .5rem; }
  td::before { content: attr(data-label); color: var(--dim); font-size: .875rem; }
}
"""
STYLE_HASH: Final = "sha256-" + b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""For the Content-Security-Policy: this style and no other."""


def overview(found: RelayStatus) -> str:
    """Return the first page."""
    health = found.health
    parts = [_state(found.problems), _cards(found)]
    if health is not None:
        parts += [_scanners(scanners_of(health), found.looked_at), _refused(health.refused, found.looked_at)]
    return _page("Worklist relay", _subtitle(health), parts, found)


def worklist(
    ae_title: str, items: Sequence[WorklistItem], found: RelayStatus, *, more: bool, show_names: bool
) -> str:
    """Return the page of one scanner: what it would be shown if it asked for everything now.

    :param more: there are others, which are left out.
    """
    columns = ["Start", "Modality", "Station", "Accession number", "Description", "Status"]
    if show_names:
        columns[1:1] = ["Patient name", "Patient ID"]
    rows = [_item_cells(item, show_names=show_names) for item in items]
    count = f"{'the first ' if more else ''}{quantity(len(items), 'exam')}"
    note = "" if show_names else " Names are left out: status.show_names in the settings shows them."
    age = element("p", f"Worklist {_pulled(found)}." if _pulled(found) else "Its age is not known.")
    parts = [
        element("p", element("a", "Back to the relay", href="/")),
        age,
        element("p", f"It would be shown {count}, if it asked for everything now.{note}", class_="dim"),
        _table(columns, rows) if rows else element("p", "Its worklist is empty."),
    ]
    return _page(f"What {ae_title} sees", _subtitle(found.health), parts, found)


def message(title: str, sentence: str) -> str:
    """Return a page that says one thing."""
    body = joined([element("p", sentence), element("p", element("a", "Back to the relay", href="/"))])
    return _document(title, joined([element("header", element("h1", title)), element("main", body)]))


def _page(title: str, subtitle: str, parts: Sequence[Html], found: RelayStatus) -> str:
    version = f", version {found.health.version}" if found.health and found.health.version else ""
    body = [
        element("header", element("h1", title), element("p", subtitle, class_="dim")),
        element("main", *parts),
        element(
            "footer",
            f"mwl-relay{version}. As of {clock(found.looked_at)}; refreshes every {REFRESH_SECONDS} s. "
            "For monitoring: ",
            element("a", "metrics", href="/metrics"),
            ", ",
            element("a", "health", href="/health"),
            ".",
        ),
    ]
    return _document(title, joined(body), refresh=True)


def _document(title: str, body: Html, *, refresh: bool = False) -> str:
    head = [
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Html(_STYLE)),
    ]
    if refresh:
        head.append(void("meta", http_equiv="refresh", content=str(REFRESH_SECONDS)))
    return "<!DOCTYPE html>\n" + element("html", element("head", *head), element("body", body), lang="en")


def _subtitle(health: HealthReport | None) -> str:
    if health is None:
        return ""
    site = f"Site {health.site}, " if health.site else ""
    return f"{site}AE title {health.ae_title or '-'}, {health.address or 'not listening'}"


def _state(problems: Sequence[str]) -> Html:
    if not problems:
        return element("section", element("h2", "All is well"), class_="state good")
    listed = element("ul", *(element("li", problem[:1].upper() + problem[1:]) for problem in problems))
    return element("section", element("h2", "Needs attention"), listed, class_="state bad")


def _cards(found: RelayStatus) -> Html:
    health, now = found.health, found.looked_at
    items = "cannot be read" if found.items is None else quantity(found.items, "item")
    cards = [("Worklist", items, _pulled(found)), ("MPPS", _journal(found), _outbox(found))]
    if health is not None:
        seconds = health.self_query_seconds
        asked = "" if seconds is None else f"in {seconds * 1000:.0f} ms, over DICOM"
        cards.append(("Answered itself", ago(health.self_query.succeeded_at, now), asked))
        up = span((now - health.started_at).total_seconds())
        cards.append(("Running for", up, f"since {clock(health.started_at)}"))
        if health.certificate_not_after:
            cards.append(("TLS certificate until", date_of(health.certificate_not_after), ""))
    return element("div", *(_card(*card) for card in cards), class_="cards")


def _pulled(found: RelayStatus) -> str:
    if found.cache_age_seconds is None:
        return ""
    if found.health and not found.health.pull.succeeded_at:
        return "not updated since the start"
    return f"updated {span(found.cache_age_seconds)} ago"


def _journal(found: RelayStatus) -> str:
    if found.health and found.health.journal.failure:
        return "cannot be stored"
    return "cannot be read" if found.outbox is None else "stored safely"


def _outbox(found: RelayStatus) -> str:
    if found.outbox is None:
        return "what is still to be sent is not known"
    if not found.outbox and not found.parked:
        return "everything has been sent"
    return f"{found.outbox} to send, {found.parked} parked; the oldest came {oldest_event(found)}"


def _card(name: str, value: str, note: str) -> Html:
    parts = [element("dt", name), element("dd", value)] + ([element("dd", note)] if note else [])
    return element("dl", *parts, class_="card")


def _scanners(scanners: dict[str, ScannerHealth], now: datetime) -> Html:
    rows = [
        (
            title if title == UNKNOWN else element("a", title, href=f"/scanners/{quote(title, safe='')}"),
            *(exchange(last, now) for last in (scanner.echo, scanner.query, scanner.mpps)),
            str(scanner.associations_open),
        )
        for title, scanner in sorted(scanners.items())
    ]
    columns = ("Scanner", "Last echo", "Last query", "Last MPPS", "Connected")
    body = _table(columns, rows) if rows else element("p", "None is configured, and none has called.")
    hint = element("p", "A scanner's name leads to what it would see now.", class_="dim")
    return element("section", element("h2", "Scanners"), body, hint)


def _refused(refused: Sequence[RefusedCaller], now: datetime) -> Html:
    if not refused:
        return Html("")
    rows = [
        (caller.ae_title or "-", caller.address, caller.why, str(caller.count), ago(caller.last_at, now))
        for caller in reversed(refused)
    ]
    body = _table(("AE title", "Address", "Why", "Times", "Last"), rows)
    return element("section", element("h2", "Refused callers"), body)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    head = element("tr", *(element("th", column, scope="col") for column in columns))
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(
                element("td", element("span", cell), data_label=column)
                for column, cell in zip(columns[1:], row[1:], strict=True)
            ),
        )
        for row in rows
    ]
    return element("table", element("thead", head), element("tbody", *body))


def _item_cells(item: WorklistItem, *, show_names: bool) -> tuple[str, ...]:
    day, time = item.scheduled_start_date, item.scheduled_start_time
    start = f"{day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}"
    person = (item.patient_name, item.patient_id) if show_names else ()
    return (
        start,
        *person,
        item.modality,
        item.scheduled_station_aetitle,
        item.accession_number or "-",
        item.procedure_description,
        item.performed_procedure_step_status.value.replace("_", " ").lower(),
    )
