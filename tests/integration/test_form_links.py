"""*Open the form in REDCap* leads to the scan's own form: its record, event, form and instance."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.redcap_simulator import longitudinal, single
from lambdas import sync_redcap
from lambdas.access.role import Role
from lambdas.sources.file import definition_from
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.pages import Page, visitor
from tests.rigs.redcap import classic_data, longitudinal_data
from tests.rigs.source import SourceRig, running_source
from tests.structure.imports import ROOT


@pytest.fixture
def rig() -> Iterator[SourceRig]:
    with running_source() as running:
        yield running


def definitions() -> list[dict[str, Any]]:
    """Return the definitions of the classic, the longitudinal and the single project."""
    sites = {"montreal": "main", "quebec": "main", "osaka": "osaka"}
    one_row = tomllib.loads((ROOT / "infra/sources/single.toml").read_text("utf-8"))
    return [classic_data(), longitudinal_data(sites), one_row]


def read(rig: SourceRig, data: dict[str, Any], project: int) -> None:
    """Register a source, and read its project."""
    definition = definition_from({**data, "url": rig.simulator.url, "time_zone": "UTC"})
    rig.api.services.sources.put(definition)
    secret = f"mwl-relay/redcap/{definition.token_secret}"
    if project:
        content = json.dumps({"token": rig.simulator.projects[project].token()})
        rig.api.cloud.secrets.create_secret(Name=secret, SecretString=content)
    try:
        event = sqs_event({"source_id": definition.id})
        assert not sync_redcap.handler(event, Context())["batchItemFailures"]
    finally:
        sync_redcap._wired.cache_clear()


def followed(rig: SourceRig, link: str) -> str:
    """Follow a link as a browser does; return what REDCap shows."""
    led: Page = visitor(rig.api, Role.ADMIN).get(link)
    assert led.status == 303, led.words
    shown = httpx.get(led.headers["location"], trust_env=False)
    assert shown.status_code == 200, (led.headers["location"], shown.text)
    return shown.text


@pytest.mark.parametrize("project", [0, 1, 2], ids=["repeating form", "repeating event", "one row"])
def test_each_exams_link_opens_the_form_with_its_own_date(rig: SourceRig, project: int) -> None:
    rig.simulator.projects += [longitudinal(4), single(3)]
    data = definitions()[project]
    read(rig, data, project)
    sites = set(data.get("sites_by_dag", {}).values()) or {data["site"]}
    found = [each for site in sites for each in rig.api.services.worklist.of_days(site, "2000", "2999")]
    assert len(found) >= 3
    for item in (each.item for each in found):
        shown = followed(rig, f"/app/sources/{item.source}/form/{item.id}")
        day = item.scheduled_start_date
        assert f"<h1>Record {item.source_record}</h1>" in shown
        assert f"{item.source_event or 'the only event'}, instance {item.source_instance}</h2>" in shown
        assert f"<th>mri_date</th><td>{day[:4]}-{day[4:6]}-{day[6:]}</td>" in shown


@pytest.mark.parametrize("project", [0, 1, 2], ids=["repeating form", "repeating event", "one row"])
def test_the_link_of_a_row_that_is_not_on_the_list_opens_the_form_to_correct(
    rig: SourceRig, project: int
) -> None:
    rig.simulator.projects += [longitudinal(4), single(3)]
    wrong = {"mri_date": "2026-11-27", "mri_time": "9 am"}
    places: list[dict[str, Any]] = [
        {"record_id": "000003", "instrument": "mri", "instance": 1},
        {"record_id": "S-0002", "instrument": "mri", "event": "mri_arm_2", "instance": 2},
        {"record_id": "0002", "instrument": "visit"},
    ]
    where = places[project]
    rig.simulator.save_form([11, 22, 33][project], values=wrong, **where)
    data = definitions()[project]
    read(rig, data, project)
    page = visitor(rig.api, Role.ADMIN).get(f"/app/sources/{data['id']}")
    pattern = rf'href="([^"]+)"[^>]*aria-label="Open the form of record {where["record_id"]} in REDCap"'
    shown = [followed(rig, link) for link in re.findall(pattern, page.html)]
    assert any("<th>mri_time</th><td>9 am</td>" in each for each in shown), page.words


def test_an_address_that_leads_to_no_form_is_refused_with_the_reason(rig: SourceRig) -> None:
    rig.simulator.projects += [longitudinal(4)]
    folder = f"{rig.simulator.base_url}/redcap_v15.5.0/DataEntry"

    def said(query: str, page: str = "index.php") -> tuple[int, str]:
        answer = httpx.get(f"{folder}/{page}?{query}", trust_env=False)
        return answer.status_code, answer.text

    assert "there is no such record" in said("pid=11&id=nobody&page=mri")[1]
    assert "is no form of this event" in said("pid=22&id=S-0001&page=mri&event_id=22001")[1]
    assert "no such event" in said("pid=22&id=S-0001&page=mri")[1]
    assert "does not repeat" in said("pid=11&id=000001&page=demographics&instance=2")[1]
    assert "is not a number" in said("pid=11&id=000001&page=mri&instance=x")[1]
    assert said("pid=99&id=000001&page=mri")[0] == 404
    assert said("pid=11&id=000001&page=mri", "other.php")[0] == 404
    assert "MRI visit, instance 1" in said("pid=11&id=000001", "record_home.php")[1]
