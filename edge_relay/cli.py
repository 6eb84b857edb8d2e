"""The command ``mwl-relay``: set up, run and look after one relay.

Exit codes: 0 done; 1 the answer is no (refused, unhealthy); 2 wrong use, wrong settings, port or folder in
use; 3 the other side cannot be reached. Errors are one line on stderr.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from edge_relay import cli_dicom, cloud, config, identity, journal, logs, memory, status
from edge_relay.cache import CacheReader
from edge_relay.cli_errors import EXIT_NO, EXIT_WRONG, reported, table
from edge_relay.relay import CACHE_FILE, JOURNAL_FILE, Relay
from edge_relay.sqlite_file import connect_read_only
from shared.errors import Conflict, NotFound, Rejected

app = typer.Typer(
    name="mwl-relay",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="""The worklist on premises: scanners ask it what to do (DICOM Modality Worklist) and tell it what
    they did (MPPS); it stays in step with the cloud, and goes on working without it.

    First time: write relay.toml (mwl-relay check-config --explain lists every setting), get a code from
    the cloud's administrator, then: mwl-relay enroll CODE, and mwl-relay run.""",
    epilog="Exit codes: 0 done, 1 the answer is no, 2 wrong use or settings, 3 not reachable.",
)
cli_dicom.add_commands(app)

ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", envvar="MWL_RELAY_CONFIG", help="The settings, a TOML file.")
]
StateDir = Annotated[
    Path,
    typer.Option(
        "--state-dir",
        "-s",
        envvar="MWL_RELAY_STATE_DIR",
        help="Folder of the key, the identity, cache.db and journal.db; made if needed, mode 0700.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DEFAULT_CONFIG = Path("/etc/mwl-relay/relay.toml")
DEFAULT_STATE = Path("/var/lib/mwl-relay")
_STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


@app.command()
def enroll(
    code: Annotated[str, typer.Argument(help="The one-time code of the cloud's administrator.")],
    config_file: ConfigFile = DEFAULT_CONFIG,
    state_dir: StateDir = DEFAULT_STATE,
    name: Annotated[str, typer.Option(help="What the cloud calls this relay.")] = platform.node(),
    force: Annotated[bool, typer.Option(help="Enrol again although this relay has an identity.")] = False,
) -> None:
    """Give this relay an identity: make its key, and exchange CODE for a name in the cloud.

    The private key never leaves this machine.
    """
    with reported():
        settings = config.load(config_file)
        folder = identity.make_state_dir(state_dir)
        if (folder / "identity.json").exists() and not force:
            raise Conflict("this relay is enrolled already", where=str(folder), hint="--force enrols it anew")
        key = identity.load_or_make_key(folder)
        with cloud.make_client(settings.relay.cloud_url, settings.relay.cloud_timeout_seconds) as client:
            enrolment = cloud.enroll(client, code, identity.public_pem(key), name)
        identity.save_enrolment(folder, enrolment)
        typer.echo(f"enrolled as {enrolment.relay_id} for site {enrolment.site}")


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
    Everything else is log lines on stderr.
    """
    with reported():
        settings = config.load(config_file)
        me = identity.load_identity(identity.make_state_dir(state_dir))
        logs.set_up(settings.relay.log_format)
        memory.use_one_heap()
        with _stop_signals_held():
            relay = Relay(settings, me, state_dir)
            with _port_in_use_explained(settings):
                relay.start()
            _announce(relay, settings, ready_file)
            signal.sigwait(_STOP_SIGNALS)
            clean = relay.stop()
            if ready_file is not None:
                ready_file.unlink(missing_ok=True)
        if not clean or any(not t.daemon for t in threading.enumerate() if t is not threading.main_thread()):
            # A peer that will not let go must not keep the process: everything that matters is on the disk.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


@app.command(name="status")
def show_status(state_dir: StateDir = DEFAULT_STATE, as_json: Json = False) -> None:
    """Show how the relay is doing: last pull, outbox, scanners. Exit code 1 if something needs attention."""
    with reported():
        found = status.look(state_dir, datetime.now(UTC))
        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            table("mwl-relay", ("", ""), status.rows(found))
        if found.problems:
            raise typer.Exit(EXIT_NO)


@app.command(name="list")
def list_(
    state_dir: StateDir = DEFAULT_STATE,
    outbox: Annotated[
        bool, typer.Option(help="MPPS events not yet delivered, instead of the worklist.")
    ] = False,
    parked: Annotated[
        bool, typer.Option(help="Only events the cloud refused for good, with the reason.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the cached worklist, or what waits to be sent. Shows participants' names: mind who looks on."""
    with reported():
        if outbox or parked:
            with closing(journal.JournalReader(_existing(state_dir / JOURNAL_FILE))) as reader:
                events = [e for e in reader.open_events() if not parked or e.state == "parked"]
            rows = [event._asdict() for event in events]
        else:
            with closing(CacheReader(_existing(state_dir / CACHE_FILE))) as cache:
                rows = [_item_row(cached.item.model_dump(mode="json")) for cached in cache.select()]
        if as_json:
            typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        elif not rows:
            typer.echo("nothing")
        else:
            table("", tuple(rows[0]), [tuple(map(str, row.values())) for row in rows])


@app.command()
def retry(
    event_id: Annotated[str, typer.Argument(help="The event's id, see: mwl-relay list --parked")],
    state_dir: StateDir = DEFAULT_STATE,
) -> None:
    """Send a parked MPPS event again, and what waits behind it. A running relay takes it up by itself."""
    with reported(), closing(journal.Journal(_existing(state_dir / JOURNAL_FILE))) as outbox:
        outbox.retry(event_id)
        typer.echo("pending again")


@app.command()
def check_config(
    config_file: ConfigFile = DEFAULT_CONFIG,
    explain: Annotated[bool, typer.Option(help="List every setting, with its default.")] = False,
) -> None:
    """Check the settings without starting anything."""
    with reported():
        if explain:
            table("Settings", ("key", "default", "meaning"), config.explain())
            return
        settings = config.load(config_file)
        typer.echo(f"{config_file}: good, {len(settings.scanners)} scanners")


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="File to write; must not exist.")],
    state_dir: StateDir = DEFAULT_STATE,
) -> None:
    """Copy journal.db while the relay runs. Nothing else needs a backup: the cloud has the worklist."""
    with reported():
        source = _existing(state_dir / JOURNAL_FILE)
        if target.exists():
            raise Conflict("exists already", where=str(target))
        try:
            identity.write_private(target, b"")
            with closing(connect_read_only(source)) as old, closing(sqlite3.connect(target)) as new:
                old.backup(new)
        except (OSError, sqlite3.Error) as error:
            raise Rejected(f"cannot be written: {error}", where=str(target)) from None
        typer.echo(f"{source} copied to {target}")


