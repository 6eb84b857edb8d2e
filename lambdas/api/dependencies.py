"""What FastAPI hands to a route. Apart from the services, which `mwl-cloud` uses without FastAPI."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from lambdas.api.services import Services


def _of_app(request: Request) -> Services:
    services = request.app.state.services
    if not isinstance(services, Services):
        raise TypeError("the application was not made by create_app")
    return services


UseServices = Annotated[Services, Depends(_of_app)]
"""A route's parameter that receives the services."""
