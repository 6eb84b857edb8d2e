"""Association requests as another implementation, pynetdicom, writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from tests.rigs.upper_layer import APPLICATION_CONTEXT


def association_request(
    contexts: Iterable[tuple[str, Sequence[str]]],
    *,
    calling: str = "SCANNER1",
    called: str = "MWL_RELAY",
    longest: int = 16_384,
    application_context: str = APPLICATION_CONTEXT,
    more: Iterable[Any] = (),
) -> bytes:
    """Return an A-ASSOCIATE-RQ.

    :param contexts: abstract syntax and transfer syntaxes of each presentation context.
    :param longest: the Maximum Length the peer asks for.
    :param more: further items of the user information.
    """
    asked: Any = A_ASSOCIATE()
    asked.calling_ae_title, asked.called_ae_title = calling, called
    asked.application_context_name = application_context
    proposed = []
    for number, (abstract, transfers) in enumerate(contexts):
        context: Any = build_context(abstract, list(transfers))
        context.context_id = 2 * number + 1
        proposed.append(context)
    asked.presentation_context_definition_list = proposed
    length = MaximumLengthNotification()
    length.maximum_length_received = longest
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = "1.2.3"
    asked.user_information = [length, implementation, *more]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(asked)
    return pdu.encode()
