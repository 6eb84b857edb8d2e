"""MPPS as pynetdicom's SCU speaks it, over real sockets: DCMTK has no tool for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, NamedTuple

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityPerformedProcedureStep,
    ModalityPerformedProcedureStepRetrieve,
)

from edge_relay.client import scu as dicom_client
from edge_relay.relay import Relay
from shared.worklist_item import WorklistItem
from tests.interop.scu import associated
from tests.rigs.mpps import began, completed, discontinued, progress, put, unscheduled, with_images
from tests.rigs.relay import FakeCloud, eventually, item, query, running_relay, scanner

STRICT, LENIENT = "STRICT", "LENIENT"
SCANNERS: Final = [{"ae_title": STRICT, "mpps": "strict"}, {"ae_title": LENIENT, "mpps": "lenient"}]
EXAMS: Final = {
    name: item(name, patient_id=name)
    for name in (
        *("story", "first", "second", "twice", "mix_up", "given_up", "images", "merged", "late", "put_back"),
        *(f"{profile}_{syntax}" for profile in (STRICT, LENIENT) for syntax in ("implicit", "explicit")),
    )
}
SUCCESS, SOME_NOT_HELD = 0x0000, 0x0001

_numbers = count(1000)


class Answer(NamedTuple):
    """What the relay answered.

    :param uid: Affected SOP Instance UID of the response.
    """

    status: int
    comment: str
    error_id: int | None
    uid: str
    dataset: Dataset | None


class Scu:
    """One scanner's association."""

    def __init__(self, association: Association) -> None:
        self._association = association
        self._uids: list[str] = []
        association.bind(evt.EVT_DIMSE_RECV, self._remember)

    def create(self, dataset: Dataset, uid: str | None) -> Answer:
        asked = UID(uid) if uid is not None else None
        return self._answer(*self._association.send_n_create(dataset, ModalityPerformedProcedureStep, asked))

    def set(self, dataset: Dataset, uid: str) -> Answer:
        return self._answer(*self._association.send_n_set(dataset, ModalityPerformedProcedureStep, UID(uid)))

    def get(self, uid: str, *keywords: str) -> Answer:
        tags = [Tag(keyword) for keyword in keywords]
        return self._answer(
            *self._association.send_n_get(tags, ModalityPerformedProcedureStepRetrieve, UID(uid))
        )

    def delete(self, uid: str) -> Answer:
        status = self._association.send_n_delete(ModalityPerformedProcedureStep, UID(uid))
        return self._answer(status, None)

    def _remember(self, event: evt.Event) -> None:
        # pynetdicom hands the caller no part of the response's command set but the status.
        self._uids.append(str(getattr(event.message.command_set, "AffectedSOPInstanceUID", "")))

    def _answer(self, status: Dataset, dataset: Dataset | None) -> Answer:
        assert "Status" in status, "no answer"
        error_id = status.get("ErrorID")
        comment = str(status.get("ErrorComment", ""))
        return Answer(int(status.Status), comment, error_id, self._uids[-1], dataset)


@contextmanager
def scu(relay: Relay, calling: str = LENIENT, syntax: UID = ExplicitVRLittleEndian) -> Iterator[Scu]:
    services = (ModalityPerformedProcedureStep, ModalityPerformedProcedureStepRetrieve)
    with associated(relay, calling, *services, syntax=syntax) as association:
        yield Scu(association)


@contextmanager
def unheard(cloud: FakeCloud) -> Iterator[None]:
    """Let the cloud hear of no step, so that what the relay shows is its own doing."""
    cloud.mpps_faults.extend(["500"] * 10_000)
    try:
        yield
    finally:
        cloud.mpps_faults.clear()


@pytest.fixture(scope="module")
def cloud(acceptor: str) -> Iterator[FakeCloud]:
    with FakeCloud() as running:
        running.put(*EXAMS.values())
        yield running


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, cloud: FakeCloud, acceptor: str) -> Iterator[Relay]:
    with running_relay(
        tmp_path_factory.mktemp("relay"), cloud, acceptor=acceptor, scanners=SCANNERS
    ) as running:
        eventually(lambda: running.cache.count() == len(EXAMS))
        yield running


