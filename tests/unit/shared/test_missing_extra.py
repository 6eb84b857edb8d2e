"""A missing package is named with the extra to install; a missing module of ours is a fault of ours."""

from __future__ import annotations

import pytest

from shared.missing_extra import needs_extra


def missing(module: str) -> str:
    with pytest.raises(SystemExit) as ended, needs_extra("mwl-relay", "edge"):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    return str(ended.value.code)


def test_the_line_says_what_to_install() -> None:
    assert missing("typer") == (
        "mwl-relay needs the extra 'edge' (Python module 'typer' is missing): pip install 'mwl-relay[edge]'"
    )


def test_a_package_named_like_ours_is_not_ours() -> None:
    assert "'shared_memory_dict'" in missing("shared_memory_dict")


@pytest.mark.parametrize("module", ["edge_relay.gone", "shared", "infra.local.gone", "lambdas.gone"])
def test_a_missing_module_of_ours_keeps_its_traceback(module: str) -> None:
    with pytest.raises(ModuleNotFoundError), needs_extra("mwl-relay", "edge"):
        raise ModuleNotFoundError("gone", name=module)


def test_other_errors_pass() -> None:
    with pytest.raises(ImportError, match="cannot import"), needs_extra("mwl-relay", "edge"):
        raise ImportError("cannot import name 'x'")
