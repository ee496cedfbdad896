"""`sightline logs`, with moto's CloudWatch Logs."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from cli.commands import logs
from cli.functions import Function
from cli.log_reader import LogReader
from cli.main import app
from cli.target import Target, TargetName

FUNCTIONS = [
    Function("ImageRecognition", "p1", "recognition.runtime.recognize_images.handler", "recognition-logs"),
    Function("Deliver", "p2", "integration.runtime.deliver.handler", "deliver-logs"),
    Function("PetsDeliver", "p3", "integration.runtime.deliver.handler", "no-logs-yet"),
]


@pytest.fixture
def system(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for function in FUNCTIONS[:2]:
        boto3.client("logs").create_log_group(logGroupName=function.log_group)
        boto3.client("logs").create_log_stream(logGroupName=function.log_group, logStreamName="one")
    target = Target(TargetName.LOCAL, "upload", "labels", "deliveries", "key")
    monkeypatch.setattr(Target, "client", lambda self, service: boto3.client(service))
    monkeypatch.setattr("cli.options.find", lambda name, **_: target)
    monkeypatch.setattr(logs, "deployed_functions", lambda target: FUNCTIONS)


def write(group: str, *lines: Any, seconds_ago: float = 0) -> None:
    at = int(1000 * (datetime.now(UTC).timestamp() - seconds_ago))
    events: Any = [
        {"timestamp": at + number, "message": line if isinstance(line, str) else json.dumps(line)}
        for number, line in enumerate(lines)
    ]
    boto3.client("logs").put_log_events(logGroupName=group, logStreamName="one", logEvents=events)


def line(message: str, level: str = "INFO", correlation_id: str | None = "id-1", **fields: Any) -> dict[str, Any]:
    return {"level": level, "message": message, "correlation_id": correlation_id, **fields}


def sightline(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["logs", *arguments])


def while_it_follows(monkeypatch: pytest.MonkeyPatch, *happenings: Callable[[], None]) -> None:
    """Between two reads of the log, call these functions. Then press Ctrl-C."""
    left = list(happenings)

    def pause(seconds: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr("cli.commands.logs.time.sleep", pause)


def test_the_last_minutes_of_all_functions_are_printed_in_order(system: None) -> None:
    write("deliver-logs", line("delivered", receiver="pets & co", status=204), seconds_ago=10)
    write("recognition-logs", line("announced", image="a.jpg"), seconds_ago=20)
    write("recognition-logs", line("too old"), seconds_ago=300)
    printed = sightline("--minutes", "1")
    assert printed.exit_code == 0, printed.output
    first, second = printed.stdout.splitlines()
    assert first[24:] == " ImageRecognition INFO    id-1 announced image=a.jpg"
    assert second[24:] == ' Deliver          INFO    id-1 delivered receiver="pets & co" status=204'
    assert datetime.fromisoformat(first[:24]) < datetime.fromisoformat(second[:24])


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--level", "WARNING"], ["slow", "failed", "Traceback"]),
        (["--level", "error"], ["failed", "Traceback"]),
        (["--correlation-id", "id-2"], ["failed"]),
        (["--function", "deliver"], ["failed"]),
        (["--function", "recognize_images"], ["seen", "slow", "Traceback"]),
        (
            ["--function", "ImageRecognition", "--function", "PETSDELIVER", "--level", "info"],
            ["seen", "slow", "Traceback"],
        ),
    ],
)
def test_lines_are_filtered_by_level_id_and_function(system: None, arguments: list[str], shown: list[str]) -> None:
    write("recognition-logs", line("seen"), line("slow", "WARNING"), "Traceback", {"_aws": {}})
    write("deliver-logs", line("failed", "ERROR", "id-2"))
    printed = sightline("--minutes", "1", *arguments).stdout.splitlines()
    assert sorted(entry.split()[4] for entry in printed) == sorted(shown)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--function", "nope"],
            "✗ there is no function 'nope'; the functions are ImageRecognition, Deliver, PetsDeliver",
        ),
        (["--correlation-id", "a b"], "✗ 'a b' is not a correlation id; `sightline show` prints an image's"),
    ],
)
def test_a_wrong_filter_is_reported_in_one_line(system: None, arguments: list[str], message: str) -> None:
    refused = sightline("--minutes", "1", *arguments)
    assert (refused.exit_code, refused.stderr.splitlines()[-1]) == (1, message)


def test_following_shows_new_lines_once_and_ends_with_ctrl_c(system: None, monkeypatch: pytest.MonkeyPatch) -> None:
    write("deliver-logs", line("before"), seconds_ago=5)
    while_it_follows(
        monkeypatch,
        lambda: write("deliver-logs", line("first")),
        lambda: write("recognition-logs", line("second")),
        lambda: write("deliver-logs", line("late"), seconds_ago=-1),
    )
    printed = sightline()
    assert printed.exit_code == 0, printed.output
    assert [entry.split()[4] for entry in printed.stdout.splitlines()] == ["first", "second", "late"]
    assert "following 3 functions; Ctrl-C ends this" in printed.stderr


def test_a_stack_is_indented_and_nothing_in_a_line_can_do_more_than_be_shown(system: None) -> None:
    write("deliver-logs", line("[red]a\n\u202eb", "ERROR", name="\x1b[2J", stack="Traceback:\nValueError: no\n"))
    shown = [entry[24:] for entry in sightline("--minutes", "1").stdout.splitlines()]
    assert shown[0] == " Deliver          ERROR   id-1 [red]a<U+000A><U+202E>b name=<U+001B>[2J"
    assert sightline("--minutes", "1").stdout.splitlines()[1:] == ["    Traceback:", "    ValueError: no"]


def test_a_terminal_gets_colours_and_short_times(system: None, monkeypatch: pytest.MonkeyPatch) -> None:
    write("deliver-logs", line("failed", "ERROR"))
    text = io.StringIO()
    monkeypatch.setattr(logs, "out", Console(file=text, force_terminal=True, color_system="standard", soft_wrap=True))
    assert sightline("--minutes", "1").exit_code == 0
    assert text.getvalue().count("\x1b[31m ERROR  \x1b[0m") == 1
    assert text.getvalue()[:16].startswith("\x1b[2m")
    assert text.getvalue()[4:16].count(":") == 2


def test_lines_of_the_same_time_and_text_are_shown_for_each_stream(system: None) -> None:
    boto3.client("logs").create_log_stream(logGroupName="deliver-logs", logStreamName="two")
    start = datetime.now(UTC)
    for stream in ("one", "two"):
        event = {"timestamp": int(start.timestamp() * 1000) + 1, "message": json.dumps(line("same"))}
        boto3.client("logs").put_log_events(logGroupName="deliver-logs", logStreamName=stream, logEvents=[event])
    reader = LogReader(boto3.client("logs"), FUNCTIONS, start)
    assert [len(reader.read_new()) for _ in range(3)] == [2, 0, 0]
