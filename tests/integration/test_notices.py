"""Notices over real tables, a mail server and an https server: once, and again only with the same id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from lambdas.access.role import Role
from lambdas.notices import function
from lambdas.notices.delivery import Notices, Outside, Round
from lambdas.notices.mail import Mailer, SmtpMailer
from lambdas.notices.webhook import Webhooks
from lambdas.sources.file import definition_from
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.unshown_rows import RejectedRow
from lambdas.store.audit.entry import SYSTEM
from lambdas.sync.scans.stale_steps import StaleSteps
from shared.errors import Forbidden, MwlError, Unavailable
from shared.steps.procedure_step import EventKind
from shared.steps.self_test import ABILITY, RELAYS_HOPS, Hop, HopResult, SelfTestReport, step_uid
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item
from tests.rigs.images import images
from tests.rigs.lambda_events import Context
from tests.rigs.notice_sinks import HookSink, MailSink, hook_sink, mail_sink
from tests.rigs.pages import visitor
from tests.rigs.site_state import DEFINITION, a_heartbeat

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LOOPBACK = [ip_network("127.0.0.0/8")]
SECRET = "https://hooks.example.org/services/very-secret"


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api(SITE_TIME_ZONE="UTC") as running:
        running.clock.seconds = NOW.timestamp()
        running.services.worklist.put_if_changed([an_item()])
        yield running


@pytest.fixture
def mails() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[HookSink]:
    with hook_sink(tmp_path) as sink:
        yield sink


@dataclass
class Rounds:
    """Rounds of notices by the rig's clock."""

    rig: ApiRig
    outside: Outside

    def __call__(self) -> Round:
        services = self.rig.services
        facts = function.read_facts(
            self.rig.cloud.tables,
            function.read_known(self.rig.cloud.tables),
            services.notices.all().values(),
            services.now(),
            "UTC",
        )
        notices = Notices(services.notices, self.outside, now=services.now, new_id=services.new_id)
        return notices.round(facts, services.notices.all())


def by_mail(rig: ApiRig, sink: MailSink, mailer: Mailer | None = None) -> Rounds:
    mailer = mailer or SmtpMailer("127.0.0.1", sink.port)
    return Rounds(rig, Outside(mailer, Webhooks(), "mwl@example.org", "https://api.example.org"))


def make(rig: ApiRig, **changes: Any) -> str:
    body = {"site": "north", "channel": "email", "target": "coordinator@example.org", **changes}
    answer = rig.user(Role.ADMIN).post("/notices", json=body)
    assert answer.status == 201, answer.text
    return str(answer.json()["notice_id"])


def shown(rig: ApiRig) -> dict[str, Any]:
    (found,) = rig.user(Role.ADMIN).get("/notices").json()
    assert isinstance(found, dict)
    return found


def say_of_source(rig: ApiRig, **state: Any) -> None:
    """Store what a sync found: with nothing else, that all is well."""
    definition = definition_from(DEFINITION)
    rig.services.sources.put(definition)
    rig.services.sources.acquire(definition.id, "tests", now=rig.clock(), seconds=60)
    report = SyncReport(outcome="ok", finished_at=NOW)
    found = SourceState.model_validate({"report": report, **state})
    rig.services.sources.save_state(definition.id, "tests", found)


def miss(rig: ApiRig, *records: str) -> None:
    """Say that the scans of some records of today are not on the list."""
    rows = tuple(
        RejectedRow(record=each, field="t", reason="no", day="20261122", site="north") for each in records
    )
    say_of_source(rig, rejected=rows, rejected_count=len(rows))


def heads(sink: MailSink) -> list[str]:
    return [str(mail["Subject"]) for mail in sink.mails]


def test_a_missing_scan_is_told_once_and_its_end_too(rig: ApiRig, mails: MailSink) -> None:
    make(rig)
    rounds = by_mail(rig, mails)
    miss(rig, "900100", "900101")
    assert [rounds(), rounds()] == [Round(delivered=1), Round()]
    say_of_source(rig)
    assert [rounds(), rounds()] == [Round(delivered=1), Round()]
    assert heads(mails) == ["[north] 2 things need you", "[north] Resolved"]


