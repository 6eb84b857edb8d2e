"""The crowd as a program in C (crowd.c): 32 clients in Python are slower than what they measure."""

from __future__ import annotations

import shutil
import subprocess
from array import array
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from struct import pack
from tempfile import mkdtemp
from typing import Final, NamedTuple

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


class Question(NamedTuple):
    """What is asked: messages, each said when the one before has been answered.

    :param sop_class: what the association is for.
    :param matches: how many each must be answered with.
    """

    sop_class: str
    messages: tuple[wire.Writes, ...]
    matches: int


def load(
    crowd: Path, called: Called, questions: Sequence[Question], *, clients: int, seconds: float, budget: float
) -> tuple[float, list[float]]:
    """Ask on many associations for some seconds; return the seconds it took, and those of each question.

    Questions of one message are asked again and again. Longer ones are asked once: what they change stays
    changed; when there are no more, it is over.

    :param questions: all alike: of as many messages, and as many matches.
    :raises TimeoutError: it took longer than the budget.
    :raises wire.WireError: the server refused, ended a connection, or gave another number of matches.
    """
    first = questions[0]
    arguments = [
        crowd,
        called.host,
        called.port,
        clients,
        seconds,
        budget,
        first.matches,
        len(first.messages),
    ]
    done = subprocess.run(
        [str(each) for each in arguments],
        input=_said(called, questions),
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


def _said(called: Called, questions: Sequence[Question]) -> bytes:
    messages = [message for question in questions for message in question.messages]
    associate = wire.associate(called.ae_title, CALLING, questions[0].sop_class)
    parts = [_sized(associate), pack("=I", len(messages))]
    for message in messages:
        parts += [pack("=I", len(message)), *map(_sized, message)]
    return b"".join(parts)


def _sized(data: bytes) -> bytes:
    return pack("=I", len(data)) + data
