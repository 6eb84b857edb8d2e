"""The state table is complete, and the standard's: PS3.8 Table 9-10, as another implementation has it."""

from __future__ import annotations

import pytest
from pynetdicom.fsm import TRANSITION_TABLE

from edge_relay.upper_layer.pdu import PduType
from edge_relay.upper_layer.states import TABLE, Action, State

EVENTS: dict[PduType | None, str] = {
    PduType.A_ASSOCIATE_AC: "Evt3",
    PduType.A_ASSOCIATE_RJ: "Evt4",
    PduType.A_ASSOCIATE_RQ: "Evt6",
    PduType.P_DATA_TF: "Evt10",
    PduType.A_RELEASE_RQ: "Evt12",
    PduType.A_RELEASE_RP: "Evt13",
    PduType.A_ABORT: "Evt16",
    None: "Evt19",
}
# The standard's action for each of ours. AE-6 ends in Sta3, where our answer is given at once (AE-7 or AE-8);
# AR-2 in Sta8, where it is too (AR-4). Both states last no longer than the action.
THEIRS = {action: action.name.replace("_", "-") for action in Action}


def test_every_pdu_has_an_action_in_every_state_that_reads() -> None:
    assert set(TABLE) == set(State) - {State.STA1, State.STA3}
    for row in TABLE.values():
        assert set(row) == {*PduType, None}


@pytest.mark.parametrize("state", list(TABLE), ids=lambda state: state.name)
@pytest.mark.parametrize("event", list(EVENTS), ids=lambda event: EVENTS[event])
def test_the_action_is_the_one_of_the_standard(state: State, event: PduType | None) -> None:
    name = state.name.replace("STA", "Sta")
    assert THEIRS[TABLE[state][event]] == TRANSITION_TABLE[EVENTS[event], name]


def test_no_action_is_there_that_nothing_leads_to() -> None:
    assert {action for row in TABLE.values() for action in row.values()} == set(Action)
