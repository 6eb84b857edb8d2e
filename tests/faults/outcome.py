"""What came of a part of the suite: counts, and what must not be, in words."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """Counts of one part.

    :param faults: how many were injected.
    :param operations: what was asked of the system meanwhile: reports, queries, calls.
    :param lost: acknowledged, and neither there nor named as missing.
    :param duplicated: recorded twice.
    :param out_of_order: recorded, or delivered, in another order than it was reported.
    :param wrong_answers: what was shown or sent, and is not true.
    :param others: whatever else must not be.
    :param named: faults that the status names, where it is asked; ``unnamed``: those it does not.
    :param longest_silence: seconds for which nobody was served; 0 where it does not apply.
    :param told: further figures, to be printed.
    """

    name: str
    faults: int = 0
    operations: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    wrong_answers: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    named: int = 0
    unnamed: list[str] = field(default_factory=list)
    longest_silence: float = 0.0
    seconds: float = 0.0
    told: dict[str, str] = field(default_factory=dict)

    def wrong(self) -> list[str]:
        """Return what must not be, in words."""
        kinds = {
            "lost": self.lost,
            "twice": self.duplicated,
            "out of order": self.out_of_order,
            "wrong": self.wrong_answers,
            "not named by the status": self.unnamed,
            "": self.others,
        }
        return [
            f"{self.name}: {kind + ': ' if kind else ''}{what}"
            for kind, found in kinds.items()
            for what in found
        ]

    def row(self) -> tuple[str, ...]:
        """Return its row of the table."""
        silence = f"{self.longest_silence:.1f} s" if self.longest_silence else "-"
        counts = (self.lost, self.duplicated, self.out_of_order, self.wrong_answers, self.others)
        return (
            self.name,
            f"{self.faults:,}",
            f"{self.operations:,}",
            *(str(len(found)) for found in counts),
            f"{self.named} of {self.named + len(self.unnamed)}" if self.named or self.unnamed else "-",
            silence,
            f"{self.seconds:.0f} s",
        )


HEADINGS = (
    "part",
    "faults",
    "operations",
    "lost",
    "doubled",
    "out of order",
    "wrong answers",
    "else wrong",
    "named by the status",
    "longest silence",
    "took",
)


def table(outcomes: list[Outcome]) -> str:
    """Return outcomes as a table in Markdown."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(outcome.row() for outcome in outcomes)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