@contextmanager
def _stop_signals_held() -> Iterator[None]:
    """Keep the signals that stop us for `signal.sigwait`: a handler could be interrupted by the other one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        yield
    finally:
        while signal.sigpending() & _STOP_SIGNALS:
            signal.sigwait(_STOP_SIGNALS)  # asked twice: we are stopping already
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _port_in_use_explained(settings: config.Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"{settings.relay.host}:{settings.relay.port}"
        reason = error.strerror or str(error)
        typer.echo(f"mwl-relay: cannot listen on {where}: {reason} (see relay.port and relay.host)", err=True)
        raise typer.Exit(EXIT_WRONG) from None


def _announce(relay: Relay, settings: config.Settings, ready_file: Path | None) -> None:
    host, port = relay.address
    count = relay.cache.count()
    if ready_file is not None:
        facts = {
            "host": host,
            "port": port,
            "ae_title": settings.relay.ae_title,
            "site": relay.site,
            "items": count,
            "pid": os.getpid(),
        }
        identity.write_private(ready_file, json.dumps(facts).encode())
    typer.echo(f"ready {host}:{port} {settings.relay.ae_title} site={relay.site} items={count}")
    sys.stdout.flush()


def _existing(path: Path) -> Path:
    if not path.exists():
        raise NotFound("does not exist", where=str(path), hint="has the relay run yet? see --state-dir")
    return path


def _item_row(item: dict[str, str]) -> dict[str, str]:
    shown = (
        "scheduled_start_date",
        "scheduled_start_time",
        "scheduled_station_aetitle",
        "modality",
        "patient_name",
        "patient_id",
        "accession_number",
        "performed_procedure_step_status",
        "id",
    )
    return {name: item[name] for name in shown}
