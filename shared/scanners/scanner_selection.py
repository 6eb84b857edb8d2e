"""Which exams are a scanner's own, by its profile: what an empty query of it finds. Pure.

The relay selects the same in SQL (`edge_relay.worklist.search`); a test holds the two against each other.
"""

from __future__ import annotations

from datetime import date, timedelta

from shared.scanners.scanner_profile import ScannerProfile
from shared.worklist_item import WorklistItem


def shows(profile: ScannerProfile, item: WorklistItem, today: date) -> bool:
    """Tell whether a scanner that asks for everything is shown an item of its site.

    :param today: the site's date, from which the profile counts its days.
    """
    return (
        item.performed_procedure_step_status in profile.statuses
        and (not profile.modalities or item.modality in profile.modalities)
        and (not profile.restricted or _is_booked_for(profile, item))
        and _is_in_time(profile, item.scheduled_start_date, today)
    )


def _is_booked_for(profile: ScannerProfile, item: WorklistItem) -> bool:
    return item.scheduled_station_aetitle in profile.stations or item.station_name in profile.station_names


def _is_in_time(profile: ScannerProfile, day: str, today: date) -> bool:
    # YYYYMMDD: the order of the text is the order of the days.
    first, last = today - timedelta(profile.days_back), today + timedelta(profile.days_ahead)
    return f"{first:%Y%m%d}" <= day <= f"{last:%Y%m%d}"
