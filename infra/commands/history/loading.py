"""What ``mwl-cloud history load`` does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import boto3

from infra.commands.environment import load as settings_from
from infra.commands.history.settings import HistorySettings, pseudonyms
from lambdas.history.deployment import Count
from lambdas.history.stream.files import Bucket
from lambdas.history.stream.loading import Loaded, load, rows_in
from shared.errors import Rejected


def load_folder(folder: Path, place: str, *, count: Count) -> Loaded:
    """Stage the facts of an export in the history's bucket; see `lambdas.history.stream.loading.load`.

    :param place: ``s3://BUCKET``.
    """
    address = urlsplit(place)
    if address.scheme != "s3" or not address.netloc or address.path.strip("/"):
        raise Rejected(f"{place!r} is not s3://BUCKET", where="--to")
    client = boto3.client("s3", region_name=settings_from(HistorySettings).aws_region)
    names = pseudonyms()
    return load(Bucket(client, address.netloc), rows_in(folder), names, datetime.now(UTC), count=count)
