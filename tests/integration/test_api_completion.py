"""An exam that no scanner reports: a person marks it as done, or a relay tells of its images."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from lambdas.store.unfinished_write_backs import completion_of
from tests.rigs.api import PASSWORD, ApiRig
from tests.rigs.api_of_one_item import ITEM, WHERE, api_of_one_item
from tests.rigs.builders import an_event
from tests.rigs.images import images
from tests.rigs.lambda_events import Answer, LambdaClient
from tests.rigs.pages import Visitor, visitor

STATUS = "performed_procedure_step_status"
PAGE = f"/app/items/{ITEM.id}"


@pytest.fixture
def api() -> Iterator[ApiRig]:
    with api_of_one_item() as running:
        yield running


@pytest.fixture
def person(api: ApiRig) -> LambdaClient:
    return api.user(Role.WRITE)


def stands(answer: Answer) -> tuple[str, str]:
    assert answer.status == 200, answer.text
    return answer.json()[STATUS], answer.json()["status_owner"]


def woken(api: ApiRig) -> list[str]:
    """Return what the write-back was told to look at."""
    return [each["sop_instance_uid"] for each in api.cloud.received(api.cloud.write_back_queue_url)]


def test_a_person_marks_an_exam_as_done_and_takes_it_back(api: ApiRig, person: LambdaClient) -> None:
    answer = person.post(f"{WHERE}/complete")
    assert stands(answer) == ("COMPLETED", "person")
    assert woken(api) == [completion_of(ITEM.id)]
    assert person.post(f"{WHERE}/complete").json() == answer.json()
    undone = person.post(f"{WHERE}/reopen")
    assert stands(undone) == ("SCHEDULED", "source")
    assert undone.headers["etag"] == person.get(WHERE).headers["etag"]
    assert person.post(f"{WHERE}/reopen").status == 422
    told = person.get(f"{WHERE}/history").json()
    changes = [each["after"].get(STATUS) for each in told if each["actor_kind"] == "person"]
    assert changes == ["COMPLETED", "SCHEDULED"]


def test_who_looked_at_an_older_version_is_told_so(person: LambdaClient) -> None:
    old = person.get(WHERE).headers["etag"]
    person.put(WHERE, json={"allergies": "latex"})
    assert person.post(f"{WHERE}/complete", headers={"if-match": old}).status == 412
    assert person.get(WHERE).json()[STATUS] == "SCHEDULED"


def test_marking_as_done_needs_the_right_to_write_and_an_exam(api: ApiRig, person: LambdaClient) -> None:
    assert api.user(Role.READ).post(f"{WHERE}/complete").status == 403
    assert person.post("/worklist/none/complete").status == 404
    assert person.post("/worklist/none/reopen").status == 404


def test_a_relay_tells_of_images_and_the_exam_is_completed(api: ApiRig) -> None:
    relay = api.relay().http
    studies = [
        images(ITEM, last_at="2026-11-22T10:20:30").model_dump(mode="json"),
        images(ITEM, item_id="none").model_dump(mode="json"),
    ]
    answer = relay.post("/relay/images", json={"studies": studies})
    assert [each["outcome"] for each in answer.json()["results"]] == ["completed", "gone"]
    shown = api.user(Role.READ).get(WHERE)
    assert stands(shown) == ("COMPLETED", "images")
    assert shown.json()["images"] == {
        "archive": "PACS",
        "series_count": 3,
        "image_count": 480,
        "last_at": "2026-11-22T10:20:30",
        "other_patient": False,
    }
    assert woken(api) == [completion_of(ITEM.id)]


def test_images_under_another_patient_id_are_shown_to_people_without_it(api: ApiRig) -> None:
    studies = [images(ITEM, patient_id="P-OTHER").model_dump(mode="json")]
    answer = api.relay().http.post("/relay/images", json={"studies": studies})
    assert answer.json()["results"] == [{"item_id": ITEM.id, "outcome": "other_patient"}]
    shown = api.user(Role.READ).get(WHERE)
    assert (shown.json()[STATUS], shown.json()["images"]["other_patient"]) == ("SCHEDULED", True)
    assert "P-OTHER" not in shown.text


def test_a_relay_of_another_site_completes_nothing(api: ApiRig) -> None:
    relay = api.relay("south").http
    answer = relay.post("/relay/images", json={"studies": [images(ITEM).model_dump(mode="json")]})
    assert answer.json()["results"] == [{"item_id": ITEM.id, "outcome": "gone"}]
    assert api.user(Role.READ).get(WHERE).json()[STATUS] == "SCHEDULED"


# The page of the exam


def pressed(browser: Visitor, button: str) -> str:
    """Press a button of the exam's page, and return what the page then says."""
    page = browser.get(PAGE)
    answer = browser.post(f"{PAGE}/{button}", {"version": page.field("version")})
    return browser.follow(answer).words


def test_who_may_write_has_a_button_that_marks_it_as_done_and_one_that_takes_it_back(api: ApiRig) -> None:
    browser = visitor(api, Role.WRITE)
    assert "Mark as done" in browser.get(PAGE).words
    said = pressed(browser, "complete")
    assert "it is completed because a person marked it as done. REDCap is being told." in said
    assert "Mark as done" not in said
    assert "it is completed because" not in pressed(browser, "reopen")
    assert "Mark as done" not in visitor(api, Role.READ).get(PAGE).words


def test_the_page_says_that_images_are_under_another_patient_id(api: ApiRig) -> None:
    told = images(ITEM, patient_id="P-OTHER")
    api.services.completions.images_found(ITEM.site, told)
    said = visitor(api, Role.READ).get(PAGE).words
    assert "The archive PACS has 480 images in 3 series of it." in said
    assert "They are under another Patient ID, so they are not believed" in said
    assert "P-OTHER" not in said


def test_unmatched_lists_the_exams_with_images_under_another_patient_id(api: ApiRig) -> None:
    api.services.completions.images_found(ITEM.site, images(ITEM, patient_id="P-OTHER"))
    page = visitor(api, Role.READ).get("/app/unmatched")
    assert "Bookings with images under another Patient ID" in page.words
    assert f"{ITEM.scheduled_station_aetitle} at {ITEM.site}; archive PACS" in page.words
    assert f'href="{PAGE}"' in page.html
    assert ITEM.patient_name not in page.html
    add_user(api.services, "sue", PASSWORD, Role.READ, about={"sites": ("south",)})
    elsewhere = visitor(api, Role.READ, "sue").get("/app/unmatched")
    assert "another Patient ID</h2>" not in elsewhere.html


@pytest.mark.parametrize("settled", ["by a person", "by the archive", "by its scanner"])
def test_whoever_says_what_became_of_it_takes_it_off_that_list(api: ApiRig, settled: str) -> None:
    services = api.services
    services.completions.images_found(ITEM.site, images(ITEM, patient_id="P-OTHER"))
    if settled == "by a person":
        services.completions.complete(ITEM.id)
    elif settled == "by the archive":
        services.completions.images_found(ITEM.site, images(ITEM))
    else:
        services.steps.record_event(an_event(ITEM), site=ITEM.site, relay_id="r")
    assert "images under another" not in visitor(api, Role.READ).get("/app/unmatched").words


def test_the_page_of_an_exam_that_a_scanner_reports_has_no_such_button(api: ApiRig) -> None:
    api.services.steps.record_event(an_event(ITEM), site=ITEM.site, relay_id="r")
    said = visitor(api, Role.WRITE).get(PAGE).words
    assert "Mark as done" not in said
    assert stands(api.user(Role.READ).get(WHERE)) == ("IN_PROGRESS", "mpps")
