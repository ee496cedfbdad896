"""`sightline redrive`. Like the embedded cloud, moto's SQS has no move tasks, so AWS's move tasks are faked."""

import io
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters
from rich.console import Console
from typer.testing import CliRunner, Result

from cli import output
from cli.commands.redrive import describe
from cli.main import app
from cli.queues import work_queues
from cli.target import TargetName
from common.runtime.message_batch import MessageBatch, logger
from tests.conftest import captured
from tests.functional.conftest import Context, sqs_event
from tests.functional.queue_system import (  # noqa: F401 - fixtures
    FakeTarget,
    Pair,
    log,
    target_fixture,
    uploads_fixture,
)

RUNNING = {"Status": "RUNNING", "StartedTimestamp": 2, "ApproximateNumberOfMessagesMoved": 1}
COMPLETED = {"Status": "COMPLETED", "StartedTimestamp": 2, "ApproximateNumberOfMessagesMoved": 2}


@dataclass
class AwsSqs:
    """Moto's SQS with a faked move task. Each call takes the next of these states. None stands for Ctrl-C."""

    moto: Any
    states: list[dict[str, Any] | None]
    started: list[dict[str, Any]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.moto, name)

    def check(self, operation: str, request: dict[str, Any]) -> None:
        validate_parameters(request, self.moto.meta.service_model.operation_model(operation).input_shape)

    def start_message_move_task(self, **request: Any) -> Any:
        self.check("StartMessageMoveTask", request)
        self.started.append(request)
        return {"TaskHandle": "handle"}

    def list_message_move_tasks(self, **request: Any) -> Any:
        self.check("ListMessageMoveTasks", request)
        state = self.states.pop(0)
        if state is None:
            raise KeyboardInterrupt
        return {"Results": [state] if state else []}

    def cancel_message_move_task(self, **request: Any) -> Any:
        self.check("CancelMessageMoveTask", request)
        self.cancelled.append(request["TaskHandle"])
        return {"ApproximateNumberOfMessagesMoved": 1}


def redrive(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["redrive", "--rate", "500", *arguments], input=answer)


def on_aws(target: FakeTarget, *states: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch) -> AwsSqs:
    sqs = AwsSqs(boto3.client("sqs"), list(states))
    clients = {**target.clients, "sqs": sqs}
    monkeypatch.setattr(
        "cli.options.find", lambda name, **_: FakeTarget(TargetName.AWS, "u", "l", "d", "k", clients=clients)
    )
    return sqs


def test_a_message_with_its_own_reason_is_shown_with_it(uploads: Pair) -> None:
    uploads.put("{}", reason={"DataType": "String", "StringValue": "the receiver answered 400: no \u202esuch thing"})
    assert "\n    the receiver answered 400: no <U+202E>such thing\n" in redrive("uploadedimage", answer="n").output


def test_queues_without_dead_letters_are_listed_as_empty(target: FakeTarget) -> None:
    shown = redrive()
    assert shown.exit_code == 0
    assert "UploadedImage: no messages\n" in shown.stdout
    assert "Labels: no messages\n" in shown.stdout
    assert shown.stderr == "target: local\n"


def test_an_unknown_queue_is_one_clear_line_that_names_the_known_ones(target: FakeTarget) -> None:
    refused = redrive("[red]x")
    assert refused.exit_code == 1
    line = refused.stderr.splitlines()[-1]
    assert line.startswith("✗ there is no queue '[red]x'; the queues are ")
    assert "Labels" in line
    assert "UploadedImage" in line


@pytest.mark.parametrize("rate", ["0", "501", "fast"])
def test_a_rate_outside_the_limits_of_sqs_is_refused(rate: str) -> None:
    assert redrive("--rate", rate).exit_code == 2


def test_it_shows_number_age_and_images_of_the_messages(uploads: Pair) -> None:
    uploads.put(json.dumps(captured("object-created")))
    uploads.put('{"schema": "sightline.recognition/1", "image": "a :dog: [b].jpg"}')
    shown = redrive("uploadedimage", answer="n\n")
    assert shown.exit_code == 0
    assert re.search(r"UploadedImage: 2 messages, the oldest of a sample is \d s old\n", shown.stdout)
    assert "\n  red flower+100% ü.jpg\n" in shown.stdout
    assert "\n  a :dog: [b].jpg\n" in shown.stdout
    assert "received 1 times including now" in shown.stdout
    assert "\n    see the logs of Worker\n" in shown.stdout
    assert "Labels" not in shown.stdout


