"""`python -m infra.local.redcap --port N`: the REDCap simulator alone, REDCap's API at `/api/`.

The first line of standard output tells the URL, once requests are answered; with `--print-json` the second
is a JSON object with the URLs and the projects with their tokens, for a parent process to read.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from infra.redcap_simulator import BUILDERS, RedcapSimulator

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    options = _parser().parse_args(arguments)
    projects = [BUILDERS[name](options.records, options.seed) for name in options.projects]
    simulator = RedcapSimulator(
        projects,
        server_timezone=options.server_timezone,
        det_url=options.det_url,
        host=options.host,
        port=options.port,
    )
    # Waited for, not handled: a handler interrupted by the next signal would wait for itself for ever.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        simulator.start()
    except OSError as error:
        reason = error.strerror or str(error)
        print(f"redcap simulator: cannot listen on {options.host}:{options.port}: {reason}", file=sys.stderr)
        return 1
    print(f"REDCap simulator listening at {simulator.url}", flush=True)
    if options.print_json:
        addresses = {
            "url": simulator.url,
            "control_url": f"{simulator.base_url}/_control",
            "projects": simulator.describe(),
        }
        print(json.dumps(addresses), flush=True)
    signal.sigwait(_STOP_SIGNALS)
    simulator.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.redcap", description="A REDCap API simulator."
    )
    parser.add_argument("--port", type=int, default=8081, help="0 picks a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--projects", type=_projects, default=list(BUILDERS), help=f"of {','.join(BUILDERS)}")
    parser.add_argument("--records", type=_size, default=10, help="records in each project")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--det-url", default="", help="where saved forms are announced")
    parser.add_argument(
        "--server-timezone", type=_zone, default="UTC", help="zone of date ranges and the log"
    )
    parser.add_argument(
        "--print-json", action="store_true", help="tell projects and tokens as JSON, second line"
    )
    return parser


def _projects(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in BUILDERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown project: {', '.join(unknown)}")
    return names


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"unknown time zone: {text}") from None
    return text


def _size(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError("from 1 to 1,000,000 records")
    return number


if __name__ == "__main__":
    sys.exit(main())
