"""The keys that sign people's tokens: one that signs, and former ones that verify for a while. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from shared.errors import Conflict, Unavailable

LONGEST_SECONDS: Final = 365 * 24 * 3600
"""For how long a former key may go on verifying, at most."""
_SHORTEST_SECRET = 32  # RFC 7518 3.2: a key of the hash's size or larger

_Secret = Annotated[SecretStr, Field(min_length=_SHORTEST_SECRET)]


class SigningKeys(BaseModel):
    """The secret's content.

    :param kid: the name of the key that signs.
    :param previous: former keys, which only verify, by ``kid``.
    :param until: when a former key ends, seconds since 1970, by ``kid``. One without an end verifies until
        somebody takes it out; earlier builds know no ends, and go on verifying.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    kid: Annotated[str, Field(min_length=1, max_length=64)]
    secret: _Secret
    previous: Mapping[str, _Secret] = {}
    until: Mapping[str, float] = {}

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> SigningKeys:
        """Return the keys; raise `Unavailable` if the secret is not what it should be."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            fields = ", ".join(sorted({str(e["loc"][0]) for e in error.errors(include_input=False)}))
            raise Unavailable(
                f"the signing key's secret is wrong in: {fields}",
                hint='it must be {"kid", "secret" of 32 characters or more, "previous": {kid: secret}}',
            ) from None

    def find(self, kid: str, now: float) -> str | None:
        """Return the key called ``kid``, None if there is none, or if it has ended.

        :param now: seconds since 1970.
        """
        if kid == self.kid:
            return self.secret.get_secret_value()
        found = self.previous.get(kid)
        return found.get_secret_value() if found and not self._has_ended(kid, now) else None

    def rotated(self, kid: str, secret: str, *, now: float, keep_seconds: float) -> SigningKeys:
        """Return the keys with a new one that signs. The one of before verifies for ``keep_seconds`` more.

        No former key outlasts it, and those that have ended are left out; with 0, all of them.

        :raises Conflict: there is a key of that name.
        """
        if kid == self.kid or kid in self.previous:
            raise Conflict("there is a signing key of that name", where=kid, hint="try again")
        end = now + keep_seconds
        former = {**self.previous, self.kid: self.secret}
        ends = {name: min(self.until.get(name, end), end) for name in former}
        kept = {name: former[name] for name, at in ends.items() if at > now}
        return SigningKeys(
            kid=kid, secret=SecretStr(secret), previous=kept, until={name: ends[name] for name in kept}
        )

    def content(self) -> dict[str, Any]:
        """Return the keys as the secret holds them."""
        return {
            "kid": self.kid,
            "secret": self.secret.get_secret_value(),
            "previous": {kid: secret.get_secret_value() for kid, secret in self.previous.items()},
            "until": dict(self.until),
        }

    def _has_ended(self, kid: str, now: float) -> bool:
        return kid in self.until and self.until[kid] <= now
