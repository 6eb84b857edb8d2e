"""Character sets of PS3.5 6.1, both ways: queries as another implementation writes them, answers as it reads.

Answers are read by DCMTK, whose dcm2json goes through the C library's iconv, and by pydicom; queries in other
sets than UTF-8 are written by pydicom. Each has a set it cannot read, so that the other has the word, and the
standard's own examples are compared byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from pydicom.charset import convert_encodings
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.valuerep import PersonName

from edge_relay.relay import Relay
from tests.interop.dcmtk import SUCCESS, as_json, findscu, installed, saved
from tests.interop.exams import EXAMS, exams_on
from tests.rigs.relay import item

pytestmark = installed

MORE: Final = (
    item("zhang", patient_id="zhang", patient_name="Zhang^XiaoDong=张^小东"),
    item("mori", patient_id="mori", patient_name="Mori^Ogai=森^鷗外"),  # the second is in JIS X 0212 only
    item("kana", patient_id="kana", patient_name="ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    item("greek", patient_id="greek", patient_name="Διονυσιος"),
)

DEFAULT, LATIN1, UTF8 = ("ISO_IR 6",), ("ISO_IR 100",), ("ISO_IR 192",)
JAPAN: Final = ("ISO 2022 IR 6", "ISO 2022 IR 87", "ISO 2022 IR 159")
KATAKANA: Final = ("ISO 2022 IR 13", "ISO 2022 IR 87")
KOREA: Final = ("ISO 2022 IR 6", "ISO 2022 IR 149")
CHINA: Final = ("ISO 2022 IR 6", "ISO 2022 IR 58")
WESTERN: Final = ("ISO 2022 IR 100", "ISO 2022 IR 87")
DCMTK_CANNOT_READ: Final = "ISO 2022 IR 87"  # built with the C library's iconv
PYDICOM_CANNOT_READ: Final = "ISO 2022 IR 58"  # 3.0 leaves its escape sequences in the text, and writes none


class Told(NamedTuple):
    """What a scanner is told of an exam: in which character set, and which name.

    :param plain: it is all ASCII, and no character set is declared.
    """

    calling: str
    terms: tuple[str, ...]
    exam: str
    name: str
    plain: bool = False


TOLD: Final = (
    Told("SCANNER1", UTF8, "muller", "Müller^Åse"),
    Told("SCANNER1", UTF8, "yamada", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    Told("SCANNER1", UTF8, "hong", "Hong^Gildong=洪^吉洞=홍^길동"),
    Told("SCANNER1", UTF8, "wang", "Wang^XiaoDong=王^小东"),
    Told("SCANNER1", UTF8, "greek", "Διονυσιος"),
    Told("DEFAULT", DEFAULT, "jane", "Doe^Jane", plain=True),
    Told("LATIN1", LATIN1, "muller", "Müller^Åse"),
    Told("JAPAN", JAPAN, "yamada", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    Told("JAPAN", JAPAN, "mori", "Mori^Ogai=森^鷗外"),
    Told("JAPAN", JAPAN, "jane", "Doe^Jane", plain=True),
    Told("KATAKANA", KATAKANA, "kana", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    Told("KOREA", KOREA, "hong", "Hong^Gildong=洪^吉洞=홍^길동"),
    Told("CHINA", CHINA, "zhang", "Zhang^XiaoDong=张^小东"),
    Told("GB18030", ("GB18030",), "wang", "Wang^XiaoDong=王^小东"),
    Told("GB18030", ("GB18030",), "yamada", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    Told("GBK", ("GBK",), "wang", "Wang^XiaoDong=王^小东"),
    Told("WESTERN", WESTERN, "muller", "Müller^Åse"),
    Told("WESTERN", WESTERN, "yamada", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
)

DEGRADED: Final = (  # what a set does not have: letters that stand for it, or the group is left out
    Told("DEFAULT", DEFAULT, "muller", "Muller^Ase", plain=True),
    Told("DEFAULT", DEFAULT, "yamada", "Yamada^Tarou", plain=True),
    Told("LATIN1", LATIN1, "greek", "Dionysios", plain=True),
    Told("KOREA", KOREA, "muller", "Muller^Ase", plain=True),
    Told("CHINA", CHINA, "hong", "Hong^Gildong=洪^吉洞"),
    Told("WESTERN", WESTERN, "hong", "Hong^Gildong=洪^吉洞"),
)

EXAMPLES: Final = (  # PS3.5 H.3.1, H.3.2, I.2, J.2, K.2
    (
        "JAPAN",
        "yamada",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
    ),
    (
        "KATAKANA",
        "kana",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J"
        b"=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
    ),
    (
        "KOREA",
        "hong",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
    ),
    ("GB18030", "wang", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab"),
    ("CHINA", "zhang", b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab"),
)

TERMS: Final = {
    "JAPAN": JAPAN,
    "KATAKANA": KATAKANA,
    "KOREA": KOREA,
    "GB18030": ("GB18030",),
    "CHINA": CHINA,
}
ASKED: Final = (
    (LATIN1, "Müller^Åse", "muller"),
    (LATIN1, "müll*", "muller"),
    (UTF8, "Yamada=山田^太郎", "yamada"),
    (JAPAN, "Yamada*=山田^*", "yamada"),
    (JAPAN, "=森^鷗外", "mori"),
    (KATAKANA, "ﾔﾏﾀﾞ^*", "kana"),
    (KOREA, "=洪^吉洞", "hong"),
    (KOREA, "==홍^*", "hong"),
    (("GB18030",), "=王^小?", "wang"),
    (("GBK",), "=王^小东", "wang"),
    (("ISO_IR 126",), "Διονυσιος", "greek"),
    (("ISO 2022 IR 100", "ISO 2022 IR 126"), "Διον*", "greek"),
)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, acceptor: str) -> Iterator[Relay]:
    with exams_on(tmp_path_factory.mktemp("relay"), acceptor=acceptor, exams=EXAMS + MORE) as running:
        yield running


def declared(answer: Dataset) -> tuple[str, ...]:
    terms = answer.get("SpecificCharacterSet", [])
    return (terms,) if isinstance(terms, str) else tuple(terms)


def answer_file(relay: Relay, folder: Path, exam: str, calling: str) -> Path:
    (file,) = findscu(relay, folder, f"PatientID={exam}", "PatientName", calling=calling).files
    return file


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(each, id=f"{kind}: {each.exam} for {each.calling}")
        for kind, rows in {"whole": TOLD, "degraded": DEGRADED}.items()
        for each in rows
    ],
)
def test_an_answer_declares_its_set_and_is_read_by_it(relay: Relay, tmp_path: Path, told: Told) -> None:
    file = answer_file(relay, tmp_path, told.exam, told.calling)
    answer = dcmread(file, force=True)
    assert declared(answer) == (() if told.plain else told.terms)
    if PYDICOM_CANNOT_READ not in told.terms:
        assert str(answer.PatientName) == told.name
    if DCMTK_CANNOT_READ not in told.terms:
        assert "=".join(as_json(file)["00100010"]["Value"][0].values()) == told.name


@pytest.mark.parametrize(("calling", "exam", "expected"), EXAMPLES, ids=lambda value: str(value)[:8])
def test_the_bytes_are_those_of_the_standards_examples(
    relay: Relay, tmp_path: Path, calling: str, exam: str, expected: bytes
) -> None:
    data = answer_file(relay, tmp_path, exam, calling).read_bytes()
    padded = expected + b" " * (len(expected) % 2)
    assert b"\x10\x00\x10\x00" + len(padded).to_bytes(4, "little") + padded in data


@pytest.mark.parametrize(("calling", "exam", "example"), EXAMPLES, ids=lambda value: str(value)[:8])
def test_the_standards_examples_are_understood(
    relay: Relay, tmp_path: Path, calling: str, exam: str, example: bytes
) -> None:
    asked = Dataset()
    asked.SpecificCharacterSet = list(TERMS[calling])
    asked.PatientName = PersonName(example, convert_encodings(list(TERMS[calling])))
    asked.PatientID = ""
    file = saved(tmp_path / "asked.dcm", asked)
    assert example in file.read_bytes()
    assert [answer.PatientID for answer in findscu(relay, tmp_path, asked=(file,)).answers] == [exam]


@pytest.mark.parametrize(("terms", "name", "exam"), ASKED)
@pytest.mark.parametrize("calling", ["SCANNER1", "KOREA"])
def test_a_query_is_read_by_its_own_set_whatever_the_answers_is(
    relay: Relay, tmp_path: Path, terms: tuple[str, ...], name: str, exam: str, calling: str
) -> None:
    asked = Dataset()
    asked.SpecificCharacterSet = list(terms)
    asked.PatientName = name
    asked.PatientID = ""
    file = saved(tmp_path / "asked.dcm", asked)
    found = findscu(relay, tmp_path, asked=(file,), calling=calling)
    assert [answer.PatientID for answer in found.answers] == [exam]
    assert found.statuses[-1] == SUCCESS


@pytest.mark.parametrize(
    ("calling", "exam", "terms"),
    [("SCANNER1", "yamada", UTF8), ("LATIN1", "muller", LATIN1), ("KOREA", "hong", KOREA)],
)
def test_a_set_is_declared_only_if_the_text_asked_for_needs_it(
    relay: Relay, tmp_path: Path, calling: str, exam: str, terms: tuple[str, ...]
) -> None:
    (answer,) = findscu(relay, tmp_path, "PatientID=jane", "PatientName", calling=calling).answers
    assert declared(answer) == ()
    (answer,) = findscu(relay, tmp_path, "PatientID=yamada", calling=calling).answers
    assert declared(answer) == ()
    (answer,) = findscu(relay, tmp_path, f"PatientID={exam}", "PatientName", calling=calling).answers
    assert declared(answer) == terms
