"""What surrounds a handler: the request's id in its log, and nothing of the event."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from lambdas.aws.observing import entry_point as module
from lambdas.aws.observing.entry_point import entry_point
from tests.rigs.lambda_events import Context

SECRET = "Doe^Jane"


def run(handler: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Call a handler as Lambda does, with everything turned on that Powertools lets be turned on."""
    for name in ("LOGGER_LOG_EVENT", "TRACER_CAPTURE_RESPONSE", "TRACER_CAPTURE_ERROR"):
        monkeypatch.setenv(f"POWERTOOLS_{name}", "true")
    stream = io.StringIO()
    logger = Logger(service="test-entry-point", stream=stream, level="INFO")
    logger.handlers[0].stream = stream  # type: ignore[attr-defined]
    entry_point(logger)(lambda event, context: handler(logger, event))({"name": SECRET}, Context())
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_line_names_the_request_and_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    [line] = run(lambda logger, event: logger.info("done"), monkeypatch)
    assert line["function_request_id"] == Context().aws_request_id
    assert line["function_name"] == Context().function_name
    assert line["cold_start"] in {True, False}


def test_the_event_is_not_logged_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run(lambda logger, event: logger.info("done"), monkeypatch)
    assert SECRET not in json.dumps(lines)


def test_neither_answer_nor_error_enters_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    class Recorder:
        def capture_lambda_handler(self, handler: Any, **options: Any) -> Any:
            asked.append(options)
            return handler

    monkeypatch.setattr(module, "_tracer", Recorder)
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "false")
    run(lambda logger, event: None, monkeypatch)
    assert asked == [{"capture_response": False, "capture_error": False}]


@pytest.mark.parametrize("disabled", ["true", ""])
def test_without_tracing_x_rays_package_is_not_even_loaded(
    monkeypatch: pytest.MonkeyPatch, disabled: str
) -> None:
    def loaded() -> None:
        raise AssertionError("it makes a client of its own")

    monkeypatch.setattr(module, "_tracer", loaded)
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", disabled)
    assert run(lambda logger, event: logger.info("done"), monkeypatch)


def test_what_a_handler_raises_passes() -> None:
    def broken(event: Any, context: Any) -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        entry_point(Logger(service="test-entry-point"))(broken)({}, Context())
