"""What each PDU does in each state of an acceptor: PS3.8 Table 9-10, its columns for Sta2, Sta6 and Sta13.

The other states belong to requestors, or last no longer than one step here: our answer to a release (Sta8) is
given at once, and while one to a request is decided on (Sta3) no PDU is taken. Pure.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from edge_relay.upper_layer.pdu import PduType


class State(Enum):
    """Where a connection stands."""

    STA2 = auto()  # transport open, awaiting A-ASSOCIATE-RQ; ARTIM runs
    STA3 = auto()  # A-ASSOCIATE-RQ taken, our answer is awaited
    STA6 = auto()  # association established
    STA13 = auto()  # awaiting the transport's close; ARTIM runs
    STA1 = auto()  # closed


class Action(Enum):
    """What to do: actions of PS3.8 Tables 9-6 to 9-9, named by them."""

    AE_6 = auto()  # negotiate: accept (-> Sta6) or reject (-> Sta13)
    DT_2 = auto()  # take the PDVs
    AR_2 = auto()  # release: answer at once (AR-4), await the close (-> Sta13)
    AA_1 = auto()  # send A-ABORT (service user), await the close (-> Sta13)
    AA_2 = auto()  # close (-> Sta1)
    AA_3 = auto()  # the peer aborted: end what is going on, close (-> Sta1)
    AA_6 = auto()  # ignore
    AA_7 = auto()  # send A-ABORT (unexpected PDU) once more
    AA_8 = auto()  # send A-ABORT (service provider), end what is going on, await the close (-> Sta13)


_RQ, _AC, _RJ = PduType.A_ASSOCIATE_RQ, PduType.A_ASSOCIATE_AC, PduType.A_ASSOCIATE_RJ
_DATA, _RELEASE_RQ, _RELEASE_RP = PduType.P_DATA_TF, PduType.A_RELEASE_RQ, PduType.A_RELEASE_RP
_ABORT = PduType.A_ABORT

TABLE: Final[dict[State, dict[PduType | None, Action]]] = {
    # None is Evt19: what is no PDU, or an impossible one
    State.STA2: {
        _RQ: Action.AE_6,  # Evt6
        _AC: Action.AA_1,
        _RJ: Action.AA_1,
        _DATA: Action.AA_1,
        _RELEASE_RQ: Action.AA_1,
        _RELEASE_RP: Action.AA_1,
        _ABORT: Action.AA_2,
        None: Action.AA_1,
    },
    State.STA6: {
        _RQ: Action.AA_8,
        _AC: Action.AA_8,
        _RJ: Action.AA_8,
        _DATA: Action.DT_2,  # Evt10
        _RELEASE_RQ: Action.AR_2,  # Evt12
        _RELEASE_RP: Action.AA_8,
        _ABORT: Action.AA_3,  # Evt16
        None: Action.AA_8,
    },
    State.STA13: {
        _RQ: Action.AA_7,
        _AC: Action.AA_6,
        _RJ: Action.AA_6,
        _DATA: Action.AA_6,
        _RELEASE_RQ: Action.AA_6,
        _RELEASE_RP: Action.AA_6,
        _ABORT: Action.AA_2,
        None: Action.AA_7,
    },
}
