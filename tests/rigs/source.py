"""A source of the API: REDCap's simulator with the classic project, its token as a secret, and a relay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from infra.redcap_simulator import Project, RedcapSimulator, classic
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import definition_from
from lambdas.store.audit.entry import SYSTEM
from shared.relay_health import RelayHealth
from shared.scanners.scanner_profile import ScannerOverrides
from tests.rigs.api import ApiRig, api
from tests.rigs.redcap import classic_data
from tests.rigs.relay import ANY_DAY

SITE = "main"


@dataclass
class SourceRig:
    """The API, and a REDCap project it has the token of."""

    api: ApiRig
    simulator: RedcapSimulator

    @property
    def project(self) -> Project:
        return self.simulator.projects[0]

    def data(self, **changes: Any) -> dict[str, Any]:
        """Return the definition of the project's source, as an administrator writes it."""
        return classic_data(url=self.simulator.url, **changes)

    def definition(self, **changes: Any) -> SourceDefinition:
        return definition_from(self.data(**changes))

    def register(self, **changes: Any) -> SourceDefinition:
        """Store the definition."""
        definition = self.definition(**changes)
        self.api.services.sources.put(definition)
        return definition

    def tables(self) -> list[list[dict[str, Any]]]:
        """Return both tables to the byte, but for how often REDCap was asked."""
        return [
            sorted(
                (
                    row
                    for row in self.api.cloud.dynamodb.scan(TableName=name)["Items"]
                    if row["pk"]["S"] != "RATES"
                ),
                key=lambda row: (row["pk"]["S"], row["sk"]["S"]),
            )
            for name in ("WorklistTable", "AccountsTable")
        ]

    def relay(self, *scanners: dict[str, Any], heard: tuple[str, ...] = ()) -> str:
        """Enrol a relay of the site with what is overridden of its scanners, and scanners it has heard.

        Of those that are overridden the days are too: they are shown exams of any day, unless a test says.
        """
        relay_id = self.api.relay(SITE).relay_id
        overrides = ScannerOverrides.model_validate({"scanners": [ANY_DAY | each for each in scanners]})
        self.api.services.relays.configure(relay_id, overrides, by=SYSTEM)
        if heard:
            active = [{"ae_title": title, "last_query_at": "2026-11-18T09:00:00Z"} for title in heard]
            health = {"version": "1", "at": "2026-11-18T09:00:00Z", "scanners": active}
            self.api.services.relays.heard(relay_id, RelayHealth.model_validate(health))
        return relay_id


@contextmanager
def running_source() -> Iterator[SourceRig]:
    """Run it, with five records, and nobody waiting."""
    with RedcapSimulator([classic(5)]) as simulator, api() as running, patch("time.sleep"):
        content = json.dumps({"token": simulator.projects[0].token()})
        running.cloud.secrets.create_secret(Name="mwl-relay/redcap/classic", SecretString=content)
        yield SourceRig(running, simulator)
