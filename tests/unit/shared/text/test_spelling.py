"""A name that was not understood is told the ones that look like it."""

from __future__ import annotations

import pytest

from edge_relay.config import Settings
from shared.text.spelling import did_you_mean, keys_at


def test_the_closest_names_are_offered_and_at_most_three() -> None:
    assert did_you_mean("mri_dat", ["mri_date", "other"]) == "; did you mean mri_date?"
    assert did_you_mean("aaaa", ["aaab", "aaac", "aaad", "aaae"]).count(" or ") == 2
    assert did_you_mean("x", ["mri_date"]) == ""


@pytest.mark.parametrize(
    ("path", "key"),
    [((), "scanners"), (("relay",), "ae_title"), (("tls",), "client_ca"), (("scanners", 3), "days_back")],
)
def test_the_keys_of_a_part_are_found_by_its_path(path: tuple[int | str, ...], key: str) -> None:
    assert key in keys_at(Settings, path)
