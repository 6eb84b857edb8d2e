"""Between pynetdicom's event handlers and an application: its requests as ours, our responses as its.

pynetdicom wants data sets, not bytes: those of responses are decoded here, element by element but not value
by value, so that it writes the same bytes again.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.uid import UID, ImplicitVRLittleEndian
from pynetdicom.dimse_messages import N_CREATE_RQ, N_SET_RQ
from pynetdicom.dsutils import decode
from pynetdicom.presentation import PresentationContextTuple
from pynetdicom.service_class import (
    BasicWorklistManagementServiceClass,
    ServiceClass,
    VerificationServiceClass,
)
from pynetdicom.service_class_n import ProcedureStepServiceClass
from pynetdicom.sop_class import uid_to_service_class

from edge_relay.upper_layer import command
from edge_relay.upper_layer.command import Command, CommandField
from edge_relay.upper_layer.message import Context, Request
from edge_relay.upper_layer.operation import Response

_DATA: Final = {
    CommandField.C_FIND: "Identifier",
    CommandField.N_CREATE: "AttributeList",
    CommandField.N_SET: "ModificationList",
}
"""Where pynetdicom keeps a request's data set."""

_LONGEST_UID: Final = 64
_SERVED: Final[dict[type[ServiceClass], frozenset[CommandField]]] = {
    VerificationServiceClass: frozenset({CommandField.C_ECHO}),
    BasicWorklistManagementServiceClass: frozenset({CommandField.C_FIND}),
    ProcedureStepServiceClass: frozenset({CommandField.N_CREATE, CommandField.N_SET, CommandField.N_GET}),
}
"""What pynetdicom's service classes hand to their handlers; anything else they abort on, or take for this."""


def field(asked: Any) -> CommandField | None:
    """Return which request a primitive is, None if it is a response."""
    is_response = asked.MessageIDBeingRespondedTo is not None
    found = CommandField[type(asked).__name__]
    return found if found is CommandField.C_CANCEL or not is_response else None


def is_served(request: Request) -> bool:
    """Tell whether pynetdicom hands a request to the handler that we would."""
    service_class = uid_to_service_class(request.command.sop_class_uid)
    in_place = request.command.sop_class_uid == request.context.abstract_syntax
    return in_place and request.command.field in _SERVED.get(service_class, ())


def may_be_large(message: Any) -> bool:
    """Tell whether a message that is arriving may have more than a MB; None if none has begun."""
    return isinstance(message, N_CREATE_RQ | N_SET_RQ)


def bound_instance(command_set: Dataset) -> None:
    """Shorten a SOP Instance UID that is too long to be one, so that it reaches the service that refuses it.

    pynetdicom would end the association; what is left is no UID either, and so answered with 0117.
    """
    for keyword in ("AffectedSOPInstanceUID", "RequestedSOPInstanceUID"):
        instance = str(command_set.get(keyword, ""))
        if len(instance) > _LONGEST_UID:
            setattr(command_set, keyword, UID(f"x{instance}"[:_LONGEST_UID]))


def request(asked: Any, context: PresentationContextTuple, calling_ae_title: str) -> Request:
    """Return the request that one of pynetdicom's primitives makes in a presentation context."""
    kind = CommandField[type(asked).__name__]
    stream: BytesIO | None = getattr(asked, _DATA[kind]) if kind in _DATA else None
    data = None if stream is None else stream.getvalue() or None
    return Request(
        command=Command(
            field=kind,
            message_id=asked.MessageID,
            has_data_set=data is not None,
            sop_class_uid=_uid(asked, "AffectedSOPClassUID", "RequestedSOPClassUID"),
            sop_instance_uid=_uid(asked, "AffectedSOPInstanceUID", "RequestedSOPInstanceUID"),
            tags=_tags(getattr(asked, "AttributeIdentifierList", None)),
        ),
        context=Context(
            int(context.context_id or 0),
            str(context.abstract_syntax),
            context.transfer_syntax == ImplicitVRLittleEndian,
        ),
        data=data,
        calling_ae_title=calling_ae_title,
    )


def status(response: Response) -> Dataset:
    """Return the elements of a response's command set that depend on how it went."""
    found = Dataset()
    found.Status = response.status
    if response.comment:
        found.ErrorComment = command.plain(response.comment)
    if response.error_id is not None:
        found.ErrorID = response.error_id
    if response.sop_instance_uid:
        found.AffectedSOPInstanceUID = UID(response.sop_instance_uid)
    return found


def data_set(response: Response, *, implicit: bool) -> Dataset | None:
    """Return a response's data set, None if it has none."""
    return decode(BytesIO(response.data), implicit, is_little_endian=True) if response.data else None


def made_instance(response: Response) -> Dataset:
    """Return how pynetdicom wants to learn the SOP Instance UID that an N-CREATE left to us."""
    found = Dataset()
    found.AffectedSOPInstanceUID = UID(response.sop_instance_uid)
    return found


def refusal(asked: Any, request: Request, response: Response) -> Any:
    """Return the primitive that answers, without a data set, a request pynetdicom has no handler for."""
    answer = type(asked)()
    answer.MessageIDBeingRespondedTo = request.command.message_id
    answer.AffectedSOPClassUID = UID(request.command.sop_class_uid)
    if request.command.sop_instance_uid and hasattr(answer, "AffectedSOPInstanceUID"):
        answer.AffectedSOPInstanceUID = UID(request.command.sop_instance_uid)
    for element in status(response):
        if hasattr(answer, element.keyword):
            setattr(answer, element.keyword, element.value)
    return answer


def _uid(asked: Any, *alternatives: str) -> str:
    return next((str(uid) for name in alternatives if (uid := getattr(asked, name, None))), "")


def _tags(found: Any) -> tuple[int, ...]:
    if found is None:
        return ()
    return tuple(int(tag) for tag in (found if isinstance(found, list) else [found]))
