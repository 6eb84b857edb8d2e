"""Section 6: every setting that bears on DICOM, as `edge_relay.config` documents it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pydantic import BaseModel

from edge_relay.conformance.markdown import NONE, table, text
from edge_relay.conformance.subject import Subject
from edge_relay.operations.settings_list import explain
from shared.scanners.scanner_profile import ScannerProfile

_NOT_SHOWN: Final = frozenset({"relay.cloud_url"})
"""Settings that readers of a conformance statement do not need to know."""


def section(subject: Subject) -> str:
    """Return the section; for one relay with its own values."""
    return text(
        "## 6 Configuration",
        """
        The relay reads one TOML file when it starts; `mwl-relay check-config` checks it. The cloud can
        override the settings of scanners while the relay runs, if `cloud_scanners` allows it.
        """,
        "### 6.1 General configuration parameters",
        _settings(subject, "relay."),
        "DICOM over TLS; without this table it is off:",
        _settings(subject, "tls."),
        "### 6.2 Configuration of DIMSE services",
        "Each scanner has a table `[[scanners]]`, its profile:",
        _settings(Subject(), "scanners[]."),
        *_scanners(subject),
        "Each archive (PACS) has a table `[[archives]]`:",
        _settings(Subject(), "archives[]."),
        "How archives are asked, `[images]`:",
        _settings(subject, "images."),
        "### 6.3 Configuration of Web services, media, video, audit trail",
        "None.",
    )


def _settings(subject: Subject, prefix: str) -> str:
    rows = [
        (key.removeprefix(prefix), default, meaning)
        for key, default, meaning in explain()
        if key.startswith(prefix)
    ]
    if subject.settings is None:
        return table(("Parameter", "Default", "Meaning"), [(f"`{key}`", *rest) for key, *rest in rows])
    tables: dict[str, BaseModel | None] = {
        "relay.": subject.relay,
        "tls.": subject.tls,
        "images.": subject.settings.images,
    }
    return table(
        ("Parameter", "Default", "Here", "Meaning"),
        [
            (f"`{key}`", default, _here(tables[prefix], prefix, key), meaning)
            for key, default, meaning in rows
        ],
    )


def _here(settings: BaseModel | None, prefix: str, key: str) -> str:
    if settings is None:
        return NONE
    return "not shown" if prefix + key in _NOT_SHOWN else shown(getattr(settings, key))


def shown(value: object) -> str:
    """Return a setting's value as the settings file would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | frozenset):
        return ", ".join(sorted(map(str, value)) if isinstance(value, frozenset) else map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} = {each}" for key, each in value.items())
    return "" if value is None else str(value)


def _scanners(subject: Subject) -> Iterator[str]:
    if subject.settings is None:
        return
    yield "The scanners in this relay's file; settings that are not shown have the default:"
    yield table(
        ("AE title", "Settings"), [(each.ae_title, _differs(each)) for each in subject.settings.scanners]
    )


def _differs(scanner: ScannerProfile) -> str:
    said: Callable[[str], str] = lambda key: f"`{key}`: {shown(getattr(scanner, key))}"  # noqa: E731
    return "; ".join(
        said(key) for key in type(scanner).model_fields if key in scanner.model_fields_set - {"ae_title"}
    )
