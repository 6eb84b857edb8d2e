"""A REDCap server for the demo and the tests, written from its API's observable behaviour.

`RedcapSimulator` serves `seeds` projects; `Fault` scripts what goes wrong; `scenarios` plays what people do.
"""

from infra.redcap_simulator.clock import SimClock
from infra.redcap_simulator.faults import Fault
from infra.redcap_simulator.project.project import Project
from infra.redcap_simulator.project.quirks import Quirks
from infra.redcap_simulator.samples.seeds import BUILDERS, classic, longitudinal, single
from infra.redcap_simulator.server import RedcapSimulator

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
