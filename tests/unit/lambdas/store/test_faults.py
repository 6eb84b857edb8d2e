"""PynamoDB's exceptions become ours, also those that came without any answer of DynamoDB."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from pynamodb.exceptions import GetError, PutError, QueryError, TransactWriteError, UpdateError

from lambdas.store.faults import translated
from shared.errors import Conflict, MwlError, Unavailable

URL = "https://dynamodb.test"
NO_ANSWER = [
    ReadTimeoutError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    EndpointConnectionError(endpoint_url=URL),
]


def said(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "PutItem")


@pytest.mark.parametrize("cause", NO_ANSWER, ids=lambda cause: type(cause).__name__)
@pytest.mark.parametrize("kind", [GetError, PutError, QueryError, UpdateError, TransactWriteError])
def test_no_answer_at_all_is_unavailable_and_says_of_what_kind(kind: type, cause: Exception) -> None:
    with pytest.raises(Unavailable, match=type(cause).__name__), translated("reading"):
        raise kind("failed", cause)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ConditionalCheckFailedException", Conflict),
        ("TransactionConflictException", Conflict),
        ("ProvisionedThroughputExceededException", Unavailable),
    ],
)
def test_awss_code_says_which_error_it_is(code: str, error: type[MwlError]) -> None:
    with pytest.raises(error), translated("writing"):
        raise PutError("failed", said(code))
