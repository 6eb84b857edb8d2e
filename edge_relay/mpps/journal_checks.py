"""Looking a journal through from end to end, next to the relay that uses it or without one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from edge_relay.mpps import journal_file, journal_rows
from edge_relay.mpps.journal_file import reading
from edge_relay.mpps.journal_losses import losses
from edge_relay.mpps.journal_mark.high_water import MARK_FILE, MarkFile, Noted


class Checked(NamedTuple):
    """What was found.

    :param events: how many there are, by state.
    :param unsound: what SQLite says of the file's structure; empty if it is sound.
    :param damaged: the numbers of events whose record is not as it was written.
    :param missing: events that were taken, and are no longer there.
    """

    version: int
    events: dict[str, int]
    unsound: tuple[str, ...]
    damaged: tuple[int, ...]
    missing: tuple[Noted, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.unsound or self.damaged or self.missing)


def check(path: Path, boot: str = "") -> Checked:
    """Look a journal through, and change nothing; raise `Unavailable` if it cannot be read.

    :param boot: which start of the machine this is; empty: not known.
    """
    with reading("read"), closing(journal_file.look_into(path)) as db:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(20)")]
        counts = db.execute("SELECT state, count(*) FROM events GROUP BY state").fetchall()
        sealed = version >= journal_file.SEALED_SINCE
        known = {event.seq: event for event in journal_rows.missing(db)}
        if sealed:
            lost = losses(MarkFile(path.with_name(MARK_FILE), boot).read(), db)
            known |= {event.seq: event for event in lost}
        return Checked(
            version,
            {str(state): int(count) for state, count in counts},
            () if found == ["ok"] else tuple(found),
            tuple(journal_rows.damaged(db)) if sealed else (),
            tuple(known[seq] for seq in sorted(known)),
        )
