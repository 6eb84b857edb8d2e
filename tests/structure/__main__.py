"""`make structure`: every folder, its rooms, the imports between them, those that run back. 1 if any does."""

from __future__ import annotations

import sys

from tests.structure.imports import PACKAGES, import_graph, modules
from tests.structure.rooms import Folder, folders


def main() -> int:
    """Print the structure of each package."""
    backward = 0
    for package in PACKAGES:
        for each in folders(import_graph(modules(package)), package):
            print(_line(each))
            for (source, target), count in sorted(each.backward.items()):
                print(f"    {source} imports {target} ({count}), which runs back")
            backward += sum(each.backward.values())
    return 1 if backward else 0


def _line(each: Folder) -> str:
    circles = "; ".join(", ".join(circle) for circle in each.circles)
    return (
        f"{each.name:40} {len(each.rooms):3} rooms {sum(each.arrows.values()):4} imports"
        f" {sum(each.backward.values()):3} run back  {len(each.circles):2} circles {circles}"
    ).rstrip()


if __name__ == "__main__":
    sys.exit(main())