def new_uid() -> str:
    return f"2.25.{next(_numbers)}"


def walk_in() -> WorklistItem:
    """Return an item that no worklist has."""
    return item(f"walk-in-{next(_numbers)}", patient_id="walk-in")


def status_of(relay: Relay, name: str) -> str:
    """Return the status a scanner is shown of an exam, empty if it is no longer shown."""
    asked = query()
    asked.PatientID = name
    answers = dicom_client.find(scanner(relay, LENIENT), asked)
    return "".join(
        answer.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus for answer in answers
    )


def recorded(cloud: FakeCloud, uid: str, count: int = 1) -> list[dict[str, Any]]:
    """Return the events of a step that reached the cloud, once there are so many."""

    def found(cloud: FakeCloud) -> list[dict[str, Any]]:
        return [event for event in cloud.recorded if event["sop_instance_uid"] == uid]

    cloud.wait_for(lambda cloud: len(found(cloud)) >= count)
    return found(cloud)


Change = Callable[[Dataset], object]


def without(*keywords: str) -> Change:
    def change(dataset: Dataset) -> None:
        for keyword in keywords:
            delattr(dataset, keyword)

    return change


def having(**values: Any) -> Change:
    return lambda dataset: put(dataset, **values)


def as_text(keyword: str) -> Change:
    """Write an attribute with the VR of a text, whatever it should have."""
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return lambda dataset: dataset.add_new(tag, "LO", "text")


def in_series(change: Change) -> Change:
    return lambda dataset: change(dataset.PerformedSeriesSequence[0])


def in_reference(change: Change) -> Change:
    return lambda dataset: change(dataset.ScheduledStepAttributesSequence[0])


class Row(NamedTuple):
    """A change to a message that is as it should be, and the statuses it is answered with."""

    what: str
    change: Change
    strict: int
    lenient: int


CREATE: Final = (  # PS3.4 Table F.7.2-1; statuses of PS3.7 10.1.5.1.6
    Row("as it should be", lambda _: None, 0x0000, 0x0000),
    Row("a type 1 attribute missing", without("Modality"), 0x0120, 0x0000),
    Row("its id missing", without("PerformedProcedureStepID"), 0x0120, 0x0000),
    Row("no start", without("PerformedProcedureStepStartDate"), 0x0120, 0x0000),
    Row("a type 1 attribute empty", having(Modality=""), 0x0121, 0x0000),
    Row("a type 2 attribute missing", without("PatientSex"), 0x0120, 0x0000),
    Row("type 2 attributes empty", having(PatientName="", PatientID=""), 0x0000, 0x0000),
    Row("no reference", without("ScheduledStepAttributesSequence"), 0x0120, 0x0000),
    Row("a reference without an item", having(ScheduledStepAttributesSequence=[]), 0x0121, 0x0000),
    Row("a reference without a study", in_reference(without("StudyInstanceUID")), 0x0120, 0x0000),
    Row("no status", without("PerformedProcedureStepStatus"), 0x0120, 0x0000),
    Row("an empty status", having(PerformedProcedureStepStatus=""), 0x0121, 0x0000),
    Row("a status in small letters", having(PerformedProcedureStepStatus="in progress"), 0x0106, 0x0000),
    Row("a status there is not", having(PerformedProcedureStepStatus="RUNNING"), 0x0106, 0x0106),
    Row("already completed", having(PerformedProcedureStepStatus="COMPLETED"), 0x0106, 0x0106),
    Row("already given up", having(PerformedProcedureStepStatus="DISCONTINUED"), 0x0106, 0x0106),
    Row("no such day", having(PerformedProcedureStepStartDate="20261322"), 0x0106, 0x0000),
    Row("more than is asked for", having(ImageAndFluoroscopyAreaDoseProduct="1.5"), 0x0000, 0x0000),
)
SET: Final = (  # of a step in progress; statuses of PS3.7 10.1.3.1.9
    Row("as it should be", lambda _: None, 0x0000, 0x0000),
    Row("no end", without("PerformedProcedureStepEndDate"), 0x0121, 0x0000),
    Row("no series", without("PerformedSeriesSequence"), 0x0121, 0x0000),
    Row("series without an item", having(PerformedSeriesSequence=[]), 0x0121, 0x0000),
    Row("a series without a UID", in_series(without("SeriesInstanceUID")), 0x0121, 0x0000),
    Row("a series with an empty protocol", in_series(having(ProtocolName="")), 0x0121, 0x0000),
    Row("a sequence written as text", in_series(as_text("ReferencedImageSequence")), 0x0106, 0x0000),
    Row("what may only be created", having(PatientName="Doe^Jane"), 0x0105, 0x0000),
    Row("a status there is not", having(PerformedProcedureStepStatus="FINISHED"), 0x0106, 0x0106),
    Row("no such hour", having(PerformedProcedureStepEndTime="256100"), 0x0106, 0x0000),
    Row("given up, without a series", having(PerformedProcedureStepStatus="DISCONTINUED"), 0x0000, 0x0000),
)


