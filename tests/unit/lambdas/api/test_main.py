"""What is built when the API starts."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from lambdas.api.route_groups import route_modules

MODELS = {
    (route.path, field.field_info.annotation)
    for module in route_modules()
    for route in module.router.routes
    if isinstance(route, APIRoute)
    for field in (route.body_field, route.response_field)
    if field is not None
}


def models() -> list[tuple[str, type[BaseModel]]]:
    return [
        (path, model) for path, model in MODELS if isinstance(model, type) and issubclass(model, BaseModel)
    ]


def test_routes_take_and_give_models() -> None:
    assert len(models()) > 20


@pytest.mark.parametrize(("path", "model"), sorted(models(), key=str))
def test_no_route_builds_its_model_at_the_first_call(path: str, model: type[BaseModel]) -> None:
    # FastAPI leaves out a warning of pydantic while it makes a route; at a call, the warning would be logged.
    assert not model.model_config.get("defer_build", False)
