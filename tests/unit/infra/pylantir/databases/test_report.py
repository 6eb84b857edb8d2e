"""What is said of exams and users: every row, every field, and a sum that comes out."""

from __future__ import annotations

from infra.pylantir.databases.accounts import AccountPlan
from infra.pylantir.databases.adoption import Adoption, Edit, Made
from infra.pylantir.databases.report import exam_lines, row_lines, user_lines
from lambdas.store.ownership import StoredItem
from tests.rigs.builders import an_item

PLAN = Adoption(
    edits=[Edit(1, "792", "a", {"study_instance_uid": "1.2"})],
    made=[Made(2, an_item())],
    unchanged=[3],
    left_out=[(5, "scheduled in the past"), (4, "patient_id: is empty")],
    notes=[(2, "patient_sex: left out: is none of M, F and O")],
    without_row=[StoredItem(item=an_item("007"), feed_seq=1)],
)


def test_the_sum_and_what_did_not_come_along_are_on_the_screen() -> None:
    first, *rest = exam_lines(PLAN, 5)
    made = "1 of ours took over UID or status, 1 were made by hand, 1 were right already"
    assert first == (f"5 exams: {made}, 2 were left out")
    assert [line.partition(" of the")[0] for line in rest[:3]] == ["row 4", "row 5", "row 2"]
    assert "record 007, scan 1" in rest[3]


def test_the_report_has_a_line_for_every_row() -> None:
    lines = list(row_lines(PLAN))
    assert [line.partition(":")[0] for line in lines] == [
        *(f"row {number}" for number in range(1, 6)),
        "row 2",
    ]
    assert lines[0] == "row 1: our item takes over study_instance_uid"


def test_users_that_come_along_and_those_that_do_not_are_named() -> None:
    plan = AccountPlan((), (("eve", "has the empty password"),))
    assert list(user_lines(plan, ["ana"], ["bo"])) == [
        "users brought in, with their passwords: ana",
        "user bo: there already, left as it is",
        "user eve: not brought in: has the empty password",
    ]
