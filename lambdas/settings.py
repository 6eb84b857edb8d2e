"""What every cloud entry point reads from its environment; read when called, never at import.

Each entry point adds its own settings in its own class, derived from `StoreSettings`. The libraries of
DynamoDB and CloudWatch are loaded once tables or metrics are asked for: what is unset is found without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import Rejected

if TYPE_CHECKING:
    from lambdas.aws.observing.metrics import Metrics
    from lambdas.store.models import Tables


class StoreSettings(BaseSettings):
    """Where the worklist is; only the API has accounts."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    worklist_table: str = Field(description="Name of WorklistTable.")
    aws_region: str = Field(default="us-east-1", description="AWS region; Lambda sets it.")
    settle_seconds: float = Field(
        default=10.0,
        ge=1,
        le=300,
        description="How long a committed change may take to be seen by every read.",
    )

    audit_retention_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="How long audit entries written from now on are kept, in days. 0: for ever.",
    )

    metrics_namespace: str = Field(default="", description="CloudWatch namespace of metrics. Empty: none.")
    metrics_detailed: bool = Field(default=False, description="Whether metrics are also by source and site.")

    def metrics(self) -> Metrics:
        """Return what tells this deployment's figures."""
        from lambdas.aws.observing.metrics import Metrics  # noqa: PLC0415 - see above

        return Metrics(self.metrics_namespace, detailed=self.metrics_detailed)

    def tables(self) -> Tables:
        """Return the table models of this deployment."""
        return self.bound("")

    def bound(self, accounts_table: str) -> Tables:
        """Return the table models, with AccountsTable under a name; empty: without it."""
        from lambdas.store.audit.retention import keeping_entries  # noqa: PLC0415 - see above
        from lambdas.store.models import bind  # noqa: PLC0415 - see above

        tables = bind(self.worklist_table, accounts_table, self.aws_region)
        return keeping_entries(tables, self.audit_retention_days)


class RedcapSettings(StoreSettings):
    """What every entry point that talks to REDCap reads."""

    model_config = SettingsConfigDict(frozen=True)

    aws_endpoint_url: str | None = Field(default=None, description="Where AWS is played; not set in AWS.")
    redcap_secret_prefix: str = Field(
        default="mwl-relay/redcap/",
        description=(
            "What a definition's token_secret is the rest of: the name of a secret in Secrets Manager whose "
            'content is {"token": "<REDCap API token>"}, or has a token for each key: a definition then says '
            "secret:key."
        ),
    )


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S], hint: str = "set it in the function's configuration") -> S:
    """Return the settings of an entry point; raise `Rejected` naming every variable that is wrong.

    :param hint: where they are set.
    """
    try:
        return settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False)
        )
        raise Rejected(wrong, where="environment", hint=hint) from None
