"""The document of an application: made when somebody first asks for it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute


def operation_id(route: APIRoute) -> str:
    """Return what a client calls an operation: the name of its function."""
    return route.name


def install(app: FastAPI) -> None:
    """Make an application's document say all that `lambdas.api.openapi.completion` adds."""
    original = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            # Tables and texts that a cold start needs not wait for.
            from lambdas.api.openapi.completion import completed  # noqa: PLC0415

            app.openapi_schema = completed(original())
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]
