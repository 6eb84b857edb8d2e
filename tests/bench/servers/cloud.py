"""The cloud the relay under test pulls from: a process of its own, which takes nothing from the client.

python -m tests.bench.servers.cloud ITEMS
"""

from __future__ import annotations

import gc
import sys
import threading

from tests.bench import items
from tests.rigs.relay import FakeCloud


def main() -> None:
    """Serve until the process is ended; say the port when all items are there."""
    with FakeCloud() as cloud:
        for item in items.items(int(sys.argv[1])):
            cloud.put_raw(item.id, item.model_dump(mode="json"))
        gc.freeze()  # nothing that is there now ever goes
        print(f"ready {cloud.port}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
