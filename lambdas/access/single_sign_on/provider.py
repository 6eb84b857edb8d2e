"""The OpenID provider: where it is (Discovery 1.0), its keys, and the exchange of a code for an ID token.

What it says of itself is kept for an hour, and looked up again when a token is signed with an unknown key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from lambdas.access.single_sign_on.attempt import Attempt
from lambdas.access.single_sign_on.id_token import UnknownKey, verified
from lambdas.access.single_sign_on.settings import SignOnSettings, is_safe_address
from lambdas.access.unauthenticated import Unauthenticated
from shared.errors import Unavailable

PATIENCE_SECONDS: Final = (2, 5)
"""To connect, and to answer."""
KEPT_SECONDS: Final = 3600
LEAST_SECONDS: Final = 60
"""Even tokens with unknown keys do not make us ask more often."""

_NAMES: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class _Known(NamedTuple):
    at: float
    metadata: Mapping[str, Any]
    keys: KeySet


class OpenIdProvider:
    """The provider of the settings.

    :param secret: returns the content of the secret with ``client_secret``.
    :param now: seconds since 1970.
    """

    def __init__(
        self,
        settings: SignOnSettings,
        *,
        secret: Callable[[], Mapping[str, Any]],
        now: Callable[[], float],
    ) -> None:
        self.settings, self._secret, self._now = settings, secret, now
        self._known: _Known | None = None

    def address(self, attempt: Attempt, redirect_uri: str, *, again: bool) -> str:
        """Return where to send the browser.

        :param again: the person has to prove once more who it is, even if signed on already.
        :raises Unavailable: the provider does not answer, or not as it should.
        """
        known = self._look_up()
        proof = {"prompt": "login", "max_age": "0"} if again else {}
        with self._session(redirect_uri) as session:
            url, _ = session.create_authorization_url(
                known.metadata["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
                **proof,
            )
        return str(url)

    def claims_for(self, code: str, attempt: Attempt, redirect_uri: str) -> Mapping[str, Any]:
        """Return what the ID token says that the provider gives for a code.

        :raises Unauthenticated: the provider does not take the code, or the token is not right.
        :raises Unavailable: the provider does not answer, or not as it should.
        """
        answer = self._exchanged(code, attempt, redirect_uri)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Unavailable("the OpenID provider sent no ID token", hint="is openid among OIDC_SCOPES?")
        return self.claims(
            token,
            client_id=self.settings.oidc_client_id,
            nonce=attempt.nonce,
            access_token=str(answer.get("access_token", "")),
        )

    def claims(
        self, token: str, *, client_id: str, nonce: str = "", access_token: str = ""
    ) -> Mapping[str, Any]:
        """Return what an ID token says; raises as `verified`, and `Unavailable`."""

        def judged(keys: KeySet) -> Mapping[str, Any]:
            return verified(
                token,
                keys,
                issuer=self.settings.oidc_issuer,
                client_id=client_id,
                now=self._now(),
                nonce=nonce,
                access_token=access_token,
            )

        known = self._look_up()
        try:
            return judged(known.keys)
        except UnknownKey:
            newer = self._look_up(LEAST_SECONDS)
            if newer is known:
                raise
            return judged(newer.keys)

    def _exchanged(self, code: str, attempt: Attempt, redirect_uri: str) -> Mapping[str, Any]:
        known = self._look_up()
        try:
            with self._session(redirect_uri, secret=True) as session:
                answer: Mapping[str, Any] = session.fetch_token(
                    known.metadata["token_endpoint"],
                    code=code,
                    code_verifier=attempt.verifier,
                    timeout=PATIENCE_SECONDS,
                    allow_redirects=False,
                )
        except OAuthError as error:
            if error.error == "invalid_grant":
                raise Unauthenticated("the provider does not take the code", hint="sign in again") from None
            raise Unavailable(
                "the OpenID provider refused us", hint="check OIDC_CLIENT_ID and its secret"
            ) from None
        except (requests.RequestException, ValueError) as error:
            raise _unreachable(error) from None
        return answer

    def _session(self, redirect_uri: str, *, secret: bool = False) -> OAuth2Session:
        return OAuth2Session(
            self.settings.oidc_client_id,
            self._client_secret() if secret else None,
            token_endpoint_auth_method=self._auth_method(),
            scope=self.settings.oidc_scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _auth_method(self) -> str:
        # RFC 8414: basic, if nothing is said.
        methods = self._look_up().metadata.get("token_endpoint_auth_methods_supported")
        offered = methods if isinstance(methods, list) else ["client_secret_basic"]
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    def _client_secret(self) -> str:
        found = self._secret().get("client_secret")
        if not isinstance(found, str) or not found:
            raise Unavailable('must be {"client_secret": "..."}', where="OIDC_CLIENT_SECRET_ID")
        return found

    def _look_up(self, no_older_than: float = KEPT_SECONDS) -> _Known:
        if self._known is not None and 0 <= self._now() - self._known.at < no_older_than:
            return self._known
        issuer = self.settings.oidc_issuer
        metadata = _fetched(issuer.rstrip("/") + "/.well-known/openid-configuration")
        wrong = [name for name in _NAMES if not is_safe_address(str(metadata.get(name, "")))]
        if wrong or metadata.get("issuer") != issuer:
            raise Unavailable(
                f"the OpenID provider says something unusable of: {', '.join(wrong) or 'issuer'}",
                hint="OIDC_ISSUER must be exactly what the provider calls its issuer",
            )
        try:
            keys = KeySet.import_key_set(_fetched(metadata["jwks_uri"]))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError):
            raise Unavailable("the OpenID provider's keys cannot be read") from None
        self._known = _Known(self._now(), metadata, keys)
        return self._known


def _fetched(address: str) -> dict[str, Any]:
    try:
        with requests.get(address, timeout=PATIENCE_SECONDS, allow_redirects=False) as answer:
            found = answer.json() if answer.status_code == requests.codes.ok else None
    except (requests.RequestException, ValueError) as error:
        raise _unreachable(error) from None
    if not isinstance(found, dict):
        raise Unavailable("the OpenID provider does not answer as it should")
    return found


def _unreachable(error: Exception) -> Unavailable:
    # Its message may quote an address with a code.
    return Unavailable(f"the OpenID provider could not be reached: {type(error).__name__}")
