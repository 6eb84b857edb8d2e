"""The crowd as a program in C (crowd.c): 32 clients in Python are slower than what they measure."""

from __future__ import annotations

import shutil
import subprocess
from array import array
from functools import cache
from pathlib import Path
from struct import pack
from tempfile import mkdtemp
from typing import Final

from tests.bench import wire
from tests.bench.client import CALLING, Called

_SOURCE: Final = Path(__file__).with_name("crowd.c")
_GRACE_SECONDS: Final = 10.0


@cache
def program() -> Path | None:
    """Return the program, built now; None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    target = Path(mkdtemp(prefix="mwl-bench-")) / "crowd"
    command = [compiler, "-O2", "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*command, "-o", str(target), str(_SOURCE)], check=True)
    return target


def load(
    crowd: Path, called: Called, questions: list[wire.Writes], *, clients: int, seconds: float, budget: float
) -> tuple[float, list[float]]:
    """Ask on many associations for some seconds; return the seconds it took, and those of each query.

    :raises TimeoutError: it took longer than the budget.
    :raises wire.WireError: the server refused, ended a connection, or found other than one match.
    """
    arguments = [crowd, called.host, called.port, clients, seconds, budget]
    done = subprocess.run(
        [str(each) for each in arguments],
        input=_messages(called, questions),
        capture_output=True,
        timeout=budget + _GRACE_SECONDS,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode().strip()
        raise TimeoutError(said) if said == "over budget" else wire.WireError(said)
    measured = array("d")
    measured.frombytes(done.stdout)
    return measured[0], measured[1:].tolist()


def _messages(called: Called, questions: list[wire.Writes]) -> bytes:
    parts = [_sized(wire.associate(called.ae_title, CALLING, wire.WORKLIST)), pack("=I", len(questions))]
    for question in questions:
        parts += [pack("=I", len(question)), *map(_sized, question)]
    return b"".join(parts)


def _sized(data: bytes) -> bytes:
    return pack("=I", len(data)) + data