@pytest.mark.parametrize("row", CREATE, ids=lambda row: row.what)
@pytest.mark.parametrize("calling", [STRICT, LENIENT])
def test_an_n_create_is_taken_or_refused_as_the_profile_says(
    relay: Relay, cloud: FakeCloud, row: Row, calling: str
) -> None:
    uid, dataset = new_uid(), began(walk_in())
    row.change(dataset)
    expected = row.strict if calling == STRICT else row.lenient
    with scu(relay, calling) as scanner:
        answer = scanner.create(dataset, uid)
        assert answer.status == expected, answer.comment
        assert bool(answer.comment) is (expected != SUCCESS)
        held = scanner.get(uid)
        assert held.status == (SUCCESS if expected == SUCCESS else 0x0112)
    if expected == SUCCESS:
        (event,) = recorded(cloud, uid)
        # What a strict scanner would have been refused for is noted.
        assert bool(event["warnings"]) is (row.strict != SUCCESS)


@pytest.mark.parametrize("row", SET, ids=lambda row: row.what)
@pytest.mark.parametrize("calling", [STRICT, LENIENT])
def test_an_n_set_is_taken_or_refused_as_the_profile_says(
    relay: Relay, cloud: FakeCloud, row: Row, calling: str
) -> None:
    uid, dataset = new_uid(), completed()
    row.change(dataset)
    expected = row.strict if calling == STRICT else row.lenient
    with scu(relay, calling) as scanner:
        assert scanner.create(began(walk_in()), uid).status == SUCCESS
        answer = scanner.set(dataset, uid)
        assert answer.status == expected, answer.comment
        assert bool(answer.comment) is (expected != SUCCESS)
        again = scanner.set(completed(), uid)
        if expected == SUCCESS:
            assert (again.status, again.error_id) == (0x0110, 0xA710)
        else:
            assert again.status == SUCCESS  # the refused one had changed nothing
    events = recorded(cloud, uid, 2)
    if expected == SUCCESS and row.strict != SUCCESS:
        assert events[1]["warnings"]


def test_statuses_of_the_state_machine(relay: Relay) -> None:
    uid = new_uid()
    with scu(relay, STRICT) as scanner:
        assert scanner.set(progress(), uid).status == 0x0112
        assert scanner.get(uid).status == 0x0112
        assert scanner.create(began(walk_in()), "1.2.840.10008.1.2").status == 0x0117
        assert scanner.create(began(walk_in()), uid)[:2] == (SUCCESS, "")
        assert scanner.create(began(walk_in()), uid).status == 0x0111
        assert scanner.set(progress(), uid).status == SUCCESS
        assert scanner.set(completed(), uid).status == SUCCESS
        late = scanner.set(discontinued(), uid)
        assert (late.status, late.error_id) == (0x0110, 0xA710)
        assert late.comment == "Performed Procedure Step Object may no longer be updated"
        assert scanner.create(began(walk_in()), uid).status == 0x0111
        assert scanner.delete(uid).status == 0x0211
        assert scanner.get(uid).status == SUCCESS  # and the association goes on