def test_a_red_test_participant_is_told_once_and_its_end_when_the_next_comes_through(
    rig: ApiRig, mails: MailSink
) -> None:
    make(rig)
    rounds, services = by_mail(rig, mails), rig.services
    services.relays.heard(rig.relay().relay_id, a_heartbeat(abilities=(ABILITY,)).health)
    (relay,) = services.relays.all()

    def tested(*hops: HopResult) -> Round:
        began = services.self_tests.begin(relay, services.relays.heartbeat(relay.relay_id), by=SYSTEM)
        running = rounds()
        assert running == Round()  # nobody knows yet
        for kind in (EventKind.N_CREATE, EventKind.N_SET):
            services.self_tests.record_event(an_event(began.item, step_uid(began.test_id), kind), relay)
        services.self_tests.report(relay, began.test_id, SelfTestReport(hops=hops, over=True))
        return rounds()

    red = HopResult(hop=Hop.FOUND, at=NOW, failure="no answer")
    assert [tested(red), tested(red)] == [Round(delivered=1), Round()]
    assert "https://api.example.org/app/relays" in mails.mails[0].as_string()
    green = [HopResult(hop=hop, at=NOW) for hop in RELAYS_HOPS]
    assert [tested(*green), rounds()] == [Round(delivered=1), Round()]
    assert heads(mails) == ["[north] 1 thing needs you", "[north] Resolved"]


def test_no_record_is_in_a_mail_and_the_link_leads_to_today(rig: ApiRig, mails: MailSink) -> None:
    make(rig)
    miss(rig, "900100")
    by_mail(rig, mails)()
    (mail,) = mails.mails
    text = mail.as_string()
    assert "https://api.example.org/app/today?site=north" in text
    assert not {word for word in ("900100", "Núñez", "sub-") if word in text}
    assert (mail["To"], mail["Auto-Submitted"]) == ("coordinator@example.org", "auto-generated")


