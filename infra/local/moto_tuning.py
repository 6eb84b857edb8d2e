"""Where moto falls short of DynamoDB in ways that matter here, mended in one place.

- A transaction copies its whole table deeply, once for each of its items, to be able to undo it: a first load
  of 1,000 items takes minutes. `quick_transactions` makes the copy shallow.
- A condition is checked and then, in a second step, written: between threads, two writers can both win.
  `one_at_a_time` keeps requests apart.
"""

from __future__ import annotations

import copy
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from moto.dynamodb.models.table import Table

Application = Callable[[Any, Any], Iterable[bytes]]


def quick_transactions() -> None:
    """Let moto remember a table before a transaction without copying the items in it.

    Exact for transactions of Put, Delete and ConditionCheck, which replace items; an Update inside a
    transaction changes one in place. So in ours an Update comes last, when nothing can fail any more but
    itself; and a test holds that an undone transaction leaves nothing behind.
    """
    setattr(Table, "__deepcopy__", _snapshot)  # noqa: B010 - the hook copy.deepcopy looks for


def _snapshot(table: Any, _memo: object) -> Any:
    twin = copy.copy(table)
    twin.items = defaultdict(dict, {key: copy.copy(rows) for key, rows in table.items.items()})
    return twin


def one_at_a_time(application: Application) -> Application:
    """Return a WSGI application that answers one request after the other."""
    lock = threading.Lock()

    def locked(environ: Any, start_response: Any) -> list[bytes]:
        with lock:
            return [b"".join(application(environ, start_response))]

    return locked
