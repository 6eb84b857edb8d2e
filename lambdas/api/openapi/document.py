"""The document of an application: made when somebody first asks for it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from lambdas.api.route_groups import GROUPS, RouteGroups, first_word


def operation_id(route: APIRoute) -> str:
    """Return what a client calls an operation: the name of its function."""
    return route.name


def install(app: FastAPI, groups: RouteGroups) -> None:
    """Make an application's document name all routes, and say what `lambdas.api.openapi.completion` adds."""
    original = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            # Tables and texts that a cold start needs not wait for.
            from lambdas.api.openapi.completion import completed  # noqa: PLC0415

            groups.load_all()
            app.openapi_schema = completed(in_order(original()))
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]


def in_order(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with its paths in the order of `GROUPS`, whichever group was loaded first."""
    order = {word: index for index, word in enumerate(GROUPS)}
    paths = sorted(document["paths"].items(), key=lambda item: order[first_word(item[0])])
    components = document["components"]
    schemes = dict(sorted(components["securitySchemes"].items()))
    return {**document, "paths": dict(paths), "components": {**components, "securitySchemes": schemes}}
