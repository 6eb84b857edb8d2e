"""Shapes of what FastAPI calls an object or anything: DICOM JSON, raw definitions, forms. Pure.

Some bodies are read one part at a time, so that one bad part does not refuse the others: the code takes a
``dict`` there. The document says what belongs into it.
"""

from __future__ import annotations

from typing import Any, Final

_ANYTHING: Final = {"description": "Any JSON value."}

DICOM: Final[dict[str, dict[str, Any]]] = {
    "DicomDataSet": {
        "type": "object",
        "title": "DicomDataSet",
        "description": "A data set in the DICOM JSON model (PS3.18 F): elements by tag, such as `00100010`.",
        "additionalProperties": {"$ref": "#/components/schemas/DicomElement"},
    },
    "DicomElement": {
        "type": "object",
        "title": "DicomElement",
        "description": "An element in the DICOM JSON model (PS3.18 F.2.2).",
        "required": ["vr"],
        "properties": {
            "vr": {"type": "string", "description": "Value representation, such as `CS`."},
            "Value": {
                "type": "array",
                "items": dict(_ANYTHING),
                "description": "The values: texts, numbers, names or data sets, as the vr says.",
            },
            "InlineBinary": {"type": "string", "description": "The bytes, in base64."},
        },
    },
}

_OVERRIDE: Final = "#/components/schemas/ScannerOverride"
_SOURCE: Final = "#/components/schemas/SourceDefinition"
_EVENT: Final = "#/components/schemas/ProcedureStepEvent"

_NOT_GIVEN: Final = {"ItemChanges", "NewItem", "ScannerOverride"}
"""In these a value that is not given is not the same as an empty one: a client made of a document with
defaults would send all of them, and empty what it did not mean."""

TRIGGER_FORM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "What REDCap's Data Entry Trigger sends; more fields may come and are passed over.",
    "required": ["record"],
    "properties": {
        "record": {"type": "string", "description": "The record that was saved."},
        "project_id": {"type": "string", "description": "REDCap's number of the project."},
        "instrument": {"type": "string", "description": "The form that was saved."},
        "redcap_event_name": {"type": "string", "description": "The unique event name."},
    },
    "additionalProperties": {"type": "string"},
}


def reshape(document: dict[str, Any]) -> None:
    """Give a document's untyped parts their shape; parts that a document lacks are passed over."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    _one_override(document, schemas)
    for model, name in (("HeartbeatAnswer", "scanners"), ("MppsEvents", "events")):
        if model in schemas:
            reference = _OVERRIDE if name == "scanners" else _EVENT
            schemas[model]["properties"][name]["items"] = {"$ref": reference}
    if "ProcedureStepEvent" in schemas:
        schemas |= DICOM
        dataset = schemas["ProcedureStepEvent"]["properties"]["dataset"]
        dataset.pop("additionalProperties", None)
        dataset.pop("type", None)
        dataset["$ref"] = "#/components/schemas/DicomDataSet"
    for name in ("before", "after"):
        if "AuditRecord" in schemas:
            schemas["AuditRecord"]["properties"][name]["additionalProperties"] = dict(_ANYTHING)
    _definitions(document, schemas)
    for model in _NOT_GIVEN & schemas.keys():
        for found in schemas[model]["properties"].values():
            found.pop("default", None)
    for schema in schemas.values():
        _repair(schema)


def _one_override(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Put one schema in the place of two: what is answered is what was sent, which FastAPI cannot see."""
    if "ScannerOverride-Input" not in schemas:
        return
    schemas["ScannerOverride"] = schemas.pop("ScannerOverride-Input")
    schemas.pop("ScannerOverride-Output", None)
    for reference in _references(document):
        for end in ("-Input", "-Output"):
            if reference["$ref"] == _OVERRIDE + end:
                reference["$ref"] = _OVERRIDE


def _references(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [each for part in node for each in _references(part)]
    if not isinstance(node, dict):
        return []
    own = [node] if isinstance(node.get("$ref"), str) else []
    return own + [each for part in node.values() for each in _references(part)]


def _definitions(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    if "SourceDefinition" not in schemas:
        return
    body = document["paths"].get("/sources/{source_id}", {}).get("put", {}).get("requestBody")
    if body:
        body["content"]["application/json"]["schema"] = {"$ref": _SOURCE}
    if "PreviewRequest" in schemas:
        told = schemas["PreviewRequest"]["properties"]["definition"]
        told["anyOf"] = [{"$ref": _SOURCE}, {"type": "null"}]


def _repair(schema: dict[str, Any]) -> None:
    """Mend what pydantic writes and other tools take amiss."""
    for found in schema.get("properties", {}).values():
        # "Not given" is not a value that may be sent.
        if found.get("default") == "" and found.get("minLength", 0) > 0:
            del found["default"]
        for kind in (found, *found.get("anyOf", ())):
            if "prefixItems" in kind and "items" not in kind:
                kind["items"] = kind["prefixItems"][-1]
