"""The images a performed step refers to: listed one by one while they are few, counted when they are many.

A scan of 200,000 images names each of them: 25 MB. No row of DynamoDB and no call of Lambda holds that, and
nobody in the cloud reads it. So from `MOST_LISTED` references a message on, each list is counted instead: the
element keeps its place and its VR, and has the member ``Count`` in the place of ``Value``. The relay's
journal keeps the lists complete, and N-GET returns them.

    {"00081140": {"vr": "SQ", "Count": 200000}}

Pure.
"""

from __future__ import annotations

from typing import Any, Final

from shared.steps.procedure_step import DataSetJson, ProcedureStepEvent

MOST_LISTED: Final = 2_000
"""The most references one message may list; what has more is counted."""

COUNT: Final = "Count"
LISTS: Final = frozenset({"00081140", "00400220"})
"""Referenced Image Sequence, and Referenced Non-Image Composite SOP Instance Sequence."""

_SERIES: Final = "00400340"


def reference_count(attributes: DataSetJson) -> int:
    """Return how many references a data set has, in all its lists."""
    count = 0
    for tag, element in attributes.items():
        if not _is_sequence(element):
            continue
        if tag in LISTS:
            count += _length(element)
            continue
        for item in element.get("Value", ()):
            if isinstance(item, dict):
                count += reference_count(item)
    return count


def image_count(attributes: DataSetJson) -> int | None:
    """Return how many instances the performed series refer to; None if no series is named."""
    return reference_count({_SERIES: attributes[_SERIES]}) if _SERIES in attributes else None


def counted(event: ProcedureStepEvent) -> ProcedureStepEvent:
    """Return an event whose lists are counted if they are too long to be sent; else the event itself."""
    if reference_count(event.dataset) <= MOST_LISTED:
        return event
    return event.model_copy(update={"dataset": without_lists(event.dataset)})


def without_lists(attributes: DataSetJson) -> DataSetJson:
    """Return a data set with each of its lists counted."""
    return {tag: _without_lists(tag, element) for tag, element in attributes.items()}


def _without_lists(tag: str, element: Any) -> Any:
    if tag in LISTS and _is_sequence(element):
        return {"vr": "SQ", COUNT: _length(element)} if _length(element) else element
    if not _is_sequence(element) or "Value" not in element:
        return element
    items = [without_lists(item) if isinstance(item, dict) else item for item in element["Value"]]
    return {**element, "Value": items}


def _is_sequence(element: Any) -> bool:
    return (
        isinstance(element, dict) and element.get("vr") == "SQ" and isinstance(element.get("Value", []), list)
    )


def _length(element: dict[str, Any]) -> int:
    count = element.get(COUNT)
    return count if isinstance(count, int) else len(element.get("Value", ()))
