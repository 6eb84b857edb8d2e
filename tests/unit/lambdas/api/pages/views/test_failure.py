"""An error says what happened and what to do, for people."""

from __future__ import annotations

from http import HTTPStatus

from lambdas.api.pages.views.failure import failure
from shared.errors import AlreadyExists, Conflict, Outdated, Rejected, Unavailable


def test_what_is_wrong_is_said_with_what_to_do() -> None:
    said = failure(
        HTTPStatus.UNPROCESSABLE_ENTITY, Rejected("is too long", where="patient_id", hint="cut it")
    )
    assert said == ("Something is wrong with what was entered", "Patient_id: is too long.", "Cut it.")


def test_without_a_hint_there_is_advice() -> None:
    said = failure(HTTPStatus.SERVICE_UNAVAILABLE, Unavailable("DynamoDB does not answer"))
    assert "Try again in a minute" in said.advice


def test_a_change_by_somebody_else_speaks_of_no_header() -> None:
    outdated = Outdated("the item has changed", where="If-Match", hint="read it again", changed={})
    for status, error in (
        (HTTPStatus.PRECONDITION_FAILED, outdated),
        (HTTPStatus.CONFLICT, Conflict("a race")),
    ):
        said = failure(status, error)
        assert (said.headline, said.what) == ("Somebody else changed this first", "")
        assert said.advice.startswith("Nothing was saved")


def test_what_is_there_already_is_no_race() -> None:
    said = failure(409, AlreadyExists("the name is taken", where="username"))
    assert said[:2] == ("This cannot be done", "Username: the name is taken.")


def test_every_other_status_has_words_too() -> None:
    assert failure(HTTPStatus.IM_A_TEAPOT).headline == "This did not work"
