"""What became of the predecessor's exams and users, in lines for a person: every row that did not come along,
and every field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from infra.pylantir.databases.accounts import AccountPlan
from infra.pylantir.databases.adoption import Adoption
from lambdas.store.ownership import StoredItem


def exam_lines(plan: Adoption, total: int) -> Iterator[str]:
    """Yield what a plan does with the rows of a worklist file.

    :param total: rows of the file; each is in the sum.
    """
    yield (
        f"{total} exams: {len(plan.edits)} of ours took over UID or status, "
        f"{len(plan.made)} were made by hand, {len(plan.unchanged)} were right already, "
        f"{len(plan.left_out)} were left out"
    )
    for number, why in sorted(plan.left_out):
        yield f"row {number} of the worklist file: left out: {why}"
    for number, what in sorted(plan.notes):
        yield f"row {number} of the worklist file: {what}"
    if plan.without_row:
        yield (
            f"{len(plan.without_row)} of our exams have no row: newer than pylantir's last sync, or deleted "
            f"in pylantir, of which REDCap knows nothing; they are on the list: {_named(plan.without_row)}"
        )


def row_lines(plan: Adoption) -> Iterator[str]:
    """Yield what became of each row, in order, for the report file."""
    said = {edit.row: f"our item takes over {', '.join(edit.changes)}" for edit in plan.edits}
    said |= {made.row: "an item made by hand" for made in plan.made}
    said |= dict.fromkeys(plan.unchanged, "our item is right already")
    said |= {number: f"left out: {why}" for number, why in plan.left_out}
    for number, what in sorted(said.items()):
        yield f"row {number}: {what}"
    yield from (f"row {number}: {what}" for number, what in sorted(plan.notes))


def user_lines(plan: AccountPlan, made: Sequence[str], there: Iterable[str]) -> Iterator[str]:
    """Yield what becomes of the users.

    :param made: names of the accounts that are made; ``there``: of those that were there already.
    """
    yield f"users brought in, with their passwords: {', '.join(made) or 'none'}"
    yield from (f"user {name}: there already, left as it is" for name in there)
    yield from (f"user {name}: not brought in: {why}" for name, why in plan.left_out)


def _named(stored: Sequence[StoredItem]) -> str:
    names = sorted({f"record {each.item.source_record}, scan {each.item.source_instance}" for each in stored})
    return "; ".join(names)