@pytest.mark.parametrize("calling", [STRICT, LENIENT])
@pytest.mark.parametrize("syntax", ["implicit", "explicit"])
def test_a_scan_from_scheduled_to_over(relay: Relay, cloud: FakeCloud, calling: str, syntax: str) -> None:
    name, uid = f"{calling}_{syntax}", new_uid()
    assert status_of(relay, name) == "SCHEDULED"
    with scu(
        relay, calling, ImplicitVRLittleEndian if syntax == "implicit" else ExplicitVRLittleEndian
    ) as one:
        assert one.create(began(EXAMS[name]), uid)[:4] == (SUCCESS, "", None, uid)
        assert status_of(relay, name) == "STARTED"
        assert one.set(progress(), uid)[:4] == (SUCCESS, "", None, uid)
        assert one.set(completed(), uid).status == SUCCESS
        assert status_of(relay, name) == ""
    events = recorded(cloud, uid, 3)
    assert [event["kind"] for event in events] == ["N-CREATE", "N-SET", "N-SET"]
    assert {event["item_id"] for event in events} == {name}
    assert [event["warnings"] for event in events] == [[], [], []]
    assert {event["calling_aetitle"] for event in events} == {calling}


def test_a_uid_left_to_us_is_made_and_returned(relay: Relay, cloud: FakeCloud) -> None:
    with scu(relay, STRICT) as scanner:
        answers = [scanner.create(began(walk_in()), None) for _ in range(2)]
        assert [answer.status for answer in answers] == [SUCCESS, SUCCESS]
        first, second = (answer.uid for answer in answers)
        assert first != second
        assert first.startswith("2.25.")
        assert UID(first).is_valid
        assert scanner.set(completed(), first).status == SUCCESS
        assert scanner.get(second).status == SUCCESS
    recorded(cloud, first, 2)


def test_one_step_of_two_items_moves_both(relay: Relay, cloud: FakeCloud) -> None:
    uid = new_uid()
    with unheard(cloud), scu(relay, STRICT) as scanner:
        scanner.create(began(EXAMS["first"], EXAMS["second"]), uid)
        assert (status_of(relay, "first"), status_of(relay, "second")) == ("STARTED", "STARTED")
        scanner.set(completed(), uid)
        assert (status_of(relay, "first"), status_of(relay, "second")) == ("", "")
    assert recorded(cloud, uid, 2)[0]["item_ids"] == ["first", "second"]


def test_two_steps_of_one_item_hold_it_until_both_are_over(relay: Relay, cloud: FakeCloud) -> None:
    first, second = new_uid(), new_uid()
    with unheard(cloud), scu(relay) as scanner, scu(relay, STRICT) as other:
        scanner.create(began(EXAMS["twice"]), first)
        other.create(began(EXAMS["twice"]), second)
        scanner.set(completed(), first)
        assert status_of(relay, "twice") == "STARTED"
        other.set(discontinued(), second)
        assert status_of(relay, "twice") == ""


def test_a_step_nobody_scheduled_is_kept(relay: Relay, cloud: FakeCloud) -> None:
    uid = new_uid()
    with scu(relay) as scanner:
        assert scanner.create(unscheduled(walk_in()), uid).status == SUCCESS
        assert scanner.set(completed(), uid).status == SUCCESS
        assert scanner.get(uid, "PatientID").status == SUCCESS
    assert [event["item_id"] for event in recorded(cloud, uid, 2)] == [None, None]


