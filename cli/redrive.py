"""The way back from the dead-letter queues: what is in them, why, and moving it where it is handled again."""

import json
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.lines import printable
from cli.target import Target, TargetName

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ListMessageMoveTasksResultEntryTypeDef, MessageTypeDef

SAMPLE_SIZE = 5
POLL_SECONDS = 1.0
LOG_SECONDS = 5.0
"""How long to look for one message's reason: a log group can be large."""

Report = Callable[[int], None]
"""Is told how many messages were moved so far."""


class RedriveError(RuntimeError):
    """Messages could not be shown or moved; the message says why."""


@dataclass(frozen=True)
class DeadLetters:
    """A dead-letter queue and the queue that it belongs to. `name` is theirs without suffixes: `UploadedImage`."""

    name: str
    url: str
    arn: str
    source_url: str
    source_arn: str
    count: int


@dataclass(frozen=True)
class Consumer:
    """The function that handles a queue's messages, and where it logs."""

    function: str
    log_group: str


def run(target: Target, wanted: str | None, *, rate: int, yes: bool, out: Console, err: Console) -> None:
    """Show the dead-letter queue that is wanted, or all, then move messages back at `rate` per second, if agreed to.

    Raises:
        RedriveError: there is no such queue, or AWS refused a call.
        typer.Exit: it was interrupted.
    """
    try:
        queues = _choose(dead_letter_queues(target), wanted)
        for queue in queues:
            _show(target, queue, out)
    except (BotoCoreError, ClientError) as error:
        raise RedriveError(str(error)) from error
    for queue in queues:
        if queue.count and (yes or _agreed(target, queue)):
            _move(target.client("sqs"), queue, rate, out, err)


def dead_letter_queues(target: Target) -> list[DeadLetters]:
    """Those of the three stacks, as the redrive policies of their queues name them."""
    sqs: SQSClient = target.client("sqs")
    names, urls, attributes = {}, {}, {}
    for resource in target.stacks.resources("AWS::SQS::Queue"):
        url = resource["PhysicalResourceId"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        arn = found["QueueArn"]
        names[arn], urls[arn], attributes[arn] = _readable(resource["LogicalResourceId"]), url, found
    queues = []
    for source, found in attributes.items():
        if "RedrivePolicy" in found:
            arn = json.loads(found["RedrivePolicy"])["deadLetterTargetArn"]
            count = int(attributes[arn]["ApproximateNumberOfMessages"])
            queues.append(DeadLetters(names[source], urls[arn], arn, urls[source], source, count))
    return queues


def _readable(logical_id: str) -> str:
    """A queue's name without what CDK and the construct append."""
    return re.sub("(Queue)?[0-9A-F]{8}$", "", logical_id)


def _choose(queues: list[DeadLetters], wanted: str | None) -> list[DeadLetters]:
    if wanted is None:
        return queues
    chosen = [queue for queue in queues if queue.name.casefold() == wanted.casefold()]
    if not chosen:
        raise RedriveError(f"there is no queue {wanted!r}; there are {', '.join(queue.name for queue in queues)}")
    return chosen


def _show(target: Target, queue: DeadLetters, out: Console) -> None:
    def say(line: str) -> None:
        out.print(line, markup=False, emoji=False)  # what is in a message is its sender's choice

    if not queue.count:
        say(f"{queue.name}: no messages")
        return
    messages = look(target.client("sqs"), queue)
    oldest = min((_sent(message) for message in messages), default=None)
    say(f"{queue.name}: {_messages(queue.count)}" + (f", the oldest at least {_age(oldest)} old" if oldest else ""))
    consumer = _consumer(target, queue)
    for message in messages:
        say(f"  {describe(message['Body'])}")
        received = message["Attributes"]["ApproximateReceiveCount"]
        say(f"    sent {_sent(message):%Y-%m-%d %H:%M:%S} UTC, receive count {received} with this look")
        say(f"    {_reason(target, consumer, message)}")
    if queue.count > len(messages):
        say(f"  … and {queue.count - len(messages)} more")


def look(sqs: "SQSClient", queue: DeadLetters) -> "list[MessageTypeDef]":
    """Some of the messages, which go back at once; should that fail, they are back half a minute later."""
    messages = sqs.receive_message(
        QueueUrl=queue.url,
        MaxNumberOfMessages=SAMPLE_SIZE,
        VisibilityTimeout=30,
        WaitTimeSeconds=1,  # asks all of SQS's servers, where a shorter look may miss the few messages there are
        MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        MessageAttributeNames=["reason"],
    ).get("Messages", [])
    _give_back(sqs, queue, messages)
    return messages


def _give_back(sqs: "SQSClient", queue: DeadLetters, messages: "Sequence[MessageTypeDef]") -> None:
    for message in messages:
        sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)


def describe(body: str) -> str:
    """The image that a message is about, else how the message begins."""
    document = _document(body)
    try:
        if document.get("schema") == "sightline.recognition/1":
            return _clean(str(document["image"]), 1024)
        return _clean(unquote_plus(document["Records"][0]["s3"]["object"]["key"]), 1024)
    except (AttributeError, IndexError, KeyError, TypeError):
        return _clean(body, 80)


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _clean(text: str, length: int) -> str:
    return printable(text[:length])


