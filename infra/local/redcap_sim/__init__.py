"""A REDCap server for the demo and the tests, written from its API's observable behaviour.

`RedcapSimulator` serves `seeds` projects; `Fault` scripts what goes wrong; `scenarios` plays what people do.
"""

from infra.local.redcap_sim.clock import SimClock
from infra.local.redcap_sim.faults import Fault
from infra.local.redcap_sim.project import Project
from infra.local.redcap_sim.quirks import Quirks
from infra.local.redcap_sim.seeds import BUILDERS, classic, longitudinal, single
from infra.local.redcap_sim.server import RedcapSimulator

__all__ = [
    "BUILDERS",
    "Fault",
    "Project",
    "Quirks",
    "RedcapSimulator",
    "SimClock",
    "classic",
    "longitudinal",
    "single",
]
