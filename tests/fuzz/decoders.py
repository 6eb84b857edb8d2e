"""Every decoder of the relay under broken input: it understands, or it refuses in its own words."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Final, Literal
from uuid import UUID

from edge_relay.dicom.elements import read
from edge_relay.dicom.json_model import decode, encode
from edge_relay.mpps.intake import StepIntake, StepRequest
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.links import CachedWorklist
from edge_relay.services.scp import SERVICES
from edge_relay.upper_layer import command
from edge_relay.upper_layer.message import Assembler, Context
from edge_relay.upper_layer.negotiation import Negotiator, read_request
from edge_relay.upper_layer.pdu import BadPdu, Framer, PduType, pdvs
from edge_relay.upper_layer.pynetdicom_tuning import quiet
from edge_relay.worklist.query import parse_query
from shared.errors import Rejected
from shared.steps.procedure_step import DataSetJson
from shared.steps.step_dataset import CHARACTER_SET
from shared.worklist_item import WorklistItem
from tests.fuzz import corpus
from tests.fuzz.mutations import mutated
from tests.rigs.relay import item
from tests.rigs.worklist import Worklist

PATIENCE: Final = 20.0
SLOW: Final = 2.0
"""Seconds after which an input counts as one that hangs; a busy machine is given some of them."""

_LONGEST_MESSAGE: Final = 1 << 20
_STEP_STATUSES: Final = frozenset(
    {0x0000, 0x0001, 0x0105, 0x0106, 0x0110, 0x0111, 0x0112, 0x0117, 0x0120, 0x0121}
)
_KINDS: Final[tuple[Literal["N-CREATE", "N-SET", "N-GET"], ...]] = (
    "N-CREATE",
    "N-CREATE",
    "N-SET",
    "N-SET",
    "N-GET",
)

Check = Callable[[Random, bytes], bool]
"""Hands bytes to a decoder; True if it understood them, False if it refused them as it should."""


@dataclass(frozen=True)
class Target:
    """One decoder.

    :param share: of all inputs, in parts of a hundred.
    """

    name: str
    seeds: Sequence[bytes]
    share: int
    check: Check


@dataclass
class Outcome:
    """What became of a target's inputs.

    :param findings: what should not have happened, with the number of the input and its bytes.
    :param slowest: seconds that the slowest input took.
    """

    name: str
    inputs: int = 0
    understood: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    findings: list[str] = field(default_factory=list)


def input_of(target: Target, seed: int, number: int) -> tuple[Random, bytes]:
    """Return one input, and the chance its decoder goes on with. The first ones are the seeds."""
    random = Random(f"{seed} {target.name} {number}")
    if number < len(target.seeds):
        return random, target.seeds[number]
    return random, mutated(random, random.choice(target.seeds), target.seeds)


def run(target: Target, seed: int, inputs: int) -> Outcome:
    """Give a target so many inputs."""
    outcome = Outcome(target.name)
    began = perf_counter()
    for number in range(inputs):
        random, data = input_of(target, seed, number)
        started, wrong = perf_counter(), ""
        try:
            outcome.understood += target.check(random, data)
        except Exception as error:  # noqa: BLE001  that is what is looked for
            wrong = f"{type(error).__name__}: {error}"
        taken = perf_counter() - started
        if taken > SLOW:
            wrong += f" took {taken:.1f} s"
        if wrong:
            outcome.findings.append(
                f"{target.name}, seed {seed}, input {number}: {wrong}; {data[:400].hex()}"
            )
        outcome.slowest = max(outcome.slowest, taken)
        outcome.inputs += 1
    outcome.seconds = perf_counter() - began
    return outcome


@contextmanager
def targets(folder: Path) -> Iterator[tuple[Target, ...]]:
    """Open every decoder; those that need files have them in a folder."""
    quiet()
    with ExitStack() as stack:
        worklist = stack.enter_context(closing(Worklist(folder, *_items())))
        steps = stack.enter_context(_steps(folder, worklist))
        found: list[Target] = []
        for implicit, syntax in ((True, "implicit"), (False, "explicit")):
            asked, reported = corpus.IDENTIFIERS[implicit], corpus.ATTRIBUTE_LISTS[implicit]
            found += (
                Target(f"identifier, {syntax}", asked, 14, partial(_identifier, implicit)),
                Target(f"query, {syntax}", asked, 8, partial(_query, implicit)),
                Target(f"C-FIND, {syntax}", asked, 5, partial(_find, worklist, implicit)),
                Target(f"attribute list, {syntax}", reported, 10, partial(_attribute_list, implicit)),
                Target(f"step intake, {syntax}", reported, 3, partial(steps, implicit)),
            )
        streams = tuple(b"".join(session) for session in corpus.SESSIONS)
        found += (
            Target("command set", corpus.COMMANDS, 8, _command),
            Target("PDU stream", streams, 9, _stream),
            Target("association request", corpus.REQUESTS, 3, _request),
        )
        yield tuple(found)


def _items() -> Iterator[WorklistItem]:
    for number, name in enumerate(
        ("Doe^Jane", "Müller^Åse", "Yamada^Tarou=山田^太郎", "Hong=洪^吉洞=홍^길동")
    ):
        yield item(f"i{number}", patient_name=name, protocol_name="HEAD" * number)


def _identifier(implicit: bool, random: Random, data: bytes) -> bool:
    try:
        read(data, implicit=implicit)
    except Rejected:
        return False
    return True


def _query(implicit: bool, random: Random, data: bytes) -> bool:
    try:
        parse_query(data, implicit=implicit)
    except Rejected:
        return False
    return True


def _find(worklist: Worklist, implicit: bool, random: Random, data: bytes) -> bool:
    charset = random.choice((("ISO_IR 192",), ("ISO_IR 100",), ("ISO 2022 IR 6", "ISO 2022 IR 87")))
    try:
        found = worklist.find(data, implicit=implicit, charset=charset)
    except Rejected:
        return False
    for answer in found.answers:
        if answer is not None:
            read(answer.identifier, implicit=implicit)
    return True


def _attribute_list(implicit: bool, random: Random, data: bytes) -> bool:
    try:
        attributes, _ = decode(data, implicit=implicit)
    except Rejected:
        return False
    # What was taken has to be returned to who asks with N-GET, in either syntax; in its own, as it was. Only
    # the character set may be another one: UTF-8, if that which was declared does not have the text.
    again, _ = decode(encode(attributes, implicit=implicit), implicit=implicit)
    encode(attributes, implicit=not implicit)
    # Control characters, which no text may have, are padding or escape sequences the next time.
    has_controls = re.search(r"\\x[01]", repr(attributes))
    if not has_controls and _plain({**again, CHARACTER_SET: {}}) != _plain({**attributes, CHARACTER_SET: {}}):
        raise AssertionError("N-GET would not return what N-CREATE took")
    return True


def _plain(attributes: DataSetJson) -> DataSetJson:
    """Return attributes without the padding of binary values, which have an even length once written."""
    return {
        tag: {
            "vr": element.get("vr"),
            "binary": base64.b64decode(element.get("InlineBinary", "")).rstrip(b"\0"),
            "values": [
                _plain(value) if element.get("vr") == "SQ" else value for value in element.get("Value", [])
            ],
        }
        for tag, element in attributes.items()
    }


@contextmanager
def _steps(folder: Path, worklist: Worklist) -> Iterator[Callable[[bool, Random, bytes], bool]]:
    journal = Journal(folder / "journal.db")
    uuids = (UUID(int=number) for number in count(1))
    intake = StepIntake(
        journal,
        CachedWorklist(worklist.cache),
        now=lambda: datetime(2026, 11, 22, 9, 31, tzinfo=UTC),
        new_uuid=lambda: next(uuids),
    )
    numbers = count(1)

    def check(implicit: bool, random: Random, data: bytes) -> bool:
        kind = random.choice(_KINDS)
        number = next(numbers)
        uid = number if kind == "N-CREATE" else max(1, number - random.randrange(1, 5))
        request = StepRequest(
            kind, f"2.25.{uid}", b"" if kind == "N-GET" else data, implicit, "SCANNER1", random.random() < 0.5
        )
        answer = intake.submit(request).result(PATIENCE)
        if answer.status not in _STEP_STATUSES or answer.comment == "internal fault":
            raise AssertionError(f"{kind} answered {answer.status:04X} {answer.comment}")
        return answer.status in {0x0000, 0x0001}

    intake.start()
    try:
        yield check
    finally:
        intake.stop(PATIENCE)
        journal.close()


def _command(random: Random, data: bytes) -> bool:
    try:
        request = command.read(data)
    except BadPdu:
        return False
    command.write(request, random.choice((0x0000, 0xFF00, 0xA900)), comment="\\ü\n" * 40, error_id=1)
    return True


def _stream(random: Random, data: bytes) -> bool:
    framer = Framer(random.choice((1024, 65_536)))
    contexts = {
        2 * number + 1: Context(2 * number + 1, uid, implicit=True)
        for number, uid in enumerate(corpus.SERVICES)
    }
    assembler = Assembler(contexts, "SCANNER1", _LONGEST_MESSAGE)
    at, understood = 0, False
    try:
        while at < len(data):
            size = random.choice((1, 7, 100, 4096, len(data)))
            for pdu in framer.feed(data[at : at + size]):
                if pdu.type is PduType.P_DATA_TF:
                    understood |= any([assembler.take(pdv) for pdv in pdvs(pdu.raw)])
            at += size
    except BadPdu:
        return False
    return understood


_negotiator: Final = Negotiator(SERVICES, 65_536)


def _request(random: Random, data: bytes) -> bool:
    try:
        proposal = read_request(data)
    except BadPdu:
        return False
    _negotiator.agree(proposal)
    return True
