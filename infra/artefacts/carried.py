"""Which packages a function carries, and which of their files.

A package is carried if the function's code imports it, or if a package that is carried needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution
from pathlib import PurePosixPath
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

USED_WITHOUT_IMPORT: Final = {
    "tzdata": "",  # zoneinfo reads it, everywhere
    "fastapi-offline": "fastapi",  # its files are served to people who open /docs
}
"""Packages whose files are read though nobody imports them, and the import that tells that they are."""
OF_ANOTHER_BUILD: Final = frozenset({"pyarrow"})
"""Imports that only HistoryCompactionFunction follows, which the Makefile fills in another way."""
NEEDS_SERVICE: Final = {"pynamodb": "dynamodb", "aws-xray-sdk": "xray"}
"""AWS's services that a package calls by itself."""
_TRACED_ELSEWHERE: Final = (
    *("aiobotocore", "aiohttp", "bottle", "django", "flask", "flask_sqlalchemy", "httplib", "httpx", "mysql"),
    *(
        "pg8000",
        "psycopg",
        "psycopg2",
        "pymongo",
        "pymysql",
        "pynamodb",
        "sqlalchemy",
        "sqlalchemy_core",
        "sqlite3",
    ),
)
"""What X-Ray's package could trace and we do not; see `lambdas.aws.observing.entry_point`."""
ONLY_IF_IMPORTED: Final = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "aws_lambda_powertools.utilities.parameters",
    "aws_lambda_powertools.utilities.auth_alpha",
    "aws_lambda_powertools.utilities.circuit_breaker",
    "aws_lambda_powertools.utilities.data_masking",
    "aws_lambda_powertools.utilities.feature_flags",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.kafka",
    "aws_lambda_powertools.utilities.parser",
    "aws_lambda_powertools.utilities.streaming",
    "aws_lambda_powertools.utilities.validation",
    *(f"aws_xray_sdk.ext.{name}" for name in _TRACED_ELSEWHERE),
    "dateutil.zoneinfo",
    "pydantic.mypy",
    "pydantic.v1",
    "pydicom.sr",
    "pydicom.pixels",
    "pydicom.pixel_data_handlers",
    "pydicom.cli",
    "pydicom.examples",
)
"""Parts of packages that the package itself does without; tests run each function without them."""
_NOT_RUN: Final = (".pyc", ".pyi", ".c", ".h")
_LEFT_OUT: Final = frozenset({"__pycache__", "tests", "test_files", "charset_files", "bin"})


def carried(
    installed: Iterable[Distribution],
    imported: frozenset[str],
    extras: Mapping[str, frozenset[str]],
    target: Mapping[str, str],
) -> dict[str, Distribution]:
    """Return the packages to carry, by name.

    :param installed: what there is.
    :param imported: first names of modules that our code imports.
    :param extras: of packages that we ask for with extras.
    :param target: environment markers of where the function will run, such as ``python_version``.
    :raises LookupError: an import comes from no installed package.
    """
    imported -= OF_ANOTHER_BUILD
    there: dict[str, Distribution] = {canonicalize_name(each.metadata["Name"]): each for each in installed}
    owners = _owners(there)
    if unknown := sorted(imported - owners.keys()):
        raise LookupError(f"no installed package brings {', '.join(unknown)}: is it in the extra lambda?")
    waiting = [name for module in imported for name in owners[module]]
    waiting += [
        name
        for name, if_imported in USED_WITHOUT_IMPORT.items()
        if not if_imported or if_imported in imported
    ]
    found: dict[str, Distribution] = {}
    while waiting:
        name = waiting.pop()
        if name in there and name not in found:
            found[name] = there[name]
            waiting += _needs(there[name], extras.get(name, frozenset()), target)
    return dict(sorted(found.items()))


def is_wanted(file: str, services: frozenset[str], imports: frozenset[str] = frozenset()) -> bool:
    """Tell whether a function has a use for a file of a package.

    :param file: its path below site-packages, with ``/``.
    :param services: AWS's services that the function calls: botocore describes hundreds.
    :param imports: the whole names of what our code imports.
    """
    parts = PurePosixPath(file).parts
    if ".." in parts or _LEFT_OUT.intersection(parts[:-1]) or file.endswith(_NOT_RUN):
        return False
    if parts[:2] in {("botocore", "data"), ("boto3", "data")} and len(parts) > 3:
        return parts[2] in services
    module = ".".join(parts)
    part = next((each for each in ONLY_IF_IMPORTED if module.startswith(each + ".")), None)
    return part is None or any(name == part or name.startswith(part + ".") for name in imports)


def _owners(there: Mapping[str, Distribution]) -> dict[str, set[str]]:
    owners: dict[str, set[str]] = {}
    for name, distribution in there.items():
        for file in distribution.files or []:
            first = file.parts[0]
            if not first.endswith((".dist-info", ".data")):
                owners.setdefault(first.partition(".")[0], set()).add(name)
    return owners


def _needs(distribution: Distribution, extras: frozenset[str], target: Mapping[str, str]) -> Iterator[str]:
    for text in distribution.requires or []:
        requirement = Requirement(text)
        markers = requirement.marker
        if markers is None or any(
            markers.evaluate({**target, "extra": extra}) for extra in ("", *sorted(extras))
        ):
            yield canonicalize_name(requirement.name)
