"""Names that were not understood: which known ones look like them, and which a model knows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a half sentence with the closest known names; empty if none is close."""
    close = get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def keys_at(model: type[BaseModel], path: Sequence[int | str]) -> Collection[str]:
    """Return the keys of the part of a model that a path leads to."""
    for step in path:
        if step in model.model_fields:
            model = _model_in(model.model_fields[str(step)].annotation) or model
    return model.model_fields


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
