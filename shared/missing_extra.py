"""Which extra to install when a package is missing. *Pure*, and it needs the standard library alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_OURS: Final = frozenset({"edge_relay", "infra", "lambdas", "shared"})


@contextmanager
def needs_extra(program: str, extra: str) -> Iterator[None]:
    """Turn a missing package into one line that says what to install.

    :param program: the command that was called.
    :param extra: the extra of the distribution ``mwl-relay`` with everything that the command needs.
    :raises SystemExit: with that line, which Python prints on stderr, and exit code 1.
    :raises ModuleNotFoundError: the module is our own: that is a fault of ours, and needs its traceback.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = error.name or ""
        if module.partition(".")[0] in _OURS:
            raise
        wanted = f"pip install 'mwl-relay[{extra}]'"
        raise SystemExit(
            f"{program} needs the extra '{extra}' (Python module '{module}' is missing): {wanted}"
        ) from None