def test_more_than_a_sample_is_only_counted(uploads: Pair) -> None:
    for number in range(7):
        uploads.put(f"message {number}")
    shown = redrive(answer="n\n").stdout
    assert "UploadedImage: 7 messages" in shown
    assert shown.count("see the logs") == 5
    assert "… and 2 more" in shown


def test_showing_messages_leaves_them_where_they_are(uploads: Pair) -> None:
    uploads.put("no json")
    assert redrive(answer="n\n").exit_code == 0
    assert uploads.bodies(dead=False) == []
    assert uploads.bodies(dead=True) == ["no json"]


def test_the_reason_is_the_one_that_the_handler_logged(
    uploads: Pair, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that a handler really writes is found by the message's id."""
    event = sqs_event("no json")
    event["Records"][0]["messageId"] = uploads.put("no json")
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)

    def fail(record: Any) -> None:
        raise ValueError("[bold]the last\n\x1b[31mreason")

    MessageBatch(boto3.client("sqs"), lambda _: uploads.url(dead=False)).handle(event, fail, context)  # type: ignore[arg-type]
    log("START RequestId: 52fdfc07")
    log(json.dumps({"message_id": str(uuid.uuid4()), "reason": "of another message"}))
    for line in written.getvalue().splitlines():
        log(line)
    assert "\n    ValueError: [bold]the last<U+000A><U+001B>[31mreason\n" in redrive(answer="n\n").stdout


def test_callers_who_may_not_read_the_logs_are_told_where_they_are(uploads: Pair) -> None:
    uploads.put("no json")
    boto3.client("logs").delete_log_group(logGroupName="worker-logs")
    moved = redrive("--yes")
    assert moved.exit_code == 0
    assert "see the logs of Worker" in moved.stdout


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("x" * 100, "x" * 80),
        ('{"Records": []}', '{"Records": []}'),
        ('{"Records": [{"s3": {"object": {"key": 5}}}]}', '{"Records": [{"s3": {"object": {"key": 5}}}]}'),
        ('{"Records": [{"s3": {"object": {"key": "a%1B%5B2J.jpg"}}}]}', "a\x1b[2J.jpg"),
        ('{"schema": "sightline.recognition/1", "image": "\\ud83d"}', "\ud83d"),
        ("[" * 200_000, "[" * 80),
    ],
)
def test_a_message_is_described_by_its_image_else_by_its_beginning(body: str, shown: str) -> None:
    assert describe(body) == shown


def test_messages_go_back_with_their_attributes(uploads: Pair) -> None:
    attribute = {"DataType": "String", "StringValue": "image.recognized"}
    uploads.put("one", event=attribute)
    uploads.put("two", raw={"DataType": "Binary", "BinaryValue": b"\x00\xff"})
    moved = redrive("UploadedImage", "--yes")
    assert moved.exit_code == 0
    assert moved.stdout.endswith("UploadedImage: 2 messages moved back\n")
    assert moved.stderr == "target: local\n"
    assert uploads.take(dead=True) == []
    taken = {message["Body"]: message["MessageAttributes"] for message in uploads.take(dead=False)}
    assert taken["one"]["event"] == attribute
    assert taken["two"]["raw"]["BinaryValue"] == b"\x00\xff"


def test_more_than_one_receive_gives_are_moved(uploads: Pair) -> None:
    for number in range(23):
        uploads.put(str(number))
    assert "23 messages moved back" in redrive("--yes").stdout
    assert uploads.take(dead=True) == []


def test_without_a_name_it_asks_about_each_queue_with_messages(target: FakeTarget, uploads: Pair) -> None:
    labels = Pair(target, "Labels")
    uploads.put("one")
    labels.put("two")
    first, *_ = [queue.name for queue in work_queues(target) if queue.dead_letters]
    moved = redrive(answer="y\nn\n")
    assert moved.exit_code == 0
    assert moved.stderr.count("back to") == 2
    assert len(uploads.take(dead=False)) == (first == "UploadedImage")
    assert len(labels.take(dead=False)) == (first == "Labels")


