"""A table as it was, put back: what a point-in-time recovery does to what is in it."""

from __future__ import annotations

from typing import Any

from tests.rigs.cloud import CloudRig

Rows = list[dict[str, Any]]


def export(rig: CloudRig, table: str = "WorklistTable") -> Rows:
    """Return every row of a table."""
    rows: Rows = []
    for page in rig.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        rows += page["Items"]
    return rows


def restore(rig: CloudRig, rows: Rows, table: str = "WorklistTable") -> None:
    """Make a table hold these rows, and no others."""
    for row in export(rig, table):
        rig.dynamodb.delete_item(TableName=table, Key={"pk": row["pk"], "sk": row["sk"]})
    for row in rows:
        rig.dynamodb.put_item(TableName=table, Item=row)
