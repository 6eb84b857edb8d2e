"""Which version of an item a caller looked at before changing it (RFC 9110, 13.1).

If-Match: "17-5f0c..."   only this version is to be changed; a strong comparison
If-Match: *              whichever there is
"version" in a body      the same, for who sends back what was shown
neither                  what is named counts; only a status that a scanner reported is not replaced by
                         a whole item sent back, for nobody can say whether that was meant
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from lambdas.api.problems import PreconditionRequired
from lambdas.api.schemas.items import READ_ONLY, ItemChanges
from lambdas.store.audit.item_history import Since
from lambdas.store.ownership import STATUS, StoredItem
from shared.errors import Outdated

_TAG: Final = re.compile(r'(W/)?"([^"]*)"')
_ANY: Final = "*"

SinceVersion = Callable[[str], Since | None]
"""Finds what changed of an item since a version."""

LOOK_AGAIN: Final = "read it again, then decide"


def etag(stored: StoredItem) -> str:
    """Return an item's entity tag: strong, from its version."""
    return f'"{stored.version}"'


def is_known(if_none_match: str, stored: StoredItem) -> bool:
    """Tell whether the caller of a GET has this version already; a weak comparison."""
    found = {tag for _, tag in _TAG.findall(if_none_match)}
    return if_none_match.strip() == _ANY or stored.version in found


def check_match(if_match: str, stored: StoredItem, since: SinceVersion = lambda _: None) -> None:
    """Raise `Outdated` unless ``If-Match`` is empty or names the item as it stands.

    :param since: finds what changed since a version.
    """
    named = [tag for weak, tag in _TAG.findall(if_match) if not weak]
    if not if_match or if_match.strip() == _ANY or stored.version in named:
        return
    found = since(named[0]) if named else None
    raise Outdated(
        "the item has changed since you looked at it",
        where="If-Match",
        hint=LOOK_AGAIN,
        changed=found.told if found else {},
    )


def merged(body: ItemChanges, stored: StoredItem, since: SinceVersion) -> dict[str, Any]:
    """Return what an item sent back with an earlier ``version`` changes of the item as it stands.

    That is where it differs from what that version showed; what others changed since stays theirs.

    :raises Outdated: it changes what others have changed too, or nobody knows what the version showed.
    """
    if body.version in {"", stored.version}:
        return body.against(stored)
    found = since(body.version)
    if found is None:
        raise Outdated("nobody knows this version of the item", where="version", hint=LOOK_AGAIN)
    changes = body.against(stored, found.shown)
    both = sorted(changes.keys() & found.told.keys())
    if both:
        raise Outdated(
            "what you change has been changed since you looked at it",
            where=both[0],
            hint=LOOK_AGAIN,
            changed={name: found.told[name] for name in both},
        )
    return changes


def check_status_is_meant(body: ItemChanges, if_match: str, stored: StoredItem) -> None:
    """Raise `PreconditionRequired` if a whole item sent back would replace what a scanner reported.

    The status alone is meant, and so is one sent with the version that was looked at.
    """
    named = body.model_fields_set - READ_ONLY
    told = if_match or body.version or named <= {STATUS}
    differs = body.performed_procedure_step_status is not stored.item.performed_procedure_step_status
    if STATUS in named and differs and stored.status_owner == "mpps" and not told:
        raise PreconditionRequired(
            "a scanner has reported this status: say which version you looked at, or send the status alone",
            where=STATUS,
            hint="send the header If-Match, with the ETag of GET /worklist/{id}",
        )