def test_killed_between_sending_and_noting_it_is_sent_again_with_the_same_id(
    rig: ApiRig, mails: MailSink
) -> None:
    make(rig)
    miss(rig, "900100")
    rounds = by_mail(rig, mails)
    with (
        patch.object(Notices, "_note_delivery", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        rounds()
    assert rounds() == Round()  # claimed: the other may still be at it
    rig.clock.advance(121)
    assert rounds() == Round(delivered=1)
    assert rounds() == Round()
    assert len(mails.mails) == 2
    assert len({mail["Message-ID"] for mail in mails.mails}) == 1


def test_a_failure_is_told_and_tried_again_after_a_pause(rig: ApiRig, mails: MailSink) -> None:
    make(rig)
    miss(rig, "900100")
    rounds = by_mail(rig, mails)
    mails.answer = "451 try later"
    assert rounds() == Round(failed=1)
    assert (shown(rig)["failure"], shown(rig)["waiting"]) == ("the mail server answered 451", 1)
    page = visitor(rig, Role.ADMIN).get("/app/notices")
    assert "does not arrive" in page.words
    mails.answer = "250 OK"
    assert rounds() == Round()
    rig.clock.advance(61)
    assert rounds() == Round(delivered=1)
    assert (shown(rig)["failure"], shown(rig)["waiting"], shown(rig)["told"]) == ("", 0, 1)


def test_the_trouble_of_one_address_is_not_the_others(rig: ApiRig, mails: MailSink) -> None:
    first, second = sorted([make(rig), make(rig, target="other@example.org")])
    miss(rig, "900100")
    change = rig.services.notices.change

    def stuck(subscription_id: str, *args: Any) -> Any:
        if subscription_id == first:
            raise Unavailable("DynamoDB answered InternalServerError")
        return change(subscription_id, *args)

    with patch.object(rig.services.notices, "change", stuck), pytest.raises(Unavailable):
        by_mail(rig, mails)()
    assert len(mails.mails) == 1
    assert rig.services.notices.ledger(second).delivered_at is not None


def test_two_rounds_at_once_send_one_mail(rig: ApiRig, mails: MailSink) -> None:
    make(rig)
    miss(rig, "900100")

    class SecondRound(SmtpMailer):
        def send(self, mail: Any) -> None:
            assert by_mail(rig, mails)() == Round()
            super().send(mail)

    assert by_mail(rig, mails, SecondRound("127.0.0.1", mails.port))() == Round(delivered=1)
    assert len(mails.mails) == 1


def test_a_test_arrives_and_says_that_it_is_one(rig: ApiRig, mails: MailSink) -> None:
    notice_id = make(rig)
    assert rig.user(Role.ADMIN).post(f"/notices/{notice_id}/test").status == 202
    by_mail(rig, mails)()
    assert heads(mails) == ["[north] A test of your notices"]


def test_a_digest_comes_once_a_day(rig: ApiRig, mails: MailSink) -> None:
    make(rig, immediately=False, digest_at="07:00")
    miss(rig, "900100")
    rounds = by_mail(rig, mails)
    rounds()
    rounds()
    rig.clock.advance(86_400)
    rounds()
    assert heads(mails) == ["[north] 1 thing needs you today", "[north] Nothing needs you today"]


def webhooks(hooks: HookSink, **options: Any) -> Webhooks:
    return Webhooks(trust=hooks.trust, **{"allowed": LOOPBACK, **options})


def test_a_webhook_gets_json_with_the_id_in_the_header(rig: ApiRig, hooks: HookSink) -> None:
    make(rig, channel="webhook", target=hooks.url)
    miss(rig, "900100")
    assert Rounds(rig, Outside(None, webhooks(hooks)))() == Round(delivered=1)
    ((headers, body),) = hooks.calls
    assert headers["path"] == "/secret?x=1"
    assert headers["Idempotency-Key"] == body["id"]
    assert body["subject"] == "[north] 1 thing needs you"


@pytest.mark.parametrize("status", [301, 307, 404, 500])
def test_an_answer_other_than_2xx_is_a_failure_and_no_redirect_is_followed(
    hooks: HookSink, status: int
) -> None:
    hooks.status = status
    with pytest.raises(Unavailable, match=f"answered {status}"):
        webhooks(hooks).post(hooks.url, {}, message_id="m")
    assert len(hooks.calls) == 1


def test_a_server_without_a_certificate_that_is_believed_is_not_told(hooks: HookSink) -> None:
    with pytest.raises(Unavailable) as refused:
        Webhooks(allowed=LOOPBACK).post(hooks.url, {}, message_id="m")
    assert "secret" not in str(refused.value)
    assert hooks.calls == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["::1"],
        ["fe80::1%eth0"],
        ["::ffff:10.0.0.1"],
        ["0.0.0.0"],
        ["224.0.0.1"],
        ["93.184.216.34", "10.0.0.1"],
        [],
    ],
    ids=str,
)
def test_a_private_address_is_not_called(addresses: list[str]) -> None:
    caller = Webhooks(lookup=lambda _host, _port: addresses)
    with pytest.raises(Forbidden):
        caller.post("https://hooks.example.org/x", {}, message_id="m")


def test_a_private_network_may_be_allowed_and_no_other(hooks: HookSink) -> None:
    caller = webhooks(hooks, allowed=[ip_network("10.0.0.0/8")])
    with pytest.raises(Forbidden):
        caller.post(hooks.url, {}, message_id="m")
    webhooks(hooks).post(hooks.url, {}, message_id="m")


