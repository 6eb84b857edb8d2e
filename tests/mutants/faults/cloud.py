"""Faults of the cloud: the feed, tokens, who may change what, and from a row to an item."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import area

_FEED: Final = area(
    "feed",
    ["tests/unit/lambdas/store/test_feed.py", "tests/unit/shared/test_feed.py"],
    (
        "bound if ceiling is None else min(ceiling, bound)",
        "bound",
        "in a pull of three pages that crosses the settle window, a change is missed for good",
    ),
    (
        "certain = [mark.seq for mark in witnesses if now - mark.at >= settle]",
        "certain = [mark.seq for mark in witnesses]",
        "a cursor passes changes that cannot be seen yet",
    ),
    (
        "return min(head.seq, max([cursor.settled, *certain]))",
        "return min(head.seq, max([0, *certain]))",
        "what was settled is no longer",
    ),
    (
        "if bound < end:\n",
        "if bound <= end:\n",
        "a pull of settled pages stops its cursor at the first page",
    ),
    (
        "settled = max(begun.settled, end if ceiling is None else min(end, ceiling))",
        "settled = end if ceiling is None else min(end, ceiling)",
        "a cursor goes back, and changes are sent again and again",
    ),
    ("min(end, ceiling))\n", "end)\n", "a cursor passes a gap read before it had settled"),
    ("unused = begun.watched > settled", "unused = begun.watched >= settled", "a witness is never replaced"),
    ("unused = begun.watched > settled", "unused = False", "a relay that asks often never settles"),
    ("and cursor.position <= head.seq", "and cursor.position < head.seq", "every poll starts from nothing"),
    ("and cursor.position <= head.seq", "and True", "a cursor of the future is believed"),
    (
        "and ancestor\n        and cursor.position",
        "and cursor.position",
        "a restored table is not noticed",
    ),
    (
        "and now - cursor.issued_at < LONGEST_ABSENCE_SECONDS",
        "and True",
        "a relay away for months misses deletions whose tombstones are gone",
    ),
    (
        "end = last if more else max(last, head.seq)",
        "end = max(last, head.seq)",
        "the second page is skipped",
    ),
    ("end = last if more else max(last, head.seq)", "end = last", "a relay never becomes current"),
    (
        "return Head(self.seq + count, self.epoch, (*old[-1:], *young), self.version",
        "return Head(self.seq + count, self.epoch, (*young,), self.version",
        "with a writer every few seconds nothing ever settles for a new reader",
    ),
    (
        "young.append(Mark(self.seq, read_at))",
        "young.append(Mark(self.seq + count, read_at))",
        "a cursor passes changes of a writer that sleeps: they are missed for good",
    ),
    (
        "if not young or read_at - young[-1].at >= settle / _MARKS_PER_WINDOW:",
        "if True:",
        "the head grows with every writer",
    ),
    ("position=settled,\n", "position=end,\n", "a change younger than the window is not sent again"),
    (
        '"ceiling": ceiling, "issued_at": now',
        '"ceiling": None, "issued_at": now',
        "the next page forgets the gap",
    ),
    ("if limit < 1:\n", "if limit < 0:\n", "a page of nothing never ends"),
    (
        "return same_history and cursor.settled == cursor.position == head.seq",
        "return cursor.settled == cursor.position == head.seq",
        "after a restore a relay is told that nothing is new",
    ),
    (
        "return same_history and cursor.settled == cursor.position == head.seq",
        "return same_history and cursor.settled <= cursor.position <= head.seq",
        "a relay that lacks changes is told that nothing is new",
    ),
    (
        "except (binascii.Error, ValidationError, ValueError):",
        "except KeyError:",
        "a bad cursor is a fault of ours",
    ),
)

_TOKENS: Final = area(
    "tokens",
    ["tests/unit/lambdas/access/test_tokens.py"],
    ("if claims.exp <= self._now():", "if claims.exp < self._now():", "a token is good a moment too long"),
    ("if claims.exp <= self._now():", "if False:", "a token is good for ever"),
    (
        "if not 0 < expires - issued <= RELAY_TOKEN_SECONDS:",
        "if not expires - issued <= RELAY_TOKEN_SECONDS:",
        "a token that ends before it begins is taken",
    ),
    (
        "if not 0 < expires - issued <= RELAY_TOKEN_SECONDS:",
        "if not 0 <= expires - issued <= RELAY_TOKEN_SECONDS:",
        "a token good for no time at all is taken",
    ),
    (
        "if not 0 < expires - issued <= RELAY_TOKEN_SECONDS:",
        "if not 0 < expires - issued < RELAY_TOKEN_SECONDS:",
        "a token good for the whole minute is refused: no relay gets in",
    ),
    (
        "if not 0 < expires - issued <= RELAY_TOKEN_SECONDS:",
        "if not 0 < expires - issued:",
        "a relay's token may be good for a year",
    ),
    (
        "if issued > now + LEEWAY or expires < now - LEEWAY:",
        "if issued > now or expires < now - LEEWAY:",
        "a relay whose clock is a second ahead is refused",
    ),
    (
        "if issued > now + LEEWAY or expires < now - LEEWAY:",
        "if issued > now + LEEWAY or expires < now:",
        "a relay whose clock is a second behind is refused",
    ),
    (
        "if issued > now + LEEWAY or expires < now - LEEWAY:",
        "if issued > now + LEEWAY:",
        "an old token is taken",
    ),
    (
        "if issued > now + LEEWAY or expires < now - LEEWAY:",
        "if expires < now - LEEWAY:",
        "a token made in advance is taken",
    ),
    ("or len(issuer) > 64:", "or len(issuer) > 65:", "a relay id longer than there are"),
    (
        "or not issuer.isascii() or not issuer.isalnum()",
        "or not issuer.isascii()",
        "a relay id is part of a key",
    ),
    ('"strict_aud": True,', '"strict_aud": False,', "a token for several services is taken"),
    (
        "            audience=audience,\n",
        '            audience=[audience, "mwl-relay", "mwl-relay-api"],\n',
        "a token made for something else is taken",
    ),
    ("            issuer=issuer,\n", "", "a token of another issuer is taken"),
    (
        "isinstance(value, bool) or not isinstance(value, int | float) or not math",
        "not isinstance(value, int) or not math",
        "a relay whose clock tells fractions of a second is refused",
    ),
    (
        "PEOPLE_AUDIENCE, minutes * 60, sub",
        "PEOPLE_AUDIENCE, minutes, sub",
        "people are logged out after seconds",
    ),
    ("for fresh in (False, True):", "for fresh in (False,):", "after a rotation people are logged out"),
    ('"require": list(_REQUIRED),', '"require": [],', "a token without an end is taken"),
    ("if not isinstance(key, Ed25519PublicKey):", "if key is None:", "a relay enrols a key of another kind"),
)

_SIGNING_KEYS: Final = area(
    "signing-keys",
    ["tests/unit/lambdas/access/test_signing_keys.py"],
    ("_SHORTEST_SECRET = 32", "_SHORTEST_SECRET = 31", "a key shorter than its hash signs"),
    ("found = self.previous.get(kid)", "found = self.secret", "the new key verifies what the old one signed"),
    ("found = self.previous.get(kid)", "found = None", "a rotation logs everybody out"),
    ("self.until[kid] <= now", "self.until[kid] < now", "a former key verifies a moment too long"),
    ("self.until[kid] <= now", "False", "a former key verifies for ever"),
    ("min(self.until.get(name, end), end)", "end", "each rotation puts the end of former keys off"),
    ("if at > now}", "}", "a key that others know goes on verifying"),
    (
        "if kid == self.kid or kid in self.previous:",
        "if kid == self.kid:",
        "a former key is lost, or the new one",
    ),
)

_THROTTLE: Final = area(
    "throttle",
    ["tests/unit/lambdas/access/test_throttle.py"],
    ("wait = 0.0 if excess < 0 else", "wait = 0.0 if excess <= 0 else", "a guess more is free"),
    ("if now < before.locked_until:", "if now <= before.locked_until:", "who waited as told waits again"),
    (
        "now - before.last_at > FORGOTTEN_AFTER",
        "now - before.last_at >= FORGOTTEN_AFTER",
        "failures are forgotten a moment too early",
    ),
    (
        "min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(excess, 10))",
        "FIRST_WAIT * 2.0 ** min(excess, 10)",
        "somebody can lock a person out for hours",
    ),
    (
        "self.retry_after = max(1, math.ceil(retry_after))",
        "self.retry_after = math.floor(retry_after)",
        "who waits as long as told comes too early",
    ),
    ("failures = before.failures + 1\n", "failures = before.failures\n", "guessing is free"),
)

_OWNERSHIP: Final = area(
    "ownership",
    ["tests/unit/lambdas/store/test_ownership.py", "tests/unit/lambdas/store/test_item_site.py"],
    (
        '(current.gone and current.status_owner != "person")',
        "current.gone",
        "what a person removed comes back",
    ),
    ('(current.gone and current.status_owner != "person")', "False", "what a form brings back stays gone"),
    (
        'if current.status_owner != "source":\n        item =',
        "if False:\n        item =",
        "a sync takes back what the scanner said",
    ),
    (
        'if current.status_owner != "source":\n        item =',
        "if True:\n        item =",
        "nothing, or the source's status stays",
    ),
    (
        "for name in current.edited})",
        "for name in ()})",
        "a sync undoes a person's edit",
    ),
    (
        "if name not in WorklistItem.model_fields or name in IDENTITY:",
        "if name not in WorklistItem.model_fields:",
        "an edit gives an item another record",
    ),
    (
        "for name in changes if name != STATUS)})",
        "for name in changes)})",
        "a status set once is never the source's",
    ),
    (
        "edited = sorted({*current.edited, *(name",
        "edited = sorted({*(name",
        "the second edit releases the first",
    ),
    (
        'update |= {"status_owner": "person", "progress": Progress()}',
        'update |= {"status_owner": "person"}',
        "what scanners said before overrules the person",
    ),
    (
        'update |= {"status_owner": "person", "progress": Progress()}',
        'update |= {"progress": Progress()}',
        "the next sync takes a person's status back",
    ),
    ("if freed and current.gone:", "if current.gone:", "a scan of a withdrawn item is not shown"),
    ("if freed and current.gone:", "if False:", "a wrong entry raises a withdrawn item"),
    (
        'owner = "clock" if progress.stale else "source"',
        "pass",
        "a freed item is stuck",
    ),
    (
        'owner = "clock" if progress.stale else "source"',
        'owner = "source"',
        "nobody comes to an exam whose scan was never ended",
    ),
    (
        'owner: StatusOwner = "mpps"\n    if freed:',
        'owner: StatusOwner = "source"\n    if freed:',
        "a scan is withdrawn",
    ),
    (
        "return current if current.status_owner in SCANNED else",
        'return current if current.status_owner != "source" else',
        "an item a person edited outlives its row",
    ),
    ("return current if current.status_owner in SCANNED else", "return", "a real scan is withdrawn"),
    (
        'return current.model_copy(update={"gone": True, "status_owner": "person"})',
        'return current.model_copy(update={"gone": True})',
        "the next sync brings back what a person removed",
    ),
    (
        "target = scanned[0] if scanned and item.site not in scanned else item.site",
        "target = item.site",
        "a scan that runs is offered at a second site",
    ),
    (
        "target = scanned[0] if scanned and item.site not in scanned else item.site",
        "target = scanned[0] if scanned else item.site",
        "of two scanned sites the wrong one",
    ),
    (
        "for site in shown if site != target and site not in scanned",
        "for site in shown if site != target",
        "a scan that runs is withdrawn where it is made",
    ),
    (
        "for site in shown if site != target and site not in scanned",
        "for site in shown if site in scanned",
        "a participant is on the list of two sites",
    ),
    ("if not stored.gone}\n    # A scan", "}\n    # A scan", "tombstones count as shown"),
    (
        'any(stored.gone and stored.status_owner == "person" for stored in elsewhere)',
        "any(stored.gone for stored in elsewhere)",
        "who comes back to a site is shown nowhere",
    ),
    (
        'any(stored.gone and stored.status_owner == "person" for stored in elsewhere)',
        "False",
        "what a person removed comes back at another site",
    ),
    (
        "min(changed, key=lambda stored: stored.gone, default=None)",
        "max(changed, key=lambda stored: stored.gone, default=None)",
        "an old edit of a site left long ago counts",
    ),
)

_MAPPING: Final = area(
    "mapping",
    [
        "tests/unit/lambdas/mapping",
        "tests/unit/lambdas/sources/test_field_values.py",
        "tests/unit/lambdas/sources/test_field_mapping.py",
        "tests/unit/lambdas/redcap/test_row.py",
    ],
    (
        "sign * (row.instance or 0)",
        "sign * (row.instance or 1)",
        "of a visit and its first repeat the wrong row",
    ),
    (
        "row.instance in {None, scan.instance or 1}",
        "row.instance in {scan.instance or 1}",
        "a visit's row is not found",
    ),
    (
        "row.instance in {None, scan.instance or 1}",
        "row.instance in {None, scan.instance}",
        "the safety form of the first repeat is not found",
    ),
    ("return _arm(row.event) != arm, order", "return False, order", "values of another arm"),
    ('sign = -1 if join.pick == "last" else 1', "sign = 1", "an old safety form counts"),
    ("order.get(row.event, 0)", "0", "the second visit counts instead of the first"),
    ('if len(self.groups) == 1 else ""', 'if self.groups else ""', "one of two groups is guessed"),
    ('return "" if text in self._missing else text', "return text", "-99 is a weight"),
    ("(scans.events and row.event not in scans.events)", "False", "other visits are scans too"),
    (
        "codes = frozenset(missing) | frozenset(definition.missing_data_codes)",
        "codes = frozenset(missing)",
        "a missing-data code of the definition is taken for a value",
    ),
    (
        "codes = frozenset(missing) | frozenset(definition.missing_data_codes)",
        "codes = frozenset(definition.missing_data_codes)",
        "the project's own missing-data codes are values",
    ),
    ("return complete and all(", "return complete or all(", "a row without a date is a scan"),
    (
        "complete = all(values.of(name) for name in scans.required)",
        "complete = any(values.of(name) for name in scans.required)",
        "half a booking is a scan",
    ),
    (
        "if gate.unless is not None and values.of(gate.unless.field) in gate.unless.values:",
        "if gate.unless is not None:",
        "a woman is scanned without the pregnancy test",
    ),
    (
        "return values.of(gate.field) not in gate.values",
        "return bool(values.of(gate.field)) and values.of(gate.field) not in gate.values",
        "a safety form not filled in opens the gate",
    ),
    (
        "if closed := [gate for gate in definition.gates if _is_closed(gate, values)]:",
        "if False:",
        "gates do not hold",
    ),
    ("elif len(values.groups) > 1:", "elif False:", "a site is guessed"),
    (
        'if value != "":\n            fields[target] = value',
        "if True:\n            fields[target] = value",
        "an empty field makes the whole row a reject",
    ),
    (
        "(any if is_name else all)(texts.values())",
        "any(texts.values())",
        "half an identifier: another participant's",
    ),
    ("(any if is_name else all)(texts.values())", "all(texts.values())", "half a name is no name"),
    ('for separator in "^="', 'for separator in "^"', "a name with = breaks into groups"),
    (
        'KG_PER_LB: Final = Decimal("0.45359237")',
        'KG_PER_LB: Final = Decimal("0.45")',
        "SAR is computed from a wrong weight",
    ),
    ('"in": Decimal("0.0254")', '"in": Decimal("0.025")', "a wrong height"),
    (
        'is_pair = comma and family.strip() and given.strip() and "," not in given',
        "is_pair = comma",
        "a name that ends with a comma gets an empty given name",
    ),
    ("return both[1] if both else text", "return text", "a date with a time is rejected"),
    ("read_time(both[2] if both else text)", "read_time(text)", "a time with a date is rejected"),
    (
        "ours = self.values.get(text, self.otherwise)",
        "ours = self.values.get(text, text)",
        "a code is sent as a sex",
    ),
    ("return text or self.default", "return text", "a default is not used"),
    (
        "return text in self.values\n        return text not in",
        "return text not in self.values\n        return text not in",
        "the rows filtered out are the scans",
    ),
    ('flat.get(record_id_field) in {None, ""}', "flat.get(record_id_field) is None", "a row of nobody"),
    (
        "kept = self.values.keys() - {record_id_field, DATA_ACCESS_GROUP}",
        "kept = self.values.keys() - {record_id_field}",
        "a write-back moves a participant to another group",
    ),
    (
        "self.instrument, self.instance or 1)",
        "self.instrument, self.instance or 0)",
        "an item changes its identity",
    ),
)

AREAS: Final = (_FEED, _TOKENS, _SIGNING_KEYS, _THROTTLE, _OWNERSHIP, _MAPPING)
