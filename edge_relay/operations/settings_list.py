"""Every setting with its default and its meaning, as its field documents it."""

from __future__ import annotations

from pydantic import BaseModel

from edge_relay.config import ArchiveSettings, ImagesSettings, RelaySettings, StatusSettings, TlsSettings
from shared.scanners.scanner_profile import ScannerProfile


def explain() -> list[tuple[str, str, str]]:
    """Return every setting as (key, default, description)."""
    rows = []
    tables: tuple[tuple[str, type[BaseModel]], ...] = (
        ("relay", RelaySettings),
        ("tls", TlsSettings),
        ("status", StatusSettings),
        ("scanners[]", ScannerProfile),
        ("archives[]", ArchiveSettings),
        ("images", ImagesSettings),
    )
    for table, model in tables:
        for name, field in model.model_fields.items():
            default = "required" if field.is_required() else _shown(field.default)
            rows.append((f"{table}.{name}", default, field.description or ""))
    return rows


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, BaseModel):
        return "the defaults"
    if isinstance(default, tuple | frozenset | dict):
        return ", ".join(sorted(default)) or "none"
    return "none" if default in (None, "") else str(default)
