"""Running the machine's programs, and what a build raises when it cannot go on."""

from __future__ import annotations

import os
import subprocess


class CannotBuild(Exception):
    """A package cannot be built here; says why."""


def output(*command: str, **environment: str) -> str:
    """Run a program and return what it printed.

    :raises CannotBuild: the program is missing, or failed; says what it said.
    """
    try:
        done = subprocess.run(  # noqa: S603  fixed programs of the machine this is built on
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        raise CannotBuild(f"{command[0]} is missing; a package is built on Debian or Ubuntu") from None
    except subprocess.CalledProcessError as error:
        raise CannotBuild(f"{command[0]} failed: {(error.stderr or error.stdout).strip()}") from None
    return done.stdout.strip()