def test_without_an_answer_nothing_is_moved(uploads: Pair) -> None:
    uploads.put("one")
    assert redrive().exit_code == 1
    assert uploads.bodies(dead=True) == ["one"]


def test_a_message_that_cannot_be_sent_stays_a_dead_letter(uploads: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads.put("one")
    uploads.put("two")

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessage")

    monkeypatch.setattr(uploads.target.client("sqs"), "send_message", refuse)
    failed = redrive("--yes")
    assert failed.exit_code == 1
    line = failed.stderr.splitlines()[-1]
    assert "AccessDenied" in line
    assert "UploadedImage: 0 of 2 messages moved back; the others are still in the dead-letter queue" in line
    assert uploads.bodies(dead=True) == ["one", "two"]


def test_an_interrupt_reports_the_number_moved_and_gives_the_others_back(target: FakeTarget, uploads: Pair) -> None:
    for number in range(3):
        uploads.put(str(number))
    target.clients["sqs"].interrupt_after = 1
    interrupted = redrive("--yes")
    assert interrupted.exit_code == 130
    assert "interrupted: UploadedImage: 1 of 3 messages moved back" in interrupted.stderr
    gone, left = uploads.bodies(dead=False), uploads.bodies(dead=True)
    assert (len(gone), len(left)) == (1, 2)
    assert sorted(gone + left) == ["0", "1", "2"]


def test_a_terminal_shows_a_progress_bar(uploads: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads.put("one")
    shown = io.StringIO()
    monkeypatch.setattr(output, "err", Console(file=shown, force_terminal=True, width=100))
    assert redrive("--yes").exit_code == 0
    assert "1/1" in shown.getvalue()


def test_on_aws_sqs_moves_them_at_the_given_rate(
    target: FakeTarget, uploads: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads.put("one")
    uploads.put("two")
    sqs = on_aws(target, {}, RUNNING, COMPLETED, monkeypatch=monkeypatch)
    moved = redrive("--rate", "42", answer="y\n")
    assert moved.exit_code == 0
    where = "aws, Region us-east-1, deployment default"
    question = f"Move 2 messages back to UploadedImage ({where}), to be handled again? AWS bills the work."
    assert question in moved.stderr
    assert moved.stdout.endswith("UploadedImage: 2 messages moved back\n")
    [queue] = [queue for queue in work_queues(target) if queue.name == "UploadedImage"]
    request = {"SourceArn": queue.dead_letters_arn, "DestinationArn": queue.arn, "MaxNumberOfMessagesPerSecond": 42}
    assert sqs.started == [request]
    assert sqs.states == []


def test_the_end_of_an_earlier_move_is_not_taken_for_the_end_of_this_one(
    target: FakeTarget, uploads: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads.put("one")
    uploads.put("two")
    earlier = {"Status": "COMPLETED", "StartedTimestamp": 1, "ApproximateNumberOfMessagesMoved": 900}
    sqs = on_aws(target, earlier, earlier, RUNNING, COMPLETED, monkeypatch=monkeypatch)
    assert "2 messages moved back" in redrive("--yes").stdout
    assert sqs.states == []


def test_a_move_that_sqs_ends_early_is_reported_with_its_reason(
    target: FakeTarget, uploads: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads.put("one")
    on_aws(target, {}, {**RUNNING, "Status": "FAILED", "FailureReason": "AccessDenied"}, monkeypatch=monkeypatch)
    failed = redrive("--yes")
    assert failed.exit_code == 1
    assert "SQS ended the move: AccessDenied. UploadedImage: 1 of 1 message moved back" in failed.stderr


def test_an_interrupt_ends_the_move_on_aws_too(
    target: FakeTarget, uploads: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads.put("one")
    uploads.put("two")
    sqs = on_aws(target, {}, RUNNING, None, monkeypatch=monkeypatch)
    interrupted = redrive("--yes")
    assert interrupted.exit_code == 130
    assert "1 of 2 messages moved back" in interrupted.stderr
    assert sqs.cancelled == ["handle"]
