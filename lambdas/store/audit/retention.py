"""How long audit entries are kept: for ever, unless the operator says otherwise."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from lambdas.store.models import AuditRow, Tables


def keeping_entries(tables: Tables, days: int) -> Tables:
    """Return tables whose audit entries, from now on, are deleted after some days; 0: never.

    DynamoDB deletes them by itself within a few days of that moment, in no order: until it is through, a
    check of days that old finds entries missing.
    """
    return replace(tables, audit=_kept(tables.audit, days)) if days else tables


@cache
def _kept(model: type[AuditRow], days: int) -> type[AuditRow]:
    return type(model.__name__, (model,), {"kept_days": days, "Meta": model.Meta, "__module__": __name__})
