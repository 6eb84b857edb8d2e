"""Loads FastAPI without building the models of OpenAPI documents: who asks for the document builds them.

FastAPI has some forty models of what a document may contain, and pydantic builds each as soon as it is
defined: a sixth of the time that FastAPI takes to load. Models inherit `defer_build`, so their common base
has it while FastAPI is loaded, and is then as it was.

To be imported before FastAPI; later, it does nothing.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


def _load_fastapi() -> None:
    before = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        import fastapi  # noqa: F401, PLC0415 - see above
    finally:
        BaseModel.model_config = before


_load_fastapi()
