"""Reading a form that a page of ours sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from lambdas.api.pages.origin import is_own_origin
from lambdas.api.problems import flaws
from shared.errors import Forbidden, Rejected
from shared.text.storable import storable

_MOST_FIELDS: Final = 100
M = TypeVar("M", bound=BaseModel)


class Form:
    """What was sent: text by name, the last of a name that comes twice."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """Return a field without the spaces around it, empty if it was not sent."""
        return self._fields.get(name, "").strip()

    def was_sent(self, name: str) -> bool:
        """Tell whether a field was sent, also if it is empty."""
        return name in self._fields

    def secret(self, name: str) -> str:
        """Return a field as it was typed: spaces are part of a password."""
        return self._fields.get(name, "")

    def required(self, name: str, label: str) -> str:
        """Return a field; raise `Rejected` if it is empty."""
        if text := self.text(name):
            return text
        raise Rejected(f"{label} is missing", where=name)

    def given(self, names: frozenset[str]) -> dict[str, str]:
        """Return those fields among ``names`` that were sent."""
        return {name: self.text(name) for name in self._fields if name in names}


async def _form(request: Request) -> Form:
    check_origin(request)
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Rejected("this page takes forms only")
    try:
        pairs = parse_qsl(
            (await request.body()).decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise Rejected("the form cannot be read", hint="load the page again") from None
    return Form({name: str(storable(value)) for name, value in pairs})


def check_origin(request: Request) -> None:
    """Raise `Forbidden` unless the request comes from a page of ours."""
    headers = request.headers
    own = is_own_origin(
        headers.get("origin", ""),
        headers.get("sec-fetch-site", ""),
        scheme=request.url.scheme,
        host=headers.get("host", ""),
    )
    if not own:
        raise Forbidden("this form was not sent from this site", hint="open the page here, and try again")


def as_model(model: type[M], fields: Mapping[str, Any]) -> M:
    """Return what was entered as one of the API's models.

    :raises Rejected: it is none; no value is quoted.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = flaws(error.errors(include_url=False, include_input=False))
        raise Rejected("; ".join(f"{flaw.where}: {flaw.detail}" for flaw in found)) from None


SentForm = Annotated[Form, Depends(_form)]
"""A route's parameter that receives the form."""
