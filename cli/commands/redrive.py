"""`sightline redrive`: shows dead letters with their reasons, and moves them back to their queues."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from api.runtime.uploads.image_names import MAX_NAME_BYTES
from cli.functions import Function
from cli.message_moves import MoveError, give_back, move_back
from cli.options import TargetOption, open_target
from cli.output import confirmed, err, failing_on, out, plural, progress_bar, say
from cli.queues import WorkQueue, consumer, image_of, read_object, work_queues
from cli.target import Target, TargetName

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

SAMPLE_SIZE = 5
BODY_CHARACTERS = 80
REASON_CHARACTERS = 300
LOG_SECONDS = 5.0
"""The time limit for the search of one message's reason, because a log group can be large."""


class RedriveError(RuntimeError):
    """Messages could not be shown or moved. The message says why."""


def command(
    queue: Annotated[
        str | None, typer.Argument(help="Only this queue, by the name that is shown, such as Labels.")
    ] = None,
    rate: Annotated[int, typer.Option(min=1, max=500, help="Messages per second.")] = 10,
    yes: Annotated[bool, typer.Option("--yes", help="Move the messages without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Show dead letters and move them back to their queues.

    Dead letters are messages that failed too often. The command shows their reasons and asks before it moves anything.
    Fix the reason first: a message that fails again comes back.
    """
    with failing_on(RedriveError, BotoCoreError, ClientError):
        found = open_target(target)
        queues = _choose(work_queues(found), queue)
        for each in queues:
            _show(found, each)
        for each in queues:
            if each.dead_letters and (yes or confirmed(_question(found, each))):
                _move(found.client("sqs"), each, rate)


def _choose(queues: list[WorkQueue], wanted: str | None) -> list[WorkQueue]:
    if wanted is None:
        return queues
    chosen = [queue for queue in queues if queue.name.casefold() == wanted.casefold()]
    if not chosen:
        raise RedriveError(f"there is no queue {wanted!r}; the queues are {', '.join(queue.name for queue in queues)}")
    return chosen


def _show(target: Target, queue: WorkQueue) -> None:
    if not queue.dead_letters:
        say(f"{queue.name}: no messages")
        return
    messages = _sample(target.client("sqs"), queue)
    oldest = min((_sent_at(message) for message in messages), default=None)
    age = f", the oldest of a sample is {_age(oldest)} old" if oldest else ""
    say(f"{queue.name}: {plural(queue.dead_letters, 'message')}{age}")
    function = consumer(target, queue)
    for message in messages:
        say(f"  {describe(message['Body'])}")
        received = message["Attributes"]["ApproximateReceiveCount"]
        say(f"    sent {_sent_at(message):%Y-%m-%d %H:%M:%S} UTC, received {received} times including now")
        say(f"    {_reason(target, function, message)[:REASON_CHARACTERS]}")
    if queue.dead_letters > len(messages):
        say(f"  … and {queue.dead_letters - len(messages)} more")


def _sample(sqs: "SQSClient", queue: WorkQueue) -> "list[MessageTypeDef]":
    """Read a few messages and make them visible again at once. If that fails, they are visible after half a minute."""
    messages = sqs.receive_message(
        QueueUrl=queue.dead_letters_url,
        MaxNumberOfMessages=SAMPLE_SIZE,
        VisibilityTimeout=30,
        WaitTimeSeconds=1,  # a long poll asks all of SQS's servers; a shorter one may miss messages
        MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        MessageAttributeNames=["reason"],
    ).get("Messages", [])
    give_back(sqs, queue, messages)
    return messages


def describe(body: str) -> str:
    """Return the image that a message is about. Without an image, return the beginning of the message."""
    return (image_of(body) or "")[:MAX_NAME_BYTES] or body[:BODY_CHARACTERS]


def _reason(target: Target, function: Function | None, message: "MessageTypeDef") -> str:
    """Return the reason in the message. Without one, return the last reason that the log has for the message's id."""
    if "reason" in message.get("MessageAttributes", {}):
        return message["MessageAttributes"]["reason"]["StringValue"]
    if function is None:
        return "no function handles this queue"
    pages = (
        target.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=function.log_group,
            filterPattern=f'"{message["MessageId"]}"',
            startTime=int(message["Attributes"]["SentTimestamp"]),
        )
    )
    reason = f"see the logs of {function.physical_name}"
    deadline = time.monotonic() + LOG_SECONDS
    # Callers who may not read logs can still move messages. The log group may not exist yet.
    with suppress(ClientError):
        for page in pages:
            for event in page["events"]:
                entry = read_object(event["message"])
                if entry.get("message_id") == message["MessageId"] and "reason" in entry:
                    reason = str(entry["reason"])
            if time.monotonic() > deadline:
                break
    return reason


def _question(target: Target, queue: WorkQueue) -> str:
    count = plural(queue.dead_letters, "message")
    cost = " AWS bills the work." if target.name is TargetName.AWS else ""
    return f"Move {count} back to {queue.name} ({target.description}), to be handled again?{cost}"


def _move(sqs: "SQSClient", queue: WorkQueue, rate: int) -> None:
    done = 0
    with progress_bar() as progress:
        bar = progress.add_task(queue.name, total=queue.dead_letters)

        def report(moved: int) -> None:
            nonlocal done
            done = moved
            progress.update(bar, completed=moved)

        try:
            move_back(sqs, queue, rate=rate, report=report)
        except KeyboardInterrupt as interrupt:
            progress.stop()
            err.print(f"interrupted: {_so_far(queue, done)}")
            raise typer.Exit(130) from interrupt
        except (BotoCoreError, ClientError, MoveError) as error:
            raise RedriveError(f"{error}. {_so_far(queue, done)}") from error
    out.print(f"{queue.name}: {plural(done, 'message')} moved back")


def _so_far(queue: WorkQueue, done: int) -> str:
    total = plural(queue.dead_letters, "message")
    return f"{queue.name}: {done} of {total} moved back; the others are still in the dead-letter queue"


def _sent_at(message: "MessageTypeDef") -> datetime:
    return datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)


def _age(moment: datetime) -> str:
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} s"
