"""`sightline invoke`: runs one handler in this process, with the resources of the local system."""

import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from cli.functions import Function, UnknownFunctionError, choose_functions, deployed_functions
from cli.options import open_target
from cli.output import fail, failing_on, out
from cli.target import LOCAL_AWS, Target, TargetName

REMOVED_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")


@dataclass(frozen=True)
class Context:
    """Lambda's context of an invocation. The remaining time never runs out, so a debugger may pause the handler."""

    function_name: str
    memory_limit_in_mb: int
    timeout_seconds: int
    invoked_function_arn: str
    aws_request_id: str
    function_version: str = "$LATEST"

    def get_remaining_time_in_millis(self) -> int:
        """Return the function's whole timeout."""
        return 1000 * self.timeout_seconds


def command(
    function: Annotated[str, typer.Argument(help="The function's name or module, such as list_images.")],
    event: Annotated[Path, typer.Argument(help="A JSON file with Lambda's event, or with one message of its queue.")],
) -> None:
    """Run a handler of the local system in this process.

    The handler is the checkout's, not the deployed one; breakpoints work. Its environment is that of the deployed
    function, so it reads and writes the local system. The result goes to stdout, log lines go to stderr.
    """
    target = open_target(TargetName.LOCAL)
    with failing_on(UnknownFunctionError):
        [chosen, *_] = choose_functions(deployed_functions(target), [function])
    try:
        document = json.loads(event.read_text())
    except (OSError, ValueError) as error:
        fail(f"{event} cannot be read as JSON: {error}")
    os.environ |= environment(target, chosen)
    for name in REMOVED_VARIABLES:
        os.environ.pop(name, None)
    with redirect_stdout(sys.stderr):  # before the import, because Powertools keeps the stream that it then finds
        module, _, name = chosen.handler.rpartition(".")
        handler = getattr(import_module(module), name)
        result = handler(lambda_event(target, chosen, document), _context(chosen))
    out.print_json(data=result)


def environment(target: Target, function: Function) -> dict[str, str]:
    """Return the variables of a deployed function, with the addresses and credentials of the local system."""
    urls = {"AWS_ENDPOINT_URL": target.aws_url or "", "AWS_ENDPOINT_URL_REKOGNITION": target.rekognition_url or ""}
    lambdas = {"AWS_LAMBDA_FUNCTION_NAME": function.physical_name, "NO_PROXY": "127.0.0.1,localhost"}
    return {**LOCAL_AWS, **urls, **lambdas, **function.variables}


def lambda_event(target: Target, function: Function, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the event of an invocation. If a queue feeds the function, the document may be the body of one message."""
    mappings = target.client("lambda").list_event_source_mappings(FunctionName=function.physical_name)
    queues = [mapping["EventSourceArn"] for mapping in mappings["EventSourceMappings"]]
    records = document.get("Records")
    if not queues or (isinstance(records, list) and all("body" in record for record in records)):
        return document
    # A function may read several queues. Its variable QUEUE_URL names the main one.
    main = function.variables.get("QUEUE_URL", "").rpartition("/")[2]
    main_queue = next((queue for queue in queues if queue.endswith(f":{main}")), queues[0])
    now = str(int(1000 * time.time()))
    message = {
        "messageId": str(uuid4()),
        "receiptHandle": "none, as no queue holds this message",
        "body": json.dumps(document),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": now,
            "SenderId": "sightline-invoke",
            "ApproximateFirstReceiveTimestamp": now,
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": main_queue,
        "awsRegion": LOCAL_AWS["AWS_REGION"],
    }
    return {"Records": [message]}


def _context(function: Function) -> Context:
    return Context(
        function.physical_name,
        function.memory_mb,
        function.timeout_seconds,
        f"arn:aws:lambda:{LOCAL_AWS['AWS_REGION']}:000000000000:function:{function.physical_name}",
        str(uuid4()),
    )