def _consumer(target: Target, queue: DeadLetters) -> Consumer | None:
    functions = target.client("lambda")
    mappings = functions.list_event_source_mappings(EventSourceArn=queue.source_arn)["EventSourceMappings"]
    if not mappings:
        return None
    configuration = functions.get_function_configuration(FunctionName=mappings[0]["FunctionArn"])
    return Consumer(configuration["FunctionName"], configuration["LoggingConfig"]["LogGroup"])


def _reason(target: Target, consumer: Consumer | None, message: "MessageTypeDef") -> str:
    """What the message itself says, else what the consumer last logged, with fields `message_id` and `reason`."""
    if "reason" in message.get("MessageAttributes", {}):
        return _clean(message["MessageAttributes"]["reason"]["StringValue"], 300)
    if consumer is None:
        return "no function handles this queue"
    pages = target.client("logs").get_paginator("filter_log_events")
    reason = f"see the logs of {consumer.function}"
    deadline = time.monotonic() + LOG_SECONDS
    # The way back is open also to who may not read logs, and where none were written yet.
    with suppress(ClientError):
        for page in pages.paginate(
            logGroupName=consumer.log_group,
            filterPattern=f'"{message["MessageId"]}"',
            startTime=int(message["Attributes"]["SentTimestamp"]),
        ):
            for event in page["events"]:
                entry = _document(event["message"])
                if entry.get("message_id") == message["MessageId"] and "reason" in entry:
                    reason = _clean(str(entry["reason"]), 300)
            if time.monotonic() > deadline:
                break
    return reason


def _agreed(target: Target, queue: DeadLetters) -> bool:
    cost = " AWS bills what that takes." if target.name is TargetName.AWS else ""
    question = f"Move {_messages(queue.count)} back to {queue.name} ({target.place}), to be handled again?{cost}"
    return typer.confirm(question, err=True)


def _move(sqs: "SQSClient", queue: DeadLetters, rate: int, out: Console, err: Console) -> None:
    done = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        bar = progress.add_task(queue.name, total=queue.count)

        def report(moved: int) -> None:
            nonlocal done
            done = moved
            progress.update(bar, completed=moved)

        try:
            move(sqs, queue, rate=rate, report=report)
        except KeyboardInterrupt as interrupt:
            progress.stop()
            err.print(f"interrupted: {_so_far(queue, done)}")
            raise typer.Exit(130) from interrupt
        except (BotoCoreError, ClientError, RedriveError) as error:
            raise RedriveError(f"{error}. {_so_far(queue, done)}") from error
    out.print(f"{queue.name}: {_messages(done)} moved back")


def _so_far(queue: DeadLetters, done: int) -> str:
    return (
        f"{queue.name}: {done} of {_messages(queue.count)} moved back; what was not is still in the dead-letter queue"
    )


def move(sqs: "SQSClient", queue: DeadLetters, *, rate: int, report: Report) -> None:
    """Move the messages back, at most `rate` per second.

    Raises:
        RedriveError: the move ended before its end.
        ClientError, BotoCoreError: AWS refused a call, or did not answer.
    """
    try:
        _move_by_task(sqs, queue, rate, report)
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidAction":  # the embedded cloud's SQS has no such tasks
            raise
        _move_by_hand(sqs, queue, rate, report)


def _move_by_task(sqs: "SQSClient", queue: DeadLetters, rate: int, report: Report) -> None:
    """SQS moves them; an interrupt here ends the move there."""
    earlier = _latest_task(sqs, queue)
    handle = sqs.start_message_move_task(
        SourceArn=queue.arn,
        # Named, for messages that the topic could not deliver: they came here from no queue.
        DestinationArn=queue.source_arn,
        MaxNumberOfMessagesPerSecond=rate,
    )["TaskHandle"]
    try:
        while True:
            task = _latest_task(sqs, queue)
            if task and task.get("StartedTimestamp") != (earlier or {}).get("StartedTimestamp"):
                report(task.get("ApproximateNumberOfMessagesMoved", 0))
                if task["Status"] == "COMPLETED":
                    return
                if task["Status"] in {"FAILED", "CANCELLED"}:
                    raise RedriveError(f"SQS ended the move: {task.get('FailureReason', task['Status'])}")
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        report(sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"])
        raise


def _latest_task(sqs: "SQSClient", queue: DeadLetters) -> "ListMessageMoveTasksResultEntryTypeDef | None":
    tasks = sqs.list_message_move_tasks(SourceArn=queue.arn, MaxResults=1).get("Results", [])
    return tasks[0] if tasks else None


def _move_by_hand(sqs: "SQSClient", queue: DeadLetters, rate: int, report: Report) -> None:
    """Receive, send, then delete: a crash in between repeats a message, which does no harm, and loses none.

    No more than were counted, so that messages which fail again at once are not moved for ever.
    """
    done = 0
    while done < queue.count:
        messages = sqs.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=min(10, queue.count - done),
            VisibilityTimeout=60,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        if not messages:
            return
        try:
            while messages:
                attributes = messages[0].get("MessageAttributes", {})
                sqs.send_message(
                    QueueUrl=queue.source_url, MessageBody=messages[0]["Body"], MessageAttributes=attributes
                )
                sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=messages[0]["ReceiptHandle"])
                del messages[0]
                done += 1
                report(done)
                time.sleep(1 / rate)
        finally:
            _give_back(sqs, queue, messages)


def _sent(message: "MessageTypeDef") -> datetime:
    return datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)


def _age(moment: datetime) -> str:
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} s"


def _messages(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"
