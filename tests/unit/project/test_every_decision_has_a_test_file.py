"""A newcomer finds the tests of a module at its own path: `a/b.py` is tested by `tests/unit/a/test_b.py`."""

from __future__ import annotations

from functools import cache

import pytest

from tests.structure.imports import PACKAGES, ROOT, modules
from tests.structure.purity import pure_modules

ALSO_DECIDE = (
    "edge_relay.config",
    "edge_relay.exchange.cloud",
    "edge_relay.exchange.heartbeat",
    "edge_relay.exchange.identity",
    "edge_relay.exchange.loop",
    "edge_relay.exchange.pull",
    "edge_relay.exchange.push",
    "edge_relay.health.rare_log",
    "edge_relay.health.report",
    "edge_relay.health.status",
    "edge_relay.health.words",
    "edge_relay.mpps.intake",
    "edge_relay.mpps.journal",
    "edge_relay.mpps.journal_file",
    "edge_relay.mpps.journal_parked",
    "edge_relay.mpps.journal_rows",
    "edge_relay.mpps.links",
    "edge_relay.operations.logs",
    "edge_relay.operations.metrics",
    "edge_relay.operations.watchdog",
    "edge_relay.services.admission",
    "edge_relay.services.profiles",
    "edge_relay.worklist.cache",
    "edge_relay.worklist.finding",
    "edge_relay.worklist.reader",
    "infra.pylantir.databases.accounts",
    "infra.pylantir.databases.adoption",
    "infra.pylantir.databases.old_databases",
    "infra.pylantir.databases.report",
    "infra.pylantir.translation",
    "lambdas.access.passwords",
    "lambdas.access.single_sign_on.provider",
    "lambdas.access.single_sign_on.settings",
    "lambdas.access.tokens",
    "lambdas.api.preconditions",
    "lambdas.api.problems",
    "lambdas.api.schemas.items",
    "lambdas.aws.secrets",
    "lambdas.history.desk",
    "lambdas.history.page",
    "lambdas.history.parquet",
    "lambdas.history.stream.staging",
    "lambdas.schedule",
    "lambdas.store.images.row_image",
    "lambdas.sync.changes",
    "lambdas.write_backs.wake_up",
)
"""Modules that are not pure, and decide something that can be seen without a whole system around them."""

NEED_NONE = {
    "edge_relay.dicom.step_requirements": "a table of the standard; test_check.py and test_event.py hold it",
    "infra.pylantir.databases.old_rows": "two records without a method",
    "lambdas.api.openapi.meanings": "tables of texts; integration/test_api_openapi.py finds what lacks one",
    "shared.scanners.limits": "one number; scanners/test_scanner_profile.py holds it",
    "shared.problem_document": "two names; api/test_problems.py and exchange/test_cloud.py hold them",
}
"""Pure modules without a test file of their own, and why."""


@cache
def pure() -> frozenset[str]:
    files = {name: file for package in PACKAGES for name, file in modules(package).items()}
    return frozenset(name for name in pure_modules(files) if files[name].name != "__init__.py")


def has_test_file(module: str) -> bool:
    *folders, name = module.split(".")
    return (ROOT.joinpath("tests", "unit", *folders) / f"test_{name}.py").is_file()


@pytest.mark.parametrize("module", sorted(pure() - NEED_NONE.keys()))
def test_a_pure_module_has_a_test_file(module: str) -> None:
    assert has_test_file(module)


@pytest.mark.parametrize("module", ALSO_DECIDE)
def test_a_module_that_decides_has_a_test_file(module: str) -> None:
    assert has_test_file(module)


@pytest.mark.parametrize("module", NEED_NONE)
def test_an_exception_is_still_one(module: str) -> None:
    assert module in pure(), "it is gone, or not pure any more: take it off the list"
    assert not has_test_file(module), "it has a test file: take it off the list"


def test_the_rule_is_able_to_fail() -> None:
    assert not has_test_file("lambdas.store.no_such_module")
