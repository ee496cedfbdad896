"""Moves messages from a dead-letter queue back to its queue."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cli.queues import WorkQueue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ListMessageMoveTasksResultEntryTypeDef, MessageTypeDef

POLL_SECONDS = 1.0

Report = Callable[[int], None]
"""A function that is called with the number of messages that have been moved so far."""


class MoveError(RuntimeError):
    """SQS ended a move early. The message has its reason."""


def move_back(sqs: "SQSClient", queue: WorkQueue, *, rate: int, report: Report) -> None:
    """Move the messages back, at most `rate` per second.

    Raises:
        MoveError: SQS ended the move early.
        ClientError, BotoCoreError: SQS refused a call or did not answer.
    """
    try:
        _move_by_task(sqs, queue, rate, report)
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidAction":  # the embedded cloud's SQS has no such tasks
            raise
        _move_one_by_one(sqs, queue, rate, report)


def give_back(sqs: "SQSClient", queue: WorkQueue, messages: "Sequence[MessageTypeDef]") -> None:
    """Make received dead letters visible again at once."""
    for message in messages:
        sqs.change_message_visibility(
            QueueUrl=queue.dead_letters_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )


def _move_by_task(sqs: "SQSClient", queue: WorkQueue, rate: int, report: Report) -> None:
    """Start a task of SQS and follow it. An interrupt cancels the task."""
    earlier = _latest_task(sqs, queue)
    handle = sqs.start_message_move_task(
        SourceArn=queue.dead_letters_arn,
        # Messages that the topic could not deliver came from no queue. So the destination is named.
        DestinationArn=queue.arn,
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
                    raise MoveError(f"SQS ended the move: {task.get('FailureReason', task['Status'])}")
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        report(sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"])
        raise


def _latest_task(sqs: "SQSClient", queue: WorkQueue) -> "ListMessageMoveTasksResultEntryTypeDef | None":
    tasks = sqs.list_message_move_tasks(SourceArn=queue.dead_letters_arn, MaxResults=1).get("Results", [])
    return tasks[0] if tasks else None


def _move_one_by_one(sqs: "SQSClient", queue: WorkQueue, rate: int, report: Report) -> None:
    """Receive, send, then delete each message. A crash in between repeats a message, which is harmless, but loses none.

    Moves no more messages than there were at the start. Otherwise messages that fail again at once would move forever.
    """
    done = 0
    while done < queue.dead_letters:
        messages = sqs.receive_message(
            QueueUrl=queue.dead_letters_url,
            MaxNumberOfMessages=min(10, queue.dead_letters - done),
            VisibilityTimeout=60,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        if not messages:
            return
        try:
            while messages:
                attributes = messages[0].get("MessageAttributes", {})
                sqs.send_message(QueueUrl=queue.url, MessageBody=messages[0]["Body"], MessageAttributes=attributes)
                sqs.delete_message(QueueUrl=queue.dead_letters_url, ReceiptHandle=messages[0]["ReceiptHandle"])
                del messages[0]
                done += 1
                report(done)
                time.sleep(1 / rate)
        finally:
            give_back(sqs, queue, messages)
