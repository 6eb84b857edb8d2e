"""Examples of bodies and answers, put together from one value for each property. Pure.

A property's name means the same in every model, so its example does too. What has no example of its own gets
one by its type. A body shows what a caller would send, an answer what always comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

VALUES: Final[Mapping[str, Any]] = {
    "id": "8f14e45fceea467f9c2c0c2f7b1e6a3d",
    "item_id": "8f14e45fceea467f9c2c0c2f7b1e6a3d",
    "site": "north",
    "sites": ["north"],
    "source": "memory-study",
    "source_id": "memory-study",
    "source_record": "001",
    "source_event": "baseline_arm_1",
    "source_instrument": "mri_booking",
    "record": "001",
    "event": "baseline_arm_1",
    "instrument": "mri_booking",
    "study_instance_uid": "2.25.190522342234567890123456789012345678",
    "sop_instance_uid": "2.25.77",
    "accession_number": "M8F14E45FCEEA46",
    "requested_procedure_id": "R8F14E45FCEEA46",
    "scheduled_procedure_step_id": "S8F14E45FCEEA46",
    "patient_name": "Nguyen^Ann",
    "patient_id": "sub-001",
    "patient_birth_date": "19900131",
    "patient_sex": "F",
    "patient_weight_kg": "62.5",
    "patient_weight_lb": "137.8",
    "modality": "MR",
    "scheduled_station_aetitle": "PRISMA1",
    "station_aetitle": "PRISMA1",
    "actual_station_aetitle": "PRISMA1",
    "calling_aetitle": "PRISMA1",
    "ae_title": "PRISMA1",
    "scheduled_start_date": "20261127",
    "scheduled_start_time": "093000",
    "day": "20261127",
    "study_description": "Memory study",
    "procedure_description": "Brain MRI",
    "protocol_name": "Memory, visit 1",
    "allergies": "latex",
    "version": "17-5f0c1b2a3d4e",
    "status_owner": "source",
    "username": "ann",
    "actor": "ann",
    "by": "ann",
    "full_name": "Ann Lee",
    "email": "ann@example.org",
    "role": "write",
    "password": "violet kettle moraine",
    "current_password": "violet kettle moraine",
    "new_password": "copper lantern estuary",
    "access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ.e30.c2lnbmF0dXJl",
    "id_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.c2lnbmF0dXJl",
    "token_type": "bearer",
    "expires_in": 1800,
    "access_token_expire_minutes": 30,
    "session_id": "0b8f2d4c6e1a4f7f9d3b5a7c9e1f3d5b",
    "request_id": "5e3f0cb13f8d4c299d4e0a52f6f3b1d7",
    "relay_id": "3c59dc048e8850243be8079a5c74d079",
    "event_id": "d1b2c3a4e5f60718293a4b5c6d7e8f90",
    "entry": "20261127/093012.123456#person:ann#12",
    "previous": "9b74c9897bac770ffc029102a200c5de9b74c9897bac770ffc029102a200c5de",
    "address": "192.0.2.7",
    "name": "relay-north",
    "code": "7KQ2-9MXA-4TZB-C8WD-1RVE",
    "public_key": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA...\n-----END PUBLIC KEY-----\n",
    "audience": "mwl-relay",
    "type": "urn:mwl-relay:problem:not-found",
    "title": "Not Found",
    "status": "IN PROGRESS",
    "detail": "no such worklist item",
    "where": "id",
    "reason": "scan_date is empty",
    "because": "scanned twice by mistake",
    "message": "Item deleted successfully",
    "fields": ["patient_name"],
    "why": ["same Patient ID", "started 4 minutes after it was booked"],
    "score": 90,
    "flaws": [],
    "checks": {"worklist_table": "ok", "accounts_table": "ok"},
    "kind": "item",
    "action": "changed",
    "actor_kind": "person",
    "ids": [],
    "before": {"allergies": ""},
    "after": {"allergies": "latex"},
    "cursor": "eyJzZXEiOjQyfQ",
    "redcap_event_name": "baseline_arm_1",
    "project_id": "16",
    "timezone": "Europe/Berlin",
}

SENT: Final[Mapping[str, tuple[str, ...]]] = {
    "NewItem": (
        "site",
        "patient_name",
        "patient_id",
        "patient_birth_date",
        "modality",
        "scheduled_station_aetitle",
        "scheduled_start_date",
        "scheduled_start_time",
        "procedure_description",
    ),
    "ItemChanges": ("allergies", "version"),
    "Login": ("username", "password", "access_token_expire_minutes"),
    "NewUser": ("username", "password", "role", "sites"),
    "UserChanges": ("role", "sites"),
    "Release": ("fields",),
    "Invitation": ("site",),
    "PreviewRequest": (),
    "SyncRequest": (),
    "ScannerOverride": ("ae_title", "days_ahead"),
    "Problem": ("type", "title", "status", "detail", "where", "request_id"),
}
"""What an example shows of a model, where that is more than what is required."""

OF_MODELS: Final[Mapping[tuple[str, str], Any]] = {
    ("Problem", "status"): 404,
    ("DicomElement", "vr"): "CS",
    ("DicomElement", "Value"): ["IN PROGRESS"],
    ("Health", "status"): "ok",
    ("Health", "version"): "1.4.0",
    ("RelayHealth", "version"): "1.4.0",
    ("RelaySummary", "version"): "1.4.0",
    ("ScannersView", "version"): "3",
    ("HeartbeatAnswer", "version"): "3",
    ("Woken", "status"): "accepted",
    ("AuditRecord", "kind"): "item",
}
_MOMENT: Final = "2026-11-27T09:30:12Z"
_DEPTH: Final = 6
_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "array": list,
    "object": dict,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


class Examples:
    """Examples of a document's schemas.

    :param schemas: of its components, by name.
    """

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def of(self, schema: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
        """Return an example of a schema.

        :param name: of the property that it is the schema of; empty: it is a whole body.
        """
        if "$ref" in schema:
            return self._of_model(schema["$ref"].rpartition("/")[2], name, depth)
        options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
        if options:
            return self.of(options[0], name, depth)
        if name in VALUES and _fits(VALUES[name], schema):
            return VALUES[name]
        return self._by_type(schema, name, depth)

    def _of_model(self, model: str, name: str, depth: int) -> Any:
        schema = self._schemas[model]
        if "properties" not in schema:
            return self.of(schema, name, depth)
        if depth > _DEPTH:
            return {}
        shown = SENT.get(model, tuple(schema.get("required", ())))
        needed = dict.fromkeys((*schema.get("required", ()), *shown))
        return {
            each: OF_MODELS[model, each]
            if (model, each) in OF_MODELS
            else self.of(schema["properties"][each], each, depth + 1)
            for each in needed
        }

    def _by_type(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        for key in ("const", "default"):
            if schema.get(key) is not None:
                return schema[key]
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        if kind == "array":
            return self._array(schema, name, depth)
        if kind == "object" or "properties" in schema:
            return self._object(schema, depth)
        return _scalar(schema)

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if "prefixItems" in schema:
            return [self.of(each, "", depth + 1) for each in schema["prefixItems"]]
        return [self.of(schema.get("items", {}), name, depth + 1)] if depth <= _DEPTH else []

    def _object(self, schema: Mapping[str, Any], depth: int) -> Any:
        properties = schema.get("properties", {})
        return {name: self.of(properties[name], name, depth + 1) for name in schema.get("required", ())}


def _scalar(schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind in {"integer", "number"}:
        return max(schema.get("minimum", 0), 1)
    if kind in {"boolean", "null"}:
        return False if kind == "boolean" else None
    return _text(schema)


def _text(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return _MOMENT
    return "text"[: schema.get("maxLength", 4)]


def _fits(value: object, schema: Mapping[str, Any]) -> bool:
    expected = _KINDS.get(schema.get("type", ""), object)
    allowed = schema.get("enum") or [schema["const"]] if "const" in schema or "enum" in schema else None
    return isinstance(value, expected) and (allowed is None or value in allowed)
