"""A log line is one line, has its priority under systemd, and quotes nobody but ourselves."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from edge_relay.operations import logs

Formatter = Callable[..., logging.Formatter]


def a_record(
    message: str, *values: object, name: str = "edge_relay.services.scp", level: int = logging.WARNING
) -> logging.LogRecord:
    return logging.LogRecord(name, level, "/x/scp.py", 12, message, values, None)


def failed_record(name: str) -> logging.LogRecord:
    caught = None
    try:
        int("Secret^Sara")
    except ValueError:
        caught = sys.exc_info()
    return logging.LogRecord(name, logging.ERROR, "/x/y.py", 12, "failed", (), caught)


def test_json_is_one_object_a_line() -> None:
    line = json.loads(logs.JsonFormatter().format(a_record("C-FIND of %r\nanswered", "A\x1bE")))
    assert line["time"].endswith("+00:00")
    assert (line["level"], line["logger"]) == ("WARNING", "edge_relay.services.scp")
    assert line["message"] == "C-FIND of 'A\\x1bE' answered"


@pytest.mark.parametrize("formatter", [logs.PlainFormatter, logs.JsonFormatter])
def test_whatever_a_stranger_sends_a_line_stays_one_printable_line(formatter: Formatter) -> None:
    text = formatter().format(a_record("refused %s", "A\r\n<0>forged\x1b[2J\u2028"))
    assert text.isprintable()


@pytest.mark.parametrize("formatter", [logs.PlainFormatter, logs.JsonFormatter])
@pytest.mark.parametrize(
    ("level", "prefix"),
    [
        (logging.DEBUG, "<7>"),
        (logging.INFO, "<6>"),
        (logging.WARNING, "<4>"),
        (logging.ERROR, "<3>"),
        (50, "<2>"),
    ],
)
def test_under_systemd_a_line_begins_with_its_priority(formatter: Formatter, level: int, prefix: str) -> None:
    assert formatter(priorities=True).format(a_record("x", level=level)).startswith(prefix)
    assert not formatter().format(a_record("x", level=level)).startswith("<")


@pytest.mark.parametrize("formatter", [logs.PlainFormatter, logs.JsonFormatter])
def test_other_peoples_messages_are_named_and_not_quoted(formatter: Formatter) -> None:
    text = formatter().format(a_record("invalid value %r", "Secret^Sara", name="pydicom"))
    assert "Secret" not in text
    assert "pydicom has a message at scp.py:12" in text


@pytest.mark.parametrize("name", ["edge_relay.exchange.loop", "asyncio"])
def test_of_an_exception_only_kind_and_place_are_logged(name: str) -> None:
    text = logs.JsonFormatter().format(failed_record(name))
    assert "Secret" not in text
    assert "ValueError at test_logs.py:" in text


def test_the_journal_is_recognised_by_device_and_inode() -> None:
    with open(os.devnull, "rb") as stream:
        status = os.fstat(stream.fileno())
        exact = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert logs.goes_to_journal(exact, stream.fileno())
        assert not logs.goes_to_journal({"JOURNAL_STREAM": "1:2"}, stream.fileno())
        assert not logs.goes_to_journal({}, stream.fileno())
    assert not logs.goes_to_journal(exact, 10_000)


PROGRAM = """
import logging, sys, threading, warnings
from edge_relay.operations import logs
logs.set_up("json")
logging.getLogger("edge_relay.x").info("told")
logging.getLogger("edge_relay.x").debug("not told")
logging.getLogger("pynetdicom").info("Secret^Sara")
logging.getLogger("asyncio").error("Secret^Sara", exc_info=ValueError("Secret^Sara"))
warnings.warn("Secret^Sara")
def fail():
    raise ValueError("Secret^Sara")
thread = threading.Thread(target=fail, name="intake")
thread.start()
thread.join()
fail()
"""


def test_a_whole_program_says_nothing_it_should_not() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert "Secret" not in done.stdout + done.stderr
    assert [line["level"] for line in lines] == ["INFO", "ERROR", "CRITICAL", "CRITICAL"]
    assert "thread intake ended" in lines[2]["message"]
    assert "ValueError at <string>:" in lines[3]["message"]
