"""The command ``mwl-relay``: set up, run and look after one relay.

Exit codes: `shared.errors`. Errors are one line on stderr.

Commands import what they need when they are called, here and in `edge_relay.commands`: help, completion and
the small commands must not wait for the libraries of the large ones.
"""

from __future__ import annotations

import platform
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from edge_relay.commands import conformance as cli_conformance
from edge_relay.commands import dicom as cli_dicom
from edge_relay.commands import journal as cli_journal
from edge_relay.commands import status as cli_status
from edge_relay.commands.errors import existing, reported, table
from edge_relay.commands.options import DEFAULT_CONFIG, DEFAULT_STATE, ConfigFile, StateDir, version_option
from edge_relay.storage import state_files
from edge_relay.storage.state_files import JOURNAL_FILE
from shared.errors import EXIT_CODES_HELP, AlreadyExists, Rejected
from shared.text.quantity import quantity

app = typer.Typer(
    name="mwl-relay",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="""The worklist on premises: scanners ask it what to do (DICOM Modality Worklist) and tell it what
    they did (MPPS); it stays in step with the cloud, and goes on working without it.

    First time: write relay.toml (mwl-relay check-config --explain lists every setting), get a code from
    the cloud's administrator, then: mwl-relay enroll CODE, and mwl-relay run.""",
    epilog=EXIT_CODES_HELP,
)


@app.callback()
def _options_of_all(
    version: Annotated[bool, version_option("mwl-relay")] = False,
) -> None:
    pass


cli_status.add_commands(app)
cli_dicom.add_commands(app)
cli_conformance.add_commands(app)
cli_journal.add_commands(app)


@app.command()
def enroll(
    code: Annotated[str, typer.Argument(help="The one-time code of the cloud's administrator.")],
    config_file: ConfigFile = DEFAULT_CONFIG,
    state_dir: StateDir = DEFAULT_STATE,
    name: Annotated[
        str, typer.Option(help="What the cloud calls this relay.", show_default="this machine's name")
    ] = platform.node(),
    force: Annotated[bool, typer.Option(help="Enrol again although this relay has an identity.")] = False,
) -> None:
    """Give this relay an identity: make its key, and exchange CODE for a name in the cloud.

    The private key never leaves this machine.
    """
    from edge_relay import config

    with reported():
        settings = config.load(config_file)
        folder = state_files.make_state_dir(state_dir)
        if (folder / "identity.json").exists() and not force:
            raise AlreadyExists(
                "this relay is enrolled already", where=str(folder), hint="--force enrols it anew"
            )
        from edge_relay.exchange import enrolment, identity, transport

        key = identity.load_or_make_key(folder)
        told = settings.relay
        with transport.make_client(
            told.cloud_url, told.cloud_timeout_seconds, transport.ssl_context(told.client_certificate)
        ) as client:
            given = enrolment.enroll(client, code, identity.public_pem(key), name)
        identity.save_enrolment(folder, given)
        typer.echo(f"enrolled as {given.relay_id} for site {given.site}")


@app.command()
def run(
    config_file: ConfigFile = DEFAULT_CONFIG,
    state_dir: StateDir = DEFAULT_STATE,
    ready_file: Annotated[
        Path | None,
        typer.Option(help="Write a JSON file here once scanners can connect; removed at the end."),
    ] = None,
) -> None:
    """Serve scanners until SIGTERM or Ctrl-C.

    Prints one line on stdout once scanners can connect: "ready", address, AE title, site, cached items.
    Everything else is log lines on stderr. Under systemd (Type=notify) it says when it is ready, and keeps
    the watchdog fed as long as it answers its own queries over DICOM.
    """
    from edge_relay import config
    from edge_relay.exchange import identity

    with reported():
        settings = config.load(config_file)
        me = identity.load_identity(state_files.make_state_dir(state_dir))
        from edge_relay.commands.serving import serve  # the DICOM server, once it is known that it can start

        serve(settings, me, state_dir, config_file, ready_file)


@app.command()
def retry(
    event_id: Annotated[str, typer.Argument(help="The event's id, see: mwl-relay list --parked")],
    state_dir: StateDir = DEFAULT_STATE,
) -> None:
    """Send a parked MPPS event again, and what waits behind it. A running relay takes it up by itself."""
    from edge_relay.mpps import journal

    with reported(), closing(journal.Journal(existing(state_dir / JOURNAL_FILE))) as outbox:
        outbox.retry(event_id)
        typer.echo("pending again")


@app.command()
def discard(
    event_id: Annotated[str, typer.Argument(help="The event's id, see: mwl-relay list --parked")],
    because: Annotated[str, typer.Option(help="Why it need not reach the cloud; it is kept with the event.")],
    state_dir: StateDir = DEFAULT_STATE,
) -> None:
    """Give up a parked MPPS event for good, with the reason. See: mwl-relay journal discarded.

    If the event had created its step, the step's other waiting events are discarded with it.
    """
    import getpass

    from edge_relay.mpps import journal, journal_parked

    with reported(), closing(journal.Journal(existing(state_dir / JOURNAL_FILE))) as outbox:
        how = journal_parked.Discarding(getpass.getuser(), datetime.now(UTC), because)
        for each in journal_parked.discard(outbox, event_id, how):
            typer.echo(f"discarded {each}")


@app.command()
def check_config(
    config_file: ConfigFile = DEFAULT_CONFIG,
    explain: Annotated[bool, typer.Option(help="List every setting, with its default.")] = False,
) -> None:
    """Check the settings without starting anything."""
    from edge_relay import config

    with reported():
        if explain:
            from edge_relay.operations import settings_list

            table("Settings", ("key", "default", "meaning"), settings_list.explain())
            return
        settings = config.load(config_file)
        if nobody := config.nobody_may_connect(settings):
            raise Rejected(nobody, where=str(config_file), hint="add [[scanners]] with its ae_title")
        count = len(settings.scanners)
        typer.echo(f"{config_file}: good, {quantity(count, 'scanner')}")


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="File to write; must not exist.")],
    state_dir: StateDir = DEFAULT_STATE,
) -> None:
    """Copy journal.db while the relay runs. Nothing else needs a backup: the cloud has the worklist."""
    from edge_relay.mpps import journal_file

    with reported():
        source = existing(state_dir / JOURNAL_FILE)
        journal_file.backup(source, target)
        typer.echo(f"{source} copied to {target}")
