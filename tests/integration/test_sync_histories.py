"""Whatever happens at REDCap, wherever a sync stops: the list shows what an independent oracle says.

A study team enters, edits, books, deletes, renames and moves, also in the middle of a sync, and after a scan
has begun; scanners and people report and edit; REDCap fails, and answers by half; the zone of its clock is
not known, or not as stated; syncs are killed. `make fuzz` plays many more.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.fuzz.histories.history import play, shortest, story, told
from tests.rigs.redcap import Stack

SEEDS: Final = (*range(1, 20), 26, 37, 38, 156)
"""The first histories of `make fuzz`; two that move participants of whom a trigger then tells; two in which
the definition says nothing, or the wrong thing, of the zone of REDCap's clock."""


@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_history_the_list_shows_what_the_oracle_says(stack: Stack, seed: int) -> None:
    if play(stack, seed, story(seed)):
        pytest.fail(told(seed, *shortest(stack, seed)))
