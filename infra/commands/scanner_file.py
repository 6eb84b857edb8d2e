"""Overrides of a relay's scanners as an administrator writes them, for ``mwl-cloud relays scanners apply``.

TOML, one ``[[scanners]]`` table a scanner as in relay.toml, or JSON, ``{"scanners": [...]}``, as ``show``
prints it. Only JSON can say ``null``: the default, whatever relay.toml says.
"""

from __future__ import annotations

import json
import tomllib

from pydantic import ValidationError

from shared.errors import Rejected
from shared.scanners.scanner_profile import ScannerOverrides, reasons


def parse_overrides(text: str) -> ScannerOverrides:
    """Return the overrides written as JSON (an object, so it begins with ``{``) or TOML.

    Raise `Rejected` naming every key that is wrong.
    """
    try:
        data: object = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise Rejected(f"not valid JSON in line {error.lineno}: {error.msg}") from None
    except tomllib.TOMLDecodeError as error:
        raise Rejected(f"not valid TOML: {error}") from None
    try:
        return ScannerOverrides.model_validate(data)
    except ValidationError as error:
        raise Rejected(reasons(error, ScannerOverrides)) from None


def shown(overrides: ScannerOverrides) -> str:
    """Return overrides as JSON that `parse_overrides` reads back."""
    return json.dumps(overrides.model_dump(mode="json"), ensure_ascii=False, indent=2)
