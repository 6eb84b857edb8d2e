"""AWS's prices, as inputs: US dollars in us-east-1 as of late 2026; other regions are dearer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class Prices:
    """What each thing costs; `make cost ARGS="--price write_million=0.74"` says otherwise."""

    read_million: float = field(default=0.125, metadata={"what": "DynamoDB read units on demand, a million"})
    write_million: float = field(
        default=0.625, metadata={"what": "DynamoDB write units on demand, a million"}
    )
    stored_gb: float = field(default=0.25, metadata={"what": "DynamoDB storage, a gigabyte and month"})
    recovery_gb: float = field(
        default=0.20, metadata={"what": "point-in-time recovery, a gigabyte and month"}
    )
    api_million: float = field(default=1.00, metadata={"what": "HTTP API calls, a million"})
    lambda_million: float = field(default=0.20, metadata={"what": "Lambda calls, a million"})
    lambda_gb_second: float = field(default=0.0000166667, metadata={"what": "Lambda's memory, a GB-second"})
    queue_million: float = field(
        default=0.50, metadata={"what": "SQS requests, first in first out, a million"}
    )
    logs_gb: float = field(default=0.50, metadata={"what": "CloudWatch Logs taken in, a gigabyte"})
    alarm: float = field(default=0.10, metadata={"what": "a CloudWatch alarm"})
    metric: float = field(default=0.30, metadata={"what": "a CloudWatch metric of our own"})
    secret: float = field(default=0.40, metadata={"what": "a secret"})
    secret_million: float = field(default=5.00, metadata={"what": "readings of secrets, a million"})

    def rows(self) -> list[tuple[str, float, str]]:
        """Return name, price and meaning of each."""
        return [(each.name, getattr(self, each.name), each.metadata["what"]) for each in fields(self)]
