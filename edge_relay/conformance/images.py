"""Section 5.2.4: what the relay asks archives, as SCU of the Study Root model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom.uid import UID

from edge_relay.conformance.markdown import table, text
from edge_relay.evidence.archive import SERVICE
from edge_relay.evidence.study import MOST_COUNTED, images_query, series_query, study_query

_STUDY, _SERIES = "2.25.1", "2.25.2"


def section() -> str:
    """Return the section."""
    return text(
        f"#### 5.2.4 {UID(SERVICE).name}, SCU",
        """
        For a scanner whose profile has `images_from`, which reports nothing by MPPS, the relay asks an
        archive whether images of an exam have arrived. It asks about exams that are open, from
        `first_after_minutes` after their planned start, again every `again_after_minutes`, for `days`; about
        one exam at a time, with `pause_seconds` in between. Each exam has an association of its own:
        """,
        table(("Level", "Unique keys", "Return keys"), _queries()),
        f"""
        The SERIES level is asked if the study is there; the IMAGE level for series whose Number of Series
        Related Instances (0020,1209) the archive does not return, if they are at most {MOST_COUNTED}. An
        answer with another Study Instance UID is left out. Series of another modality than the exam's do not
        count. Images are believed once their number has not changed for `settle_minutes`, and never under
        another Patient ID than the exam's. Hierarchical queries only; no extended negotiation, no retrieval.
        Any status but Pending and Success counts as a failure: the exam is asked about again later.
        """,
    )


def _queries() -> Iterator[tuple[str, str, str]]:
    for query in (study_query(_STUDY), series_query(_STUDY), images_query(_STUDY, _SERIES)):
        elements = [each for each in query if each.keyword != "QueryRetrieveLevel"]
        given = [_named(each.name, str(each.tag)) for each in elements if each.value]
        asked = [_named(each.name, str(each.tag)) for each in elements if not each.value]
        yield query.QueryRetrieveLevel, ", ".join(given), ", ".join(asked)


def _named(name: str, tag: str) -> str:
    return f"{name} {tag}"


UIDS: Final = (SERVICE,)
"""The SOP classes the relay is SCU of, towards other systems."""
