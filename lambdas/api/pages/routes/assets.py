"""The style sheet and the scripts: the only answers that may be kept, for their address changes with them."""

from __future__ import annotations

from typing import Final

from fastapi import Response
from fastapi.responses import FileResponse

from lambdas.api.dependencies import Router
from lambdas.api.pages.rendering import STATIC
from shared.errors import NotFound

router = Router()

_TYPES: Final = {
    "app.css": "text/css",
    "app.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Return a static file."""
    if name not in _TYPES:
        raise NotFound("there is no such file")
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(STATIC / name, media_type=_TYPES[name], headers=kept)
