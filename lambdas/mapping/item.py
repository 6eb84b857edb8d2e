"""The item a scan's row makes, by the definition. Pure.

A value that cannot be used costs the scan its place only if no scan may lack it: who is scanned, when, where
and what for, and whatever the definition names in ``required``. Any other is left out, and noted. Nothing
stands in for it: no default, and never a part of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from lambdas.mapping.hidden_characters import IDENTIFIERS, visible_fault
from lambdas.mapping.row_values import RowValues
from lambdas.mapping.values import ValueFault, item_value
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from shared import identifiers
from shared.errors import Rejected
from shared.worklist_item import WorklistItem


@dataclass(frozen=True)
class Made:
    """An item, and what is not quite as REDCap has it.

    :param left_out: values that could not be used.
    :param put_right: values that were not what they looked like.
    """

    item: WorklistItem
    left_out: tuple[ValueFault, ...] = ()
    put_right: tuple[ValueFault, ...] = ()


class Implausible(ValueFault):
    """A value that can be read, and that nobody believes."""


def make_item(definition: SourceDefinition, site: str, row: RedcapRow, values: RowValues) -> Made:
    """Return the item of a row.

    :raises ValueFault: something that no scan may lack is empty or cannot be used.
    :raises Implausible: a value is outside the definition's limits.
    """
    fields: dict[str, object] = {**_key_fields(definition, site, row)}
    faults: list[ValueFault] = []
    for target, mapping in definition.fields.items():
        try:
            value = item_value(target, mapping, definition.parts, values)
        except ValueFault as fault:
            if definition.requires(target):
                raise
            faults.append(fault)
            continue
        if value != "":
            fields[target] = value
    fields |= _protocol(definition, values)
    item = _validated(definition, fields, faults)
    for target, reason in definition.limits.broken_by(item):
        raise Implausible(target, reason)
    return Made(item, tuple(faults), tuple(_put_right(definition, fields.keys(), values)))


def _key_fields(definition: SourceDefinition, site: str, row: RedcapRow) -> dict[str, object]:
    key = row.key(definition.id)
    item_id = key.item_id()
    return {
        "id": item_id,
        "site": site,
        "source": key.source,
        "source_record": key.record,
        "source_event": key.event,
        "source_instrument": key.instrument,
        "source_instance": key.instance,
        "study_instance_uid": identifiers.study_instance_uid(item_id),
        "accession_number": identifiers.accession_number(item_id),
        "requested_procedure_id": identifiers.requested_procedure_id(item_id),
        "scheduled_procedure_step_id": identifiers.scheduled_procedure_step_id(item_id),
    }


def _protocol(definition: SourceDefinition, values: RowValues) -> dict[str, str]:
    protocol = definition.protocol
    if protocol is None:
        return {}
    try:
        return protocol.choose(values.of(protocol.field)).item_fields()
    except Rejected as error:
        raise ValueFault("protocol", error.what, (protocol.field,)) from None


def _validated(
    definition: SourceDefinition, fields: dict[str, object], faults: list[ValueFault]
) -> WorklistItem:
    """Return the item of these fields; those that are no legal value are taken out, if it can do without."""
    while True:
        for target, info in WorklistItem.model_fields.items():
            if target not in fields and (info.is_required() or target in definition.required):
                raise next(
                    (fault for fault in faults if fault.target == target), ValueFault(target, "is empty")
                )
        try:
            return WorklistItem.model_validate(fields)
        except ValidationError as error:
            for wrong in error.errors(include_input=False, include_url=False):
                target = str(wrong["loc"][0])
                fault = ValueFault(target, wrong["msg"].removeprefix("Value error, "))
                if definition.requires(target) or target not in fields or target not in definition.fields:
                    raise fault from None
                del fields[target]
                faults.append(fault)


def _put_right(
    definition: SourceDefinition, sent: Collection[str], values: RowValues
) -> Iterator[ValueFault]:
    for target in definition.fields:
        if target in sent and target not in IDENTIFIERS:
            for name in definition.redcap_fields(target):
                if fault := visible_fault(values.of(name)):
                    yield ValueFault(target, f"it had {fault}", (name,))
