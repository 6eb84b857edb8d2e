"""What the simulator refuses, and with which status.

Texts are those that public clients' tests and threads show (PyCap, REDCapR, redcapAPI); where none is public
the sentence is ours. 400 says the request is wrong, 403 that the token may not.
"""

from __future__ import annotations

from collections.abc import Iterable


class ApiError(Exception):
    """An answer that is an error: `status` and the sentence the caller reads."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def bad_token() -> ApiError:
    """No such token, or one that was revoked."""
    return ApiError(403, "You do not have permissions to use the API")


def lacks_right(right: str) -> ApiError:
    """The token is known, its user may not do this; REDCap words it otherwise: match on the status."""
    return ApiError(403, f"The user of this token may not {right}")


def invalid_parameter(name: str) -> ApiError:
    """A parameter whose value is none of the documented ones."""
    return ApiError(400, f'The value of the parameter "{name}" is not valid')


def invalid_values(name: str, values: Iterable[str]) -> ApiError:
    """An array parameter with values the project does not know."""
    listed = ", ".join(f"'{value}'" for value in values)
    return ApiError(400, f'The following values in the parameter "{name}" are not valid: {listed}')


def classic_project(noun: str, action: str = "export") -> ApiError:
    """Events, arms and mappings asked of a project that has none."""
    return ApiError(400, f"You cannot {action} {noun} for classic projects")


def not_simulated(what: str) -> ApiError:
    """REDCap can do it, this simulator does not: say so instead of answering something wrong."""
    return ApiError(400, f"The simulator does not support {what}")
