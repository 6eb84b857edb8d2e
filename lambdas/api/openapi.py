"""The OpenAPI document, made fit for people who read it and for programs that make clients of it.

What FastAPI does not say is added here: that problems have a media type of their own, what each property and
parameter means, the tags, and where the API is. A property's meaning comes from its own description, else
from the ``:param name:`` of its model, else from the tables below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from lambdas.api.problems import RESPONSES
from shared.problem_document import MEDIA_TYPE

TAGS: Final = {
    "login": "Access tokens and sessions.",
    "worklist": "What scanners are shown, and what became of it.",
    "procedure steps": "What scanners did, and of which exam it was.",
    "users": "People who use the API.",
    "sources": "REDCap projects: how they are read, and how that goes.",
    "write-backs": "What REDCap refused to be told.",
    "relays": "The relays near the scanners.",
    "reports": "How the scanners were used.",
    "notices": "Who is told what needs somebody.",
    "calendars": "When scanners are booked, for calendar programs.",
    "audit": "Who did what, when, and from where.",
    "for relays": "What relays themselves call.",
    "for REDCap": "What REDCap itself calls.",
    "health": "Whether the service works.",
}

_PARAMETERS: Final = {
    "item_id": "The item's `id`.",
    "sop_instance_uid": "The SOP Instance UID of the performed procedure step.",
    "username": "The name the person logs in with, in any case.",
    "session_id": "The session's `session_id`.",
    "source_id": "The source's `id`.",
    "event_id": "The parked event's `event_id`, as `GET /relays/{id}` lists it.",
    "relay_id": "The relay's `relay_id`.",
    "notice_id": "The notice's `notice_id`.",
    "calendar_id": "The calendar's `calendar_id`.",
    "secret": "The secret, which was shown once.",
    "site": "Only this site.",
    "modality": "Only this modality, such as `MR`.",
    "date_from": "The first day, `YYYYMMDD` or `YYYY-MM-DD`.",
    "date_to": "The last day, `YYYYMMDD` or `YYYY-MM-DD`.",
    "day": "The day, UTC, `YYYYMMDD` or `YYYY-MM-DD`.",
    "limit": "How many at most.",
    "offset": "How many to pass over first. For long lists follow the `Link` header instead.",
    "open_hours": "After how many hours without news a step in progress counts as open too long.",
    "withdraw": "Take the source's open items off the worklist.",
    "action": "Only this action.",
    "accept": "`text/csv` for CSV.",
    "cursor": "Where to go on: from the answer before.",
    "if-none-match": "The `ETag` you have: unchanged, it is answered with 304.",
    "prefer": "`wait=SECONDS`: how long to work on the request (RFC 7240).",
}

_PROPERTIES: Final = {
    "id": "Names it, for ever.",
    "site": "The unit that a relay serves.",
    "source": "The REDCap source it comes from; empty if it was made by hand.",
    "source_record": "REDCap's record id.",
    "source_event": "REDCap's unique event name.",
    "source_instrument": "REDCap's repeating instrument.",
    "source_instance": "REDCap's repeat instance.",
    "study_instance_uid": "Study Instance UID (0020,000D).",
    "accession_number": "Accession Number (0008,0050).",
    "requested_procedure_id": "Requested Procedure ID (0040,1001).",
    "scheduled_procedure_step_id": "Scheduled Procedure Step ID (0040,0009).",
    "patient_name": "Patient's Name (0010,0010), `Family^Given`.",
    "patient_id": "Patient ID (0010,0020).",
    "issuer_of_patient_id": "Issuer of Patient ID (0010,0021).",
    "patient_birth_date": "Patient's Birth Date (0010,0030), `YYYYMMDD`.",
    "patient_sex": "Patient's Sex (0010,0040): `M`, `F`, `O`, or empty.",
    "patient_weight_kg": "Patient's Weight (0010,1030) in kilograms.",
    "patient_weight_lb": "The same weight in pounds.",
    "patient_size_m": "Patient's Size (0010,1020) in metres.",
    "pregnancy_status": "Pregnancy Status (0010,21C0): 1 not, 2 possibly, 3 definitely, 4 unknown.",
    "medical_alerts": "Medical Alerts (0010,2000).",
    "allergies": "Allergies (0010,2110).",
    "referring_physician_name": "Referring Physician's Name (0008,0090).",
    "study_description": "Study Description (0008,1030).",
    "modality": "Modality (0008,0060).",
    "scheduled_station_aetitle": "Scheduled Station AE Title (0040,0001): the scanner.",
    "station_name": "Scheduled Station Name (0040,0010).",
    "scheduled_start_date": "Scheduled start, `YYYYMMDD`, local to the site.",
    "scheduled_start_time": "Scheduled start, `HHMMSS`, local to the site.",
    "performing_physician": "Scheduled Performing Physician's Name (0040,0006).",
    "procedure_description": "Requested Procedure Description (0032,1060).",
    "protocol_name": "Scheduled Procedure Step Description (0040,0007).",
    "hisris_coding_designator": "The code that tells the scanner which protocol to use.",
    "performed_procedure_step_status": "Where the exam stands.",
    "edited": "Fields that a person changed, which REDCap no longer does.",
    "status_owner": "Who set the status last: `source`, `mpps` or `person`.",
    "version": "Which version this is: of an item, what the header `ETag` says.",
    "actual_start": "When the first scan began, the scanner's local time.",
    "actual_end": "When the last scan ended, the scanner's local time.",
    "actual_station_aetitle": "The scanner that did it.",
    "actual_station_name": "That scanner's name.",
    "series_count": "How many series were acquired.",
    "procedure_steps": "SOP Instance UIDs of the performed procedure steps.",
    "at": "When, UTC.",
    "actor_kind": "What kind of actor it was.",
    "actor": "A username, or the id of a relay or source.",
    "address": "Where the request came from.",
    "request_id": "Names the request in the logs.",
    "action": "What was done.",
    "kind": "What it was done to, or what kind it is.",
    "ids": "The items that were shown.",
    "before": "The fields that changed, as they were.",
    "after": "The fields that changed, as they are.",
    "entry": "Names the audit entry.",
    "previous": "The hash of the entry before it in its chain.",
    "day": "The day, `YYYYMMDD`.",
    "entries": "How many entries the day has.",
    "flaws": "What is wrong with them, in words; empty if nothing is.",
    "score": "The higher, the likelier.",
    "why": "What speaks for it, and against it.",
    "item": "The worklist item.",
    "item_id": "The `id` of a worklist item.",
    "items": "The worklist items.",
    "message": "What was done, in words.",
    "type": "What kind of problem it is: a URN.",
    "title": "The HTTP status in words.",
    "status": "Where it stands; of a problem, the HTTP status.",
    "detail": "What failed, and why.",
    "where": "The field it concerns.",
    "hint": "What to do about it.",
    "errors": "Each flaw, if there are several; or what changed meanwhile.",
    "access_token": "Goes into `Authorization: Bearer ...`.",
    "token_type": "Always `bearer`.",
    "expires_in": "Seconds until it is no longer good.",
    "access_token_expire_minutes": "How long it should be good; the server may cut it.",
    "username": "The name to log in with, in small letters.",
    "password": "12 to 256 characters, not easily guessed.",
    "current_password": "The one that is to go.",
    "new_password": "12 to 256 characters, not easily guessed.",
    "id_token": "That your OpenID provider gave the program, at most 10 minutes ago.",
    "role": "`admin`: everything; `write`: the worklist; `read`: the worklist, reading only.",
    "disabled": "Whether the person is kept from logging in.",
    "is_active": "The contrary of `disabled`.",
    "email": "Where to reach the person; empty: unknown.",
    "full_name": "What people call the person.",
    "sites": "The sites; none: all.",
    "created_at": "When it was made.",
    "session_id": "Names the session.",
    "began_at": "When it began.",
    "expires_at": "Until when it is good.",
    "fields": "Names of fields.",
    "sop_instance_uid": "SOP Instance UID of the performed procedure step.",
    "started_at": "When it began, the scanner's local time.",
    "ended_at": "When it ended, the scanner's local time.",
    "reported_at": "When a relay heard of it last.",
    "station_aetitle": "The scanner.",
    "problems": "What is wrong with it; empty if nothing is.",
    "step": "The performed procedure step.",
    "candidates": "Items it may be of, the likeliest first.",
    "checks": "Each part that was tried: `ok`, or what kind of trouble there is.",
}

_PARAM: Final = re.compile(r"^:param (\w+): (.+?)(?=^:|\Z)", re.MULTILINE | re.DOTALL)


def operation_id(route: APIRoute) -> str:
    """Return what a client calls an operation: the name of its function."""
    return route.name


def install(app: FastAPI) -> None:
    """Make an application's document say all of this."""
    original = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = completed(original())
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with what FastAPI left out; it is changed in place."""
    document["servers"] = [{"url": "/", "description": "This server"}]
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    for operation in operations(document):
        _problems_by_their_media_type(operation)
        for parameter in operation.get("parameters", []):
            parameter.setdefault("description", _PARAMETERS.get(parameter["name"].lower(), ""))
    for schema in document.get("components", {}).get("schemas", {}).values():
        _describe_properties(schema)
    return document


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation of a document."""
    for path in document["paths"].values():
        yield from path.values()


def _problems_by_their_media_type(operation: dict[str, Any]) -> None:
    for status in RESPONSES:
        content = operation["responses"].get(status, {}).get("content", {})
        if "application/json" in content:
            content[MEDIA_TYPE] = content.pop("application/json")
    operation["responses"].pop("422", None)  # FastAPI's own form, which we never send; 4XX tells ours


def _describe_properties(schema: dict[str, Any]) -> None:
    said = {name: " ".join(text.split()) for name, text in _PARAM.findall(schema.get("description", ""))}
    for name, found in schema.get("properties", {}).items():
        text = said.get(name) or _PROPERTIES.get(name)
        if text and "description" not in found:
            found["description"] = text
