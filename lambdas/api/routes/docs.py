"""The pages that explain the API, from files of our own: they work where there is no internet.

The files come with the package `fastapi-offline`.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from fastapi import Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse

from lambdas.api.dependencies import Router
from shared.errors import NotFound

ASSETS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "redoc.standalone.js": "text/javascript",
    "favicon.png": "image/png",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
    "frame-ancestors 'none'"
)
_TITLE: Final = "mwl-relay"
_ICON: Final = "/docs/assets/favicon.png"

router = Router(include_in_schema=False)


@router.get("/docs")
def swagger() -> HTMLResponse:
    """Show the API, to try it."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=_TITLE,
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url=_ICON,
    )
    return _guarded(page)


@router.get("/redoc")
def redoc() -> HTMLResponse:
    """Show the API, to read it."""
    page = get_redoc_html(
        openapi_url="/openapi.json",
        title=_TITLE,
        redoc_js_url="/docs/assets/redoc.standalone.js",
        redoc_favicon_url=_ICON,
        with_google_fonts=False,
    )
    return _guarded(page)


@router.get("/docs/assets/{name}")
def asset(name: str) -> Response:
    """Return a file that the pages need."""
    if name not in ASSETS:
        raise NotFound("no such file")
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    return Response(content, media_type=ASSETS[name], headers={"Cache-Control": "max-age=86400"})


def _guarded(page: HTMLResponse) -> HTMLResponse:
    page.headers["Content-Security-Policy"] = _POLICY
    return page
