"""How a relay gets its name in the cloud: a one-time code against the public half of its key.

Apart from the calls of an enrolled relay (`edge_relay.exchange.cloud`): who enrols loads no worklist.
"""

from __future__ import annotations

import httpx
from pydantic import ValidationError

from edge_relay.exchange.answers import checked, nonsense, read
from edge_relay.exchange.identity import Enrolment


def enroll(client: httpx.Client, code: str, public_key: str, name: str) -> Enrolment:
    """Exchange a one-time code for an identity.

    :param public_key: of the key that will sign this relay's tokens, as PEM.
    :param name: what people see the relay called.
    :raises Rejected: the code is not a code.
    :raises Forbidden: the code is unknown, used or too old.
    :raises Unavailable: the cloud cannot be reached, or what answers is not the cloud.
    """
    body = {"code": code, "public_key": public_key, "name": name}
    answer = checked(read(client, "POST", "/relay/enroll", json=body)).json_object()
    try:
        return Enrolment.model_validate(answer)
    except ValidationError:
        raise nonsense("does not say who we are") from None