def test_a_name_is_looked_up_once_and_the_judged_address_is_called(hooks: HookSink) -> None:
    asked: list[str] = []

    def once(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    webhooks(hooks, lookup=once).post(hooks.url, {}, message_id="m")
    assert asked == ["127.0.0.1"]
    assert len(hooks.calls) == 1


@pytest.mark.parametrize("url", ["http://hooks.example.org/", "https:///x"])
def test_only_https_is_called(url: str) -> None:
    with pytest.raises(Forbidden):
        Webhooks().post(url, {}, message_id="m")


def test_a_mail_server_that_is_not_there_is_a_failure_without_an_address() -> None:
    with pytest.raises(MwlError) as refused:
        SmtpMailer("127.0.0.1", 1).send(Mail())
    assert "coordinator" not in str(refused.value)


def Mail() -> Any:
    from email.message import EmailMessage  # noqa: PLC0415

    mail = EmailMessage()
    mail["To"] = "coordinator@example.org"
    return mail


def test_the_function_tells_by_ses(rig: ApiRig) -> None:
    ses = function._ses(rig.cloud.environment["AWS_REGION"], None)
    ses.create_email_identity(EmailIdentity="mwl@example.org")
    notice_id = make(rig)
    rig.services.notices.note_test(notice_id)
    rig.user(Role.ADMIN).post(f"/notices/{notice_id}/test")
    try:
        with patch.dict("os.environ", {"NOTICES_FROM": "mwl@example.org"}):
            assert function.handler({}, Context()) == {"delivered": 1, "failed": 0}
    finally:
        function._ses.cache_clear()


def test_the_function_says_what_is_lacking_where_no_mail_can_be_sent(rig: ApiRig) -> None:
    notice_id = make(rig)
    rig.user(Role.ADMIN).post(f"/notices/{notice_id}/test")
    assert function.handler({}, Context()) == {"delivered": 0, "failed": 1}
    assert "NOTICES_FROM" in shown(rig)["failure"]


def test_the_function_does_nothing_where_nobody_is_told(rig: ApiRig) -> None:
    assert function.handler({}, Context()) == {"delivered": 0, "failed": 0}


# ----------------------------------------------------------- making and showing


def test_a_webhooks_address_is_shown_to_nobody_not_even_the_audit_trail(rig: ApiRig) -> None:
    make(rig, channel="slack", target=SECRET)
    admin = rig.user(Role.ADMIN)
    everything = admin.get("/notices").text + admin.get("/audit?kind=notice").text
    assert "hooks.example.org" in everything
    assert "very-secret" not in everything
    assert "very-secret" not in visitor(rig, Role.ADMIN).get("/app/notices").html


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "nobody"},
        {"channel": "slack", "target": "http://hooks.example.org/"},
        {"site": "nowhere"},
        {"kinds": ["weather"]},
        {"immediately": False},
    ],
)
def test_what_makes_no_sense_is_refused(rig: ApiRig, changes: Mapping[str, Any]) -> None:
    body = {"site": "north", "channel": "email", "target": "a@example.org", **changes}
    assert rig.user(Role.ADMIN).post("/notices", json=body).status == 422


def test_a_notice_is_changed_and_removed_and_the_audit_trail_knows(rig: ApiRig) -> None:
    notice_id, admin = make(rig), rig.user(Role.ADMIN)
    body = {"site": "north", "channel": "email", "target": "b@example.org", "kinds": ["missing"]}
    assert admin.put(f"/notices/{notice_id}", json=body).json()["target"] == "b@example.org"
    assert admin.delete(f"/notices/{notice_id}").status == 204
    assert admin.get("/notices").json() == []
    assert admin.delete(f"/notices/{notice_id}").status == 404
    actions = [each["action"] for each in admin.get("/audit?kind=notice").json()]
    assert actions == ["removed", "changed", "created"]


def test_an_admin_makes_tries_and_removes_one_on_the_page(rig: ApiRig) -> None:
    browser = visitor(rig, Role.ADMIN)
    assert "Nobody is told anything yet." in browser.get("/app/notices").words
    fields = {
        "site": "north",
        "channel": "email",
        "target": "a@example.org",
        "missing": "yes",
        "immediately": "yes",
        "quiet_from": "20:00",
        "quiet_to": "07:00",
    }
    page = browser.follow(browser.post("/app/notices/new", fields))
    assert "E-mail to a@example.org, north" in page.words
    assert "Quiet from 20:00 to 07:00, but for a scan of today." in page.words
    notice = page.field("notice")
    assert (
        "A test is on its way."
        in browser.follow(browser.post("/app/notices/change", {"notice": notice, "do": "test"})).words
    )
    page = browser.follow(browser.post("/app/notices/change", {"notice": notice, "do": "remove"}))
    assert "Nobody is told anything yet." in page.words


