"""``python -m edge_relay.conformance FOLDER``: write both statements, with the defaults, into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from edge_relay.conformance.ihe import integration_statement
from edge_relay.conformance.statement import statement
from edge_relay.conformance.subject import Subject

folder = Path(sys.argv[1])
(folder / "conformance.md").write_text(statement(Subject()), "utf-8")
(folder / "ihe-integration-statement.md").write_text(integration_statement(Subject()), "utf-8")
