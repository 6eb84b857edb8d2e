"""Tables with their indexes: what botocore's client answers, without a network."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import PropertyMock, patch

from botocore.exceptions import ClientError
from pynamodb.connection.base import Connection

from infra.local.template import table_definitions
from lambdas.aws.clients import SharedClient
from tests.rigs.dynamodb.expressions import Expression
from tests.rigs.dynamodb.units import Item, Units, index_units, read_units, size_of, write_units

Request = Mapping[str, Any]
Key = tuple[str, str]
Backup = dict[str, dict[Key, Item]]
_MOST_BYTES = 1024 * 1024


class Put(NamedTuple):
    """What one row of a request cost.

    :param size: bytes before or after, whichever is more.
    :param indexes: units of each index that it changed.
    """

    pk: str
    sk: str
    size: int
    units: int
    indexes: Mapping[str, int]


class Index:
    """The rows of a table by one pair of attributes; the table's own keys are one too."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        schema = [each["AttributeName"] for each in settings["KeySchema"]]
        self.name, self.hash, self.range = name, schema[0], schema[1]
        projection = settings.get("Projection", {"ProjectionType": "ALL"})
        self._all = projection["ProjectionType"] == "ALL"
        self._kept = {"pk", "sk", *schema, *projection.get("NonKeyAttributes", ())}
        self._rows: dict[str, list[tuple[Any, Key]]] = defaultdict(list)

    def place(self, item: Item | None) -> tuple[str, Any] | None:
        """Return where an item stands; None if it has not both keys."""
        if item is None or self.hash not in item or self.range not in item:
            return None
        return str(_plain(item[self.hash])), _plain(item[self.range])

    def entry(self, item: Item | None) -> Item | None:
        """Return what the index holds of an item."""
        if item is None or self.place(item) is None:
            return None
        return item if self._all else {name: value for name, value in item.items() if name in self._kept}

    def move(self, before: Item | None, after: Item | None, key: Key) -> None:
        """Take an item from where it stood to where it stands."""
        old, new = self.place(before), self.place(after)
        if old == new:
            return
        if old is not None:
            rows = self._rows[old[0]]
            del rows[bisect_left(rows, (old[1], key))]
        if new is not None:
            insort(self._rows[new[0]], (new[1], key))

    def rows(self, value: str) -> list[tuple[Any, Key]]:
        """Return the rows with one hash key, in order."""
        return self._rows.get(value, [])


