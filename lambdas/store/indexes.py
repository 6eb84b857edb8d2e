"""The indexes of WorklistTable as PynamoDB models. Private to this package, as the rows are."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import (
    AllProjection,
    GlobalSecondaryIndex,
    IncludeProjection,
    KeysOnlyProjection,
    LocalSecondaryIndex,
)


class FeedIndex(LocalSecondaryIndex[Any]):
    """Items of a site by change number: local, so that it can be read consistently."""

    class Meta:
        index_name = "feed"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True)
    feed_seq = NumberAttribute(range_key=True)


class StudyIndex(GlobalSecondaryIndex[Any]):
    """Items by Study Instance UID, to link what a scanner did."""

    class Meta:
        index_name = "by_study"
        projection = KeysOnlyProjection()

    study_instance_uid = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class RecordIndex(GlobalSecondaryIndex[Any]):
    """Items by source and record: what a record had, when it has changed. An older table may lack it."""

    class Meta:
        index_name = "by_record"
        projection = KeysOnlyProjection()

    record_key = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class ListingIndex(GlobalSecondaryIndex[Any]):
    """Items by status and start, for people's lists: narrow rows, with what lists are chosen by."""

    class Meta:
        index_name = "listing"
        projection = IncludeProjection(["modality", "patient_key"])

    status = UnicodeAttribute(hash_key=True)
    starts_at = UnicodeAttribute(range_key=True)


class StartIndex(GlobalSecondaryIndex[Any]):
    """Items of a site by start, whatever their status: what a day holds, in one query."""

    class Meta:
        index_name = "by_start"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True)
    starts_at = UnicodeAttribute(range_key=True)


class GroupIndex(GlobalSecondaryIndex[Any]):
    """A site's procedure steps by start; a site's bookings that were taken off the list by planned start.

    Sparse; an older table may lack it.
    """

    class Meta:
        index_name = "by_group"
        projection = AllProjection()

    group_key = UnicodeAttribute(hash_key=True)
    group_at = UnicodeAttribute(range_key=True)


class DueIndex(GlobalSecondaryIndex[Any]):
    """Steps whose write-back is due. Sparse."""

    class Meta:
        index_name = "write_back_due"
        projection = KeysOnlyProjection()

    write_back_due = UnicodeAttribute(hash_key=True)
    write_back_at = UnicodeAttribute(range_key=True)
