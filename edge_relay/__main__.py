"""``python -m edge_relay`` is ``mwl-relay``."""

from edge_relay.cli import app

app(prog_name="mwl-relay")
