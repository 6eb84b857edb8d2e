"""Single sign-on for programs; for people it is at the dashboard's sign-in."""

from __future__ import annotations

from fastapi import Request

from lambdas.api import single_sign_on
from lambdas.api.auth import give_token
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.schemas.common import AccessToken, Exchange

router = Router(prefix="/auth", tags=["login"])


@router.post("/exchange")
def exchange_id_token(body: Exchange, request: Request, services: UseServices) -> AccessToken:
    """Exchange an ID token of your organisation's OpenID provider for an access token.

    The provider must have made it within 10 minutes, for a client that `OIDC_PROGRAM_CLIENT_IDS` names. Each
    is good for one exchange. The person's groups say what the access token may do.
    """
    user = single_sign_on.exchanged(services, request, body.id_token.get_secret_value())
    return give_token(services, user, request, body.access_token_expire_minutes)
