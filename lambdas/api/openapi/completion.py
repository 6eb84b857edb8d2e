"""What is added to FastAPI's document: meanings, shapes, headers, examples, and where the API is.

Problems get the media type of their own, and the one form that we send.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lambdas.api.openapi.examples import Examples
from lambdas.api.openapi.meanings import OF_MODELS, PARAMETERS, PROPERTIES, TAGS
from lambdas.api.openapi.shapes import TRIGGER_FORM, reshape
from lambdas.api.problems import RESPONSES
from shared.dicom.optional_attributes import OptionalAttributes
from shared.problem_document import MEDIA_TYPE
from shared.scanners.scanner_profile import ScannerProfile

_FORM: Final = "application/x-www-form-urlencoded"
_PARAM: Final = re.compile(r"^:param (\w+): (.+?)(?=^:|\Z)", re.MULTILINE | re.DOTALL)
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "2": ("X-Request-Id",),
    "201": ("X-Request-Id", "Location"),
    "4XX": ("X-Request-Id", "Retry-After", "WWW-Authenticate", "Allow"),
    "5XX": ("X-Request-Id", "Retry-After"),
}
_HEADERS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "list_items": ("Link",),
    "list_audit": ("Link",),
    "create_item": ("ETag",),
    "worklist": ("ETag", "Poll-Interval"),
}
_SAID: Final = {
    "X-Request-Id": "Names the request in the server's logs.",
    "Location": "Where it is from now on.",
    "Retry-After": "With 429 and 503: how many seconds to wait.",
    "WWW-Authenticate": "With 401: how to authenticate.",
    "Allow": "With 405: the methods of this address.",
    "Link": "The next page (RFC 8288), if there is one.",
    "ETag": "Which version this is.",
    "Poll-Interval": "For how many seconds there is no need to ask again.",
}


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with what FastAPI left out; it is changed in place."""
    document["servers"] = [{"url": "/", "description": "This server"}]
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    document.setdefault("info", {})["contact"] = {"name": "Who runs this server"}
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    reshape(document)
    for model, schema in schemas.items():
        _describe_properties(model, schema)
    examples = Examples(schemas)
    for operation in operations(document):
        _complete_operation(operation, examples)
    return document


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation of a document."""
    for path in document["paths"].values():
        yield from path.values()


def _complete_operation(operation: dict[str, Any], examples: Examples) -> None:
    _problems_by_their_media_type(operation)
    for parameter in operation.get("parameters", []):
        parameter.setdefault("description", PARAMETERS.get(parameter["name"].lower(), ""))
        # "Not given", which a client must not send as an empty text.
        if parameter.get("schema", {}).get("default") == "":
            del parameter["schema"]["default"]
    for status, answer in operation["responses"].items():
        _name_headers(operation, status, answer)
        for content in answer.get("content", {}).values():
            _show(content, examples)
            if content.get("schema") == {}:  # the answer to what was only asked for
                content["schema"], content["example"] = {"type": "null"}, None
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind == _FORM:
            content["schema"] = TRIGGER_FORM
        _show(content, examples)


def _show(content: dict[str, Any], examples: Examples) -> None:
    if content.get("schema") and "example" not in content and "examples" not in content:
        content["example"] = examples.of(content["schema"])


def _name_headers(operation: Mapping[str, Any], status: str, answer: dict[str, Any]) -> None:
    names = _HEADERS.get(status) or _HEADERS.get(status[0], ())
    if status.startswith("2"):
        names = (*names, *_HEADERS_OF.get(operation.get("operationId", ""), ()))
    for name in names:
        told = {"description": _SAID[name], "schema": {"type": "string"}}
        answer.setdefault("headers", {}).setdefault(name, told)


def _problems_by_their_media_type(operation: dict[str, Any]) -> None:
    for status in RESPONSES:
        content = operation["responses"].get(status, {}).get("content", {})
        if "application/json" in content:
            content[MEDIA_TYPE] = content.pop("application/json")
    operation["responses"].pop("422", None)  # FastAPI's own form, which we never send; 4XX tells ours


def _describe_properties(model: str, schema: dict[str, Any]) -> None:
    said = {name: " ".join(text.split()) for name, text in _PARAM.findall(schema.get("description", ""))}
    for name, found in schema.get("properties", {}).items():
        text = said.get(name) or OF_MODELS.get((model, name)) or _of_models_elsewhere(model, name)
        text = text or PROPERTIES.get(name, "")
        if text and "description" not in found:
            found["description"] = text


def _of_models_elsewhere(model: str, name: str) -> str:
    """Return what the relay's or the item's own model says of a property."""
    if model == "ScannerOverride" and name in ScannerProfile.model_fields:
        return ScannerProfile.model_fields[name].description or ""
    if name in OptionalAttributes.model_fields:
        return (
            f"{name.replace('_', ' ').title()}: the DICOM attribute of this name (PS3.6); empty: not known."
        )
    return ""