def test_a_wrong_entry_is_put_back_and_a_stop_is_not(relay: Relay, cloud: FakeCloud) -> None:
    mixed_up, given_up = new_uid(), new_uid()
    with scu(relay, STRICT) as scanner:
        scanner.create(began(EXAMS["put_back"]), mixed_up)
        scanner.create(began(EXAMS["given_up"]), given_up)
        assert scanner.set(discontinued(wrong_entry=True), mixed_up).status == SUCCESS
        assert scanner.set(discontinued(), given_up).status == SUCCESS
    assert status_of(relay, "put_back") == "SCHEDULED"
    assert status_of(relay, "given_up") == ""
    assert "wrong worklist entry" in " ".join(recorded(cloud, mixed_up, 2)[1]["warnings"])


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_n_get_returns_what_was_created_and_set_together(relay: Relay, syntax: UID) -> None:
    uid, created, ended = new_uid(), began(walk_in()), completed()
    more = progress()
    more.CommentsOnThePerformedProcedureStep = "patient moved"
    with scu(relay, LENIENT, syntax) as scanner:
        scanner.create(created, uid)
        scanner.set(more, uid)
        scanner.set(ended, uid)
        answer = scanner.get(uid)
    assert answer.dataset is not None
    expected = Dataset(created)
    expected.update(more)
    expected.update(ended)
    assert answer.dataset == expected
    assert answer[:4] == (SUCCESS, "", None, uid)


def test_n_get_returns_the_attributes_asked_for(relay: Relay) -> None:
    uid = new_uid()
    with scu(relay) as scanner:
        scanner.create(began(walk_in()), uid)
        some = scanner.get(uid, "PatientID", "PerformedProcedureStepStatus")
        lacking = scanner.get(uid, "PatientID", "StudyDate")
        unknown = scanner.get("2.25.9", "PatientID")
    assert some.dataset is not None
    assert {element.keyword for element in some.dataset} - {"SpecificCharacterSet"} == {
        "PatientID",
        "PerformedProcedureStepStatus",
    }
    assert some.status == SUCCESS
    assert lacking.status == SOME_NOT_HELD
    assert unknown.status == 0x0112


NAMED: Final = (
    (["ISO_IR 192"], "Müller^Åse=山田^太郎"),
    (["ISO_IR 100"], "Müller^Åse"),
    (["ISO_IR 126"], "Διονυσιος"),
    (["GB18030"], "Wang^XiaoDong=王^小东"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize(("terms", "name"), NAMED, ids=lambda value: value[-1])
def test_names_are_kept_in_whatever_set_they_come(
    relay: Relay, cloud: FakeCloud, terms: list[str], name: str, syntax: UID
) -> None:
    uid, created = new_uid(), began(walk_in())
    created.SpecificCharacterSet = terms
    created.PatientName = name
    created.PerformedProcedureStepDescription = name.partition("=")[0]
    created.OperatorsName = [name, name]
    with scu(relay, STRICT, syntax) as scanner:
        assert scanner.create(created, uid).status == SUCCESS
        held = scanner.get(uid).dataset
    assert held is not None
    assert str(held.PatientName) == name
    assert list(map(str, held.OperatorsName)) == [name, name]
    assert held.PerformedProcedureStepDescription == name.partition("=")[0]
    kept = recorded(cloud, uid)[0]["dataset"]["00100010"]["Value"][0]
    assert "=".join(kept.values()) == name


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_step_of_five_hundred_images_is_taken_whole(relay: Relay, cloud: FakeCloud, syntax: UID) -> None:
    uid, ended = new_uid(), with_images(500)
    with scu(relay, STRICT, syntax) as scanner:
        scanner.create(began(walk_in()), uid)
        assert scanner.set(ended, uid).status == SUCCESS
        held = scanner.get(uid, "PerformedSeriesSequence").dataset
    assert held is not None
    assert held.PerformedSeriesSequence == ended.PerformedSeriesSequence
    series = recorded(cloud, uid, 2)[1]["dataset"]["00400340"]["Value"][0]
    assert len(series["00081140"]["Value"]) == 500
