"""What modules with a router serve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi.routing import APIRoute


def served(modules: Iterable[Any]) -> set[tuple[str, str]]:
    """Return (method, path) of each route of modules that have a ``router``."""
    return {
        (method, route.path)
        for module in modules
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
