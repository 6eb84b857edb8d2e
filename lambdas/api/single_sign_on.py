"""Signing on with the OpenID provider: the way there, the way back, and ID tokens that programs bring.

Who is vouched for gets an account of the same name at the first sign-on; role and sites are brought up to
date at each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastapi import Request

from lambdas.access.single_sign_on.attempt import Attempt
from lambdas.access.single_sign_on.identity import Identity, identity_of
from lambdas.access.unauthenticated import Unauthenticated
from lambdas.api.auth import person
from lambdas.api.services import Services
from lambdas.api.settings import listed
from lambdas.store.accounts.people import User
from lambdas.store.audit.entry import Subject
from shared.errors import Forbidden, MwlError, NotFound

if TYPE_CHECKING:
    from lambdas.access.single_sign_on.provider import OpenIdProvider

MOST_AGE_SECONDS: Final = 600
"""A program's ID token must be fresh: what was kept longer may have been stolen."""


class Departure(NamedTuple):
    """Where to send a browser, and the secret that it has to bring back."""

    address: str
    secret: str


class Arrival(NamedTuple):
    """Who came back.

    :param proved_at: when the person last proved to the provider who it is, seconds since 1970.
    :param ends: the session that the new one takes the place of; empty: none.
    """

    user: User
    proved_at: float
    ends: str


def provider_of(services: Services) -> OpenIdProvider:
    """Return the provider; raise `NotFound` if there is none."""
    if services.open_id_provider is None:
        raise NotFound("this system has no single sign-on")
    return services.open_id_provider


def depart(services: Services, redirect_uri: str, *, again: bool, ends: str = "") -> Departure:
    """Begin a sign-on.

    :param again: the person has to prove once more who it is, even if signed on already.
    :raises NotFound: there is no single sign-on.
    :raises Unavailable: the provider does not answer.
    """
    attempt = Attempt(
        state=services.new_secret(),
        nonce=services.new_secret(),
        verifier=services.new_secret() + services.new_secret(),
        began_at=services.now(),
        ends=ends,
    )
    departure = Departure(
        provider_of(services).address(attempt, redirect_uri, again=again), services.new_secret()
    )
    services.sign_ons.begin(departure.secret, attempt)
    return departure


def arrive(services: Services, request: Request, secret: str, redirect_uri: str) -> Arrival:
    """Return who came back from the provider, with the account as it stands now.

    :param secret: of the browser's cookie.
    :raises Unauthenticated: this is not the answer to what was begun in this browser.
    :raises Forbidden: the person may not use this system.
    :raises Unavailable: the provider does not answer.
    """
    provider, answer = provider_of(services), request.query_params

    def told() -> tuple[Mapping[str, Any], str]:
        attempt = services.sign_ons.take(secret, answer.get("state", ""), services.now())
        # RFC 9207: the answer of another provider.
        if answer.get("iss", services.settings.oidc_issuer) != services.settings.oidc_issuer:
            raise Unauthenticated("the answer is another provider's", hint="sign in again")
        if not answer.get("code"):
            raise Unauthenticated("the provider did not let you in", hint="sign in again")
        return provider.claims_for(answer["code"], attempt, redirect_uri), attempt.ends

    identity, user, ends = _admitted(services, request, told)
    return Arrival(user, min(identity.proved_at, services.now()), ends)


def exchanged(services: Services, request: Request, token: str) -> User:
    """Return whose ID token a program brings.

    :raises NotFound: programs cannot sign on here.
    :raises Unauthenticated, Forbidden, Unavailable: as `arrive`.
    """
    provider, clients = provider_of(services), listed(services.settings.oidc_program_client_ids)
    if not clients:
        raise NotFound("programs cannot sign on here", hint="OIDC_PROGRAM_CLIENT_IDS names none")

    def told() -> tuple[Mapping[str, Any], str]:
        claims = _for_one_of(provider, token, clients)
        if services.now() - claims["iat"] > MOST_AGE_SECONDS:
            raise Unauthenticated("the ID token is older than 10 minutes", hint="get another")
        services.sign_ons.use_once(token, services.now() + 2 * MOST_AGE_SECONDS)
        return claims, ""

    return _admitted(services, request, told)[1]


def _for_one_of(provider: OpenIdProvider, token: str, clients: list[str]) -> Mapping[str, Any]:
    for client_id in clients[:-1]:
        try:
            return provider.claims(token, client_id=client_id)
        except Unauthenticated:
            continue  # for another client, perhaps
    return provider.claims(token, client_id=clients[-1])


def _admitted(
    services: Services, request: Request, told: Callable[[], tuple[Mapping[str, Any], str]]
) -> tuple[Identity, User, str]:
    try:
        claims, ends = told()
        identity = identity_of(claims, services.settings)
        user = services.users.admit(identity, by=person(request, identity.username.lower()))
    except MwlError as error:
        if isinstance(error, Forbidden):
            # Of whom is not told: the provider vouches for nobody that we know.
            failed = Subject(kind="login", action="login-failed")
            services.audit.record(person(request, ""), [failed])
        raise
    done = Subject(kind="login", id=user.username, action="logged-in", after={"by": "single sign-on"})
    services.audit.record(person(request, user.username), [done])
    return identity, user, ends
