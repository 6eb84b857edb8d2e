"""The command ``mwl-relay``: set up, run and look after one relay.

Exit codes: 0 done; 1 the answer is no (refused, needs attention); 2 wrong use, wrong settings, port or folder
in use; 3 the other side cannot be reached, or the relay is not running. Errors are one line on stderr.
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
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from edge_relay import config
from edge_relay.commands import conformance as cli_conformance
from edge_relay.commands import dicom as cli_dicom
from edge_relay.commands import journal as cli_journal
from edge_relay.commands import status as cli_status
from edge_relay.commands.errors import EXIT_WRONG, existing, reported, table
from edge_relay.commands.options import DEFAULT_CONFIG, DEFAULT_STATE, ConfigFile, StateDir
from edge_relay.exchange import cloud, identity
from edge_relay.mpps import journal, journal_file
from edge_relay.operations import logs, memory, systemd_notify
from edge_relay.operations.service import Operations
from edge_relay.relay import CannotListen, Relay
from edge_relay.storage import state_files
from edge_relay.storage.sqlite_file import why
from edge_relay.storage.state_files import JOURNAL_FILE
from shared.errors import Conflict

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
    epilog="Exit codes: 0 done, 1 the answer is no, 2 wrong use or settings, 3 not reachable or not running.",
)
cli_status.add_commands(app)
cli_dicom.add_commands(app)
cli_conformance.add_commands(app)
cli_journal.add_commands(app)

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
        folder = state_files.make_state_dir(state_dir)
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
    Everything else is log lines on stderr. Under systemd (Type=notify) it says when it is ready, and keeps
    the watchdog fed as long as it answers its own queries over DICOM.
    """
    with reported():
        settings = config.load(config_file)
        me = identity.load_identity(state_files.make_state_dir(state_dir))
        logs.set_up(settings.relay.log_format)
        memory.use_one_heap()
        if settings.relay.pin_to_core:
            memory.stay_on_one_core()
        with _stop_signals_held():
            relay = Relay(settings, me, state_dir)
            with _failed_start_explained(settings):
                relay.start()
            notifier = systemd_notify.from_environment(os.environ)
            operations = Operations(relay, settings.status, state_dir, notifier)
            operations.start()
            memory.settle()
            _announce(relay, settings, ready_file)
            signal.sigwait(_STOP_SIGNALS)
            operations.stopping(settings.relay.stop_timeout_seconds)
            clean = relay.stop()
            clean = operations.stop() and clean
            if ready_file is not None:
                ready_file.unlink(missing_ok=True)
        if not clean or any(not t.daemon for t in threading.enumerate() if t is not threading.main_thread()):
            # A peer that will not let go must not keep the process: everything that matters is on the disk.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


@app.command()
def retry(
    event_id: Annotated[str, typer.Argument(help="The event's id, see: mwl-relay list --parked")],
    state_dir: StateDir = DEFAULT_STATE,
) -> None:
    """Send a parked MPPS event again, and what waits behind it. A running relay takes it up by itself."""
    with reported(), closing(journal.Journal(existing(state_dir / JOURNAL_FILE))) as outbox:
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
        source = existing(state_dir / JOURNAL_FILE)
        journal_file.backup(source, target)
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
def _failed_start_explained(settings: config.Settings) -> Iterator[None]:
    """Say what failed: a port, a file of the state folder, or what else there is to start with."""
    try:
        yield
    except CannotListen as error:
        where = f"{settings.relay.host}:{settings.relay.port}"
        where += f" or :{settings.tls.port} (TLS)" if settings.tls else ""
        _give_up(f"cannot listen on {where}: {_reason(error)} (see relay.port and relay.host)")
    except OSError as error:
        _give_up(f"{error.filename or 'the state folder'}: {_reason(error)} (see --state-dir)")
    except sqlite3.Error as error:
        _give_up(f"cache.db cannot be opened: {why(error)} (see --state-dir; it may be deleted)")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _give_up(sentence: str) -> NoReturn:
    typer.echo(f"mwl-relay: {sentence}", err=True)
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
        state_files.write_private(ready_file, json.dumps(facts).encode())
    typer.echo(f"ready {host}:{port} {settings.relay.ae_title} site={relay.site} items={count}")
    sys.stdout.flush()
