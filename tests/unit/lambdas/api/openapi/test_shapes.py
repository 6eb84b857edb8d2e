"""Parts of the document that FastAPI calls an object or anything get their shape."""

from __future__ import annotations

from typing import Any

from lambdas.api.openapi.shapes import reshape


def reshaped(**schemas: Any) -> Any:
    document = {"paths": {}, "components": {"schemas": schemas}}
    reshape(document)
    return document["components"]["schemas"]


def test_what_is_answered_of_overrides_has_the_shape_of_what_was_sent() -> None:
    found = reshaped(
        **{
            "ScannerOverride-Input": {"properties": {"ae_title": {}}},
            "ScannerOverride-Output": {"type": "object", "additionalProperties": True},
            "View": {"properties": {"one": {"$ref": "#/components/schemas/ScannerOverride-Output"}}},
        }
    )
    assert found["View"]["properties"]["one"] == {"$ref": "#/components/schemas/ScannerOverride"}
    assert list(found["ScannerOverride"]["properties"]) == ["ae_title"]
    assert not any("-" in name for name in found)


def test_a_data_set_is_dicom_json() -> None:
    found = reshaped(
        ProcedureStepEvent={"properties": {"dataset": {"type": "object", "additionalProperties": True}}}
    )
    assert found["ProcedureStepEvent"]["properties"]["dataset"]["$ref"].endswith("/DicomDataSet")
    assert found["DicomElement"]["required"] == ["vr"]


def test_a_default_that_may_not_be_sent_is_none() -> None:
    found = reshaped(X={"properties": {"a": {"default": "", "minLength": 1}, "b": {"default": ""}}})
    assert found["X"]["properties"] == {"a": {"minLength": 1}, "b": {"default": ""}}


def test_a_pair_says_what_its_items_are() -> None:
    pair = {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]}
    found = reshaped(X={"properties": {"a": {"anyOf": [pair, {"type": "null"}]}}})
    assert found["X"]["properties"]["a"]["anyOf"][0]["items"] == {"type": "number"}


def test_what_is_not_given_has_no_value_that_a_client_would_send() -> None:
    found = reshaped(ItemChanges={"properties": {"allergies": {"type": "string", "default": ""}}})
    assert found["ItemChanges"]["properties"] == {"allergies": {"type": "string"}}
