"""Rows of a REDCap project's metadata (its data dictionary)."""

from __future__ import annotations


def field(
    name: str, form: str, kind: str = "text", choices: str = "", validation: str = ""
) -> dict[str, str]:
    """Return a field as REDCap's export of the metadata has it."""
    return {
        "field_name": name,
        "form_name": form,
        "field_type": kind,
        "select_choices_or_calculations": choices,
        "text_validation_type_or_show_slider_number": validation,
    }