def test_the_page_refuses_in_words_what_makes_no_sense(rig: ApiRig) -> None:
    browser = visitor(rig, Role.ADMIN)
    browser.get("/app/notices")
    fields = {"site": "north", "channel": "email", "target": "nobody", "missing": "y", "immediately": "y"}
    page = browser.post("/app/notices/new", fields)
    assert page.status == 422
    assert "target is no e-mail address" in page.words


def test_an_exam_that_no_scanner_ends_is_told_once_and_settled_by_whoever_says_what_became_of_it(
    rig: ApiRig, mails: MailSink
) -> None:
    make(rig, kinds=["exam-not-ended"])
    services, rounds = rig.services, by_mail(rig, mails)
    item = an_item()
    services.steps.record_event(an_event(item, received_at=NOW), site=item.site, relay_id="r1")
    stale = StaleSteps(rig.cloud.tables, services.worklist, now=services.now)
    rounds()
    assert (stale.set_aside(), heads(mails)) == ([], [])
    rig.clock.advance(13 * 3600)
    assert len(stale.set_aside()) == 1
    rounds()
    rounds()
    assert heads(mails) == ["[north] 1 thing needs you"]
    services.worklist.edit(item.id, {"performed_procedure_step_status": "COMPLETED"})
    rounds()
    assert heads(mails) == ["[north] 1 thing needs you", "[north] Resolved"]


def test_what_is_said_of_an_exam_that_no_scanner_ended_is_of_nobody(rig: ApiRig, mails: MailSink) -> None:
    make(rig, kinds=["exam-not-ended"])
    services, item = rig.services, an_item()
    services.steps.record_event(an_event(item, received_at=NOW), site=item.site, relay_id="r1")
    rig.clock.advance(13 * 3600)
    uids = StaleSteps(rig.cloud.tables, services.worklist, now=services.now).set_aside()
    by_mail(rig, mails)()
    (mail,) = mails.mails
    text = mail.as_string()
    assert f"An exam was begun and never ended ({item.scheduled_station_aetitle})." in text
    assert "https://api.example.org/app/unmatched" in text
    for told in (item.patient_id, item.patient_name, item.id, item.accession_number, *uids):
        assert told not in text


def test_images_under_another_patient_id_are_told_once_and_settled_when_the_archive_is_corrected(
    rig: ApiRig, mails: MailSink
) -> None:
    make(rig, kinds=["images-of-another"])
    services, rounds, item = rig.services, by_mail(rig, mails), an_item()
    services.worklist.put_if_changed([item])
    services.completions.images_found(item.site, images(item, patient_id="P-OTHER"))
    rounds()
    rounds()
    (mail,) = mails.mails
    text = mail.as_string()
    assert "[north] 1 thing needs you" in text
    assert f"images of an exam ({item.scheduled_station_aetitle}) under another Patient ID" in text
    assert "https://api.example.org/app/unmatched" in text
    for told in (item.patient_id, item.patient_name, item.id, item.accession_number, "P-OTHER"):
        assert told not in text
    services.completions.images_found(item.site, images(item))
    rounds()
    assert heads(mails) == ["[north] 1 thing needs you", "[north] Resolved"]


@pytest.mark.parametrize(("kinds", "reads"), [(["relay-silent"], 0), (["relay-silent", "exam-not-ended"], 1)])
def test_exams_are_read_only_where_somebody_wants_to_know_of_those_that_were_never_ended(
    rig: ApiRig, mails: MailSink, monkeypatch: pytest.MonkeyPatch, kinds: list[str], reads: int
) -> None:
    asked: list[str] = []

    def note(_worklist: Any, _links: Any, site: str, *_more: Any, **_named: Any) -> list[Any]:
        asked.append(site)
        return []

    monkeypatch.setattr(function, "unended_exams", note)
    make(rig, kinds=kinds)
    by_mail(rig, mails)()
    assert asked == ["north"] * reads
