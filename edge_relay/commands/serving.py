"""What ``mwl-relay run`` does: serve scanners until it is told to stop."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from edge_relay import config
from edge_relay.commands import signals
from edge_relay.commands.signals import Told
from edge_relay.exchange.identity import Identity
from edge_relay.operations import logs, memory, systemd_notify
from edge_relay.operations.reloading import LOOK_AGAIN_SECONDS, Reloading
from edge_relay.operations.service import Operations
from edge_relay.relay import CannotListen, Relay
from edge_relay.storage import state_files
from edge_relay.storage.sqlite_file import why
from shared.errors import ExitCode

log = logging.getLogger(__name__)


def serve(
    settings: config.Settings, me: Identity, state_dir: Path, config_file: Path, ready_file: Path | None
) -> None:
    """Serve scanners until SIGTERM or Ctrl-C; say on stdout, and in ``ready_file``, when they can connect.

    A changed ``config_file`` is taken up within seconds; SIGHUP asks for it at once.

    :param state_dir: made already.
    :raises typer.Exit: with `ExitCode.WRONG_USE`, after saying what could not be started.
    """
    logs.set_up(settings.relay.log_format, settings.relay.log_level)
    memory.use_one_heap()
    if settings.relay.pin_to_core:
        memory.stay_on_one_core()
    with signals.held() as wait:
        relay = Relay(settings, me, state_dir)
        with _failed_start_explained(settings):
            relay.start()
        notifier = systemd_notify.from_environment(os.environ)
        operations = Operations(relay, settings.status, state_dir, notifier)
        operations.start()
        memory.settle()
        _announce(relay, settings, ready_file)
        if nobody := config.nobody_may_connect(settings):
            log.warning("%s: add a [[scanners]] table with its ae_title to %s", nobody, config_file)
        _wait_for_the_end(wait, Reloading(config_file, settings, relay))
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


def _wait_for_the_end(wait: signals.Wait, reloading: Reloading) -> None:
    """Wait until we are told to end; take up the settings when they change, or when we are told to."""
    while (told := wait(LOOK_AGAIN_SECONDS)) is not Told.END:
        if told is Told.READ_SETTINGS:
            reloading.reload()
        else:
            reloading.reload_if_changed()


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
    raise typer.Exit(ExitCode.WRONG_USE) from None


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