class Table:
    """One table."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = definition
        self.items: dict[Key, Item] = {}
        self.keys = Index("", definition)
        kinds = "LocalSecondaryIndexes", "GlobalSecondaryIndexes"
        indexes = [each for kind in kinds for each in definition.get(kind, ())]
        self.indexes = {each["IndexName"]: Index(each["IndexName"], each) for each in indexes}

    def put(self, key: Key, item: Item) -> None:
        """Put a new row, without counting."""
        self.items[key] = item
        for index in (self.keys, *self.indexes.values()):
            index.move(None, item, key)


class TableModel:
    """What PynamoDB asks, answered and counted.

    :param seconds: the time by which `busiest` counts.
    """

    def __init__(self, seconds: Callable[[], float] = lambda: 0.0) -> None:
        self.tables = {name: Table(settings) for name, settings in table_definitions().items()}
        self.spent, self.calls = Units(), Counter[str]()
        self.fault: Callable[[str, Request], None] = lambda _operation, _request: None
        self.told: Callable[[Put], None] = lambda _put: None
        self.busiest: dict[tuple[str, str], tuple[float, Units]] = {}
        self.most = Units()
        self._seconds = seconds

    def backup(self) -> Backup:
        """Return what is in the tables; rows are never changed in place."""
        return {name: dict(table.items) for name, table in self.tables.items()}

    def restore(self, rows: Backup) -> None:
        """Put back what was in the tables."""
        for name, table in self.tables.items():
            self.tables[name] = Table(table.definition)
            for key, item in rows[name].items():
                self.tables[name].put(key, item)

    def _make_api_call(self, operation: str, request: Request) -> dict[str, Any]:  # botocore's name
        self.fault(operation, request)
        self.calls[operation] += 1
        answer: dict[str, Any] = getattr(self, f"_{operation}")(request)
        return answer

    # --------------------------------------------------------------------------------- reading

    def _GetItem(self, request: Request) -> dict[str, Any]:
        table, key = self._table(request), _key_of(request["Key"])
        item = table.items.get(key)
        self._read(key[0], size_of(item), request)
        return {"Item": _asked_for(item, request)} if item else {}

    def _BatchGetItem(self, request: Request) -> dict[str, Any]:
        found: dict[str, list[Any]] = {}
        for name, wanted in request["RequestItems"].items():
            rows = found.setdefault(name, [])
            for each in wanted["Keys"]:
                key = _key_of(each)
                item = self.tables[name].items.get(key)
                self._read(key[0], size_of(item), wanted)
                if item:
                    rows.append(_asked_for(item, wanted))
        return {"Responses": found, "UnprocessedKeys": {}}

    def _Query(self, request: Request) -> dict[str, Any]:
        table = self._table(request)
        index = table.indexes[request["IndexName"]] if "IndexName" in request else table.keys
        wanted = Expression(request["KeyConditionExpression"], request)
        chosen = request.get("FilterExpression")
        keeps = Expression(chosen, request) if chosen else None
        value = self._hash_of(index, request)
        looked: list[Item] = []
        size, is_cut = 0, False
        for key in self._after(index, value, request):
            entry = index.entry(table.items[key])
            if entry is None or not wanted.holds(entry):
                continue
            if len(looked) >= request.get("Limit", 10**9) or size >= _MOST_BYTES:
                is_cut = True
                break
            looked.append(entry)
            size += size_of(entry)
        units = self._read(value, size, request)
        found = [_asked_for(entry, request) for entry in looked if keeps is None or keeps.holds(entry)]
        answer: dict[str, Any] = {"Items": found, "Count": len(found), "ScannedCount": len(looked)}
        if request.get("ReturnConsumedCapacity") == "TOTAL":
            answer["ConsumedCapacity"] = {"TableName": request["TableName"], "CapacityUnits": units}
        if is_cut:
            names = dict.fromkeys(("pk", "sk", index.hash, index.range))
            answer["LastEvaluatedKey"] = {name: looked[-1][name] for name in names}
        return answer

    def _Scan(self, request: Request) -> dict[str, Any]:
        rows = list(self._table(request).items.values())
        self._read("", sum(map(size_of, rows)), request)
        chosen = request.get("FilterExpression")
        keeps = Expression(chosen, request) if chosen else None
        found = [dict(row) for row in rows if keeps is None or keeps.holds(row)]
        return {"Items": found, "Count": len(found), "ScannedCount": len(rows)}

    def _after(self, index: Index, value: str, request: Request) -> Iterator[Key]:
        rows = index.rows(value)
        order = list(rows) if request.get("ScanIndexForward", True) else list(reversed(rows))
        begun = request.get("ExclusiveStartKey")
        if begun:
            last = (_plain(begun[index.range]), _key_of(begun))
            forward = request.get("ScanIndexForward", True)
            order = [row for row in order if (row > last if forward else row < last)]
        return (key for _, key in order)

    def _hash_of(self, index: Index, request: Request) -> str:
        names = {name for name, real in request["ExpressionAttributeNames"].items() if real == index.hash}
        tokens = request["KeyConditionExpression"].replace("(", " ").replace(")", " ").split()
        at = next(i for i, token in enumerate(tokens) if token in names and tokens[i + 1] == "=")
        return str(_plain(request["ExpressionAttributeValues"][tokens[at + 2]]))

    # --------------------------------------------------------------------------------- writing

    def _PutItem(self, request: Request) -> dict[str, Any]:
        return self._alone("PutItem", {"Put": request}, request)

    def _DeleteItem(self, request: Request) -> dict[str, Any]:
        return self._alone("DeleteItem", {"Delete": request}, request)

    def _UpdateItem(self, request: Request) -> dict[str, Any]:
        answer = self._alone("UpdateItem", {"Update": request}, request)
        item = self._table(request).items[_key_of(request["Key"])]
        return answer | {"Attributes": dict(item)}

    def _alone(self, operation: str, action: Mapping[str, Request], request: Request) -> dict[str, Any]:
        if not self._holds(action):
            key = _key_of(request.get("Key") or request["Item"])
            self._write(key[0], write_units(size_of(self._table(request).items.get(key))))
            raise _error(operation, "ConditionalCheckFailedException")
        self._apply(action, factor=1)
        return {}

    def _TransactWriteItems(self, request: Request) -> dict[str, Any]:
        actions = request["TransactItems"]
        held = [self._holds(action) for action in actions]
        if not all(held):
            for action in actions:
                self._charge(action, 2)
            reasons = [{"Code": "None" if each else "ConditionalCheckFailed"} for each in held]
            raise _error("TransactWriteItems", "TransactionCanceledException", reasons)
        for action in actions:
            self._apply(action, factor=2)
        return {}

    def _holds(self, action: Mapping[str, Request]) -> bool:
        ((_, request),) = action.items()
        if "ConditionExpression" not in request:
            return True
        item = self._table(request).items.get(_key_of(request.get("Key") or request["Item"]), {})
        return Expression(request["ConditionExpression"], request).holds(item)

    def _charge(self, action: Mapping[str, Request], factor: int) -> None:
        ((_, request),) = action.items()
        key = _key_of(request.get("Key") or request["Item"])
        self._write(key[0], factor * write_units(size_of(self._table(request).items.get(key))))

    def _apply(self, action: Mapping[str, Request], *, factor: int) -> None:
        ((verb, request),) = action.items()
        if verb == "ConditionCheck":
            self._charge(action, factor)
            return
        table, key = self._table(request), _key_of(request.get("Key") or request["Item"])
        before, after = table.items.get(key), None
        if verb == "Put":
            after = dict(request["Item"])
        elif verb == "Update":
            there = before or dict(request["Key"])
            after = Expression(request["UpdateExpression"], request).applied(there)
        size = max(size_of(before), size_of(after))
        self._write(key[0], factor * write_units(size))
        table.keys.move(before, after, key)
        indexes: dict[str, int] = {}
        for index in table.indexes.values():
            moved = index.place(before) != index.place(after)
            cost = index_units(index.entry(before), index.entry(after), moved=moved)
            place = index.place(after) or index.place(before)
            if cost and place:
                self._write(f"{index.name}:{place[0]}", cost)
                indexes[index.name] = cost
            index.move(before, after, key)
        self.told(Put(*key, size, factor * write_units(size), indexes))
        if after is None:
            table.items.pop(key, None)
        else:
            table.items[key] = after

    # -------------------------------------------------------------------------------- counting

    def _read(self, partition: str, size: int, request: Request) -> float:
        index = request.get("IndexName")
        units = read_units(size, consistent=bool(request.get("ConsistentRead")))
        self._count(f"{index}:{partition}" if index else partition, Units(reads=units))
        return units

    def _write(self, partition: str, units: int) -> None:
        self._count(partition, Units(writes=units))

    def _count(self, partition: str, units: Units) -> None:
        self.spent += units
        second = self._seconds() // 1
        at, so_far = self.busiest.get(("", partition), (second, Units()))
        if at != second:
            so_far = Units()
        so_far += units
        self.busiest["", partition] = (second, so_far)
        self.most = Units(max(self.most.reads, so_far.reads), max(self.most.writes, so_far.writes))

    def _table(self, request: Request) -> Table:
        return self.tables[request["TableName"]]


@contextmanager
def modelled(seconds: Callable[[], float] = lambda: 0.0) -> Iterator[TableModel]:
    """Let every PynamoDB model of this process be answered by a new, empty model."""
    model = TableModel(seconds)
    with (
        patch.object(Connection, "client", PropertyMock(return_value=model)),
        patch.object(SharedClient, "lend", lambda _, connection: connection),  # or it would keep the model
    ):
        yield model


def _key_of(key: Mapping[str, Mapping[str, Any]]) -> Key:
    return str(key["pk"]["S"]), str(key["sk"]["S"])


def _asked_for(item: Item, request: Request) -> Item:
    """Return the attributes of a row that a request's ``ProjectionExpression`` names, all without one."""
    asked, names = request.get("ProjectionExpression"), request.get("ExpressionAttributeNames", {})
    wanted = [name.strip() for name in asked.split(",")] if asked else []
    return (
        {name: item[name] for each in wanted if (name := names.get(each, each)) in item}
        if asked
        else dict(item)
    )


def _plain(value: Mapping[str, Any]) -> Any:
    kind, content = next(iter(value.items()))
    return float(content) if kind == "N" else content


def _error(operation: str, code: str, reasons: list[dict[str, str]] | None = None) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {}}
    if reasons is not None:
        answer["CancellationReasons"] = reasons
    return ClientError(answer, operation)
