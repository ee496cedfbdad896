"""The system that a command uses: while a local system is registered, AWS only with --target aws."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import psutil
import pytest
from typer.testing import CliRunner

import cli.target
from cli.main import COMMANDS as LISTED
from cli.main import app, load

ARGUMENTS = {
    "delete": ["a.jpg", "--yes"],
    "ingest": [__file__],
    "kept": ["APIStack"],
    "logs": ["--minutes", "1"],
    "replay": ["1"],
    "reproject": ["--missing", "--yes"],
    "search": ["dog"],
    "show": ["a.jpg"],
}
COMMANDS = [
    name
    for panel in LISTED.values()
    for name in panel
    if any("--target" in parameter.opts for parameter in load(name).params)
]


class Server(BaseHTTPRequestHandler):
    """Answers every call with a document, after a pause, and records it."""

    def __init__(self, seen: list[str], seconds: float, *arguments: object) -> None:
        self.seen, self.seconds = seen, seconds
        super().__init__(*arguments)  # type: ignore[arg-type]

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline()
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.seen.append(f"{self.command} {self.path}")
        time.sleep(self.seconds)
        body = b'{"image": "a.jpg", "message": "deleted"}'
        self.send_response(202)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(seen: list[str], seconds: float = 0) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, seen, seconds))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def aws_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The calls that AWS received."""
    calls: list[str] = []
    with serve(calls) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield calls


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cli.target, "LOCAL_FOLDER", tmp_path)
    monkeypatch.setattr(cli.target, "ENDPOINTS", tmp_path / "endpoints.json")
    monkeypatch.setattr(cli.target, "PROCESSES", tmp_path / "processes.json")
    return tmp_path


def register(folder: Path, address: str) -> None:
    """Register a system as the launcher does when it is up."""
    names = ("upload", "labels", "deliveries", "aws", "photos", "partner", "rekognition", "bucket", "manifests")
    (folder / "endpoints.json").write_text(json.dumps(dict.fromkeys(names, address) | {"api_key": "k"}))


def start(folder: Path, **seconds_ago: float) -> None:
    """Register processes that started this many seconds before this process. 0 means this process, which is alive."""
    started = psutil.Process().create_time()
    entries = {name: {"pid": os.getpid(), "started": started - ago} for name, ago in seconds_ago.items()}
    (folder / "processes.json").write_text(json.dumps(entries))


def test_a_local_system_that_answers_slowly_is_used(folder: Path, aws_calls: list[str]) -> None:
    asked: list[str] = []
    start(folder, emulator=0)
    with serve(asked, seconds=2.2) as address:  # a former version gave up after 2 s
        register(folder, address)
        deleted = CliRunner().invoke(app, ["delete", "a.jpg"])
    assert deleted.exit_code == 0, deleted.output
    assert "target: local" in deleted.stderr
    assert asked == ["DELETE /images/a.jpg"]
    assert aws_calls == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_local_system_that_died_is_no_reason_to_go_to_aws(folder: Path, aws_calls: list[str], command: str) -> None:
    register(folder, "http://127.0.0.1:1")
    start(folder, emulator=1000, photos=0)
    done = CliRunner().invoke(app, [command, *ARGUMENTS.get(command, [])])
    assert done.exit_code == 1
    assert done.stderr == (
        "✗ the local system is registered but not up: emulator ended; `make local-up` starts it, "
        "`make local-down` ends it, and `--target aws` selects AWS\n"
    )
    assert aws_calls == []


def half_started(folder: Path) -> None:
    start(folder, emulator=0)


def rebooted_while_it_started(folder: Path) -> None:
    start(folder, emulator=1000)


def without_processes(folder: Path) -> None:
    register(folder, "http://127.0.0.1:1")


def cut_off(folder: Path) -> None:
    start(folder, emulator=0)
    (folder / "endpoints.json").write_text('{"upload": ')


def of_another_version(folder: Path) -> None:
    start(folder, emulator=0)
    (folder / "endpoints.json").write_text('{"upload": "http://127.0.0.1:1"}')


STATES = {
    half_started: "is still starting; wait until it is up",
    rebooted_while_it_started: "emulator ended",
    without_processes: "all processes ended",
    cut_off: "cannot be read",
    of_another_version: "cannot be read",
}


@pytest.mark.parametrize("state", STATES)
def test_a_local_system_that_is_not_up_is_reported_with_the_ways_out(
    folder: Path, aws_calls: list[str], state: object
) -> None:
    state(folder)  # type: ignore[operator]
    done = CliRunner().invoke(app, ["delete", "a.jpg", "--yes"])
    assert done.exit_code == 1
    assert STATES[state] in done.stderr  # type: ignore[index]
    assert "`make local-down` ends it, and `--target aws` selects AWS" in done.stderr
    assert aws_calls == []


def test_aws_is_used_without_a_local_system_or_when_it_is_the_target(folder: Path, aws_calls: list[str]) -> None:
    CliRunner().invoke(app, ["search", "dog"])
    assert len(aws_calls) == 1
    register(folder, "http://127.0.0.1:1")
    CliRunner().invoke(app, ["search", "dog", "--target", "aws"])
    assert len(aws_calls) == 2


def test_a_missing_local_system_can_be_started(folder: Path, aws_calls: list[str]) -> None:
    done = CliRunner().invoke(app, ["search", "dog", "--target", "local"])
    assert done.stderr == "✗ no local system is running; start one with `make local-up`\n"
    assert aws_calls == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_shell_with_the_local_systems_variables_does_not_call_aws(
    folder: Path, aws_calls: list[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The shell's endpoint and credentials are those of the local system. AWS would not get the calls, or would refuse
    them."""
    monkeypatch.setenv("SIGHTLINE_SHELL", "local")
    for option in ([], ["--target", "aws"]):
        done = CliRunner().invoke(app, [command, *ARGUMENTS.get(command, []), *option])
        assert done.exit_code == 1
        assert "`sightline env` has set this shell's AWS variables to the local system" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert aws_calls == []


OUTPUTS = {
    "APIStack": ("UploadEndpoint", "ImageBucketName", "ManifestBucketName", "ManifestsTableName", "UploadQueueUrl"),
    "RekognitionStack": ("LabelsEndpoint", "ClassificationsTableName", "ProjectionsTableName", "IndexQueueUrl"),
    "IntegrationStack": ("DeliveriesEndpoint",),
}
PLACE = "target: aws, account 123456789012, Region us-east-1, deployment default\n"


@pytest.fixture
def account(aws: None, folder: Path) -> None:
    """An empty AWS account."""


def deploy(*stacks: str, deployment: str = "default", prefix: str = "") -> None:
    """Create the stacks of a deployment; its addresses do not answer."""
    for stack in stacks:
        outputs = {name: {"Value": "http://127.0.0.1:1" if "Endpoint" in name else name} for name in OUTPUTS[stack]}
        outputs |= {"SourceBuckets": {"Value": "[]"}, "SigningSecretArns": {"Value": '{"thirdparty": "arn:s"}'}}
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
        tags: Any = [{"Key": "sightline:deployment", "Value": deployment}] if deployment else []
        boto3.client("cloudformation").create_stack(
            StackName=prefix + stack, TemplateBody=json.dumps(template), Tags=tags
        )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_account_region_and_deployment_first(account: None, command: str) -> None:
    deploy(*OUTPUTS)
    done = CliRunner().invoke(app, [command, *ARGUMENTS.get(command, [])])
    assert done.stderr.startswith(PLACE)
    assert isinstance(done.exception, SystemExit | None), done.exception


@pytest.mark.parametrize("command", ["delete", "signing-secret"])
def test_questions_name_them_too(account: None, command: str) -> None:
    deploy(*OUTPUTS)
    arguments = {"delete": ["a.jpg"], "signing-secret": ["--rotate"]}[command]
    done = CliRunner().invoke(app, [command, *arguments])
    assert done.exit_code == 1
    assert "(aws, account 123456789012, Region us-east-1, deployment default)? [y/N]" in done.stderr


def test_the_system_is_the_one_that_cdk_json_names(
    account: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(*OUTPUTS)
    deploy(*OUTPUTS, deployment="staging", prefix="staging-")
    (tmp_path / "cdk.json").write_text('{"context": {"deployment": "staging"}}')
    monkeypatch.setattr("cli.account.CDK_JSON", tmp_path / "cdk.json")
    found = cli.target.find(None)
    assert found.description == "aws, account 123456789012, Region us-east-1, deployment staging"
    assert found.stacks.outputs("RekognitionStack")["LabelsEndpoint"] == "http://127.0.0.1:1"
    assert {found.stacks.name(stack) for stack in OUTPUTS} == {f"staging-{stack}" for stack in OUTPUTS}
    printed = CliRunner().invoke(app, ["guide"])
    assert "SSM parameter /sightline/staging/thirdparty_endpoint " in printed.stdout


@pytest.mark.parametrize("deployment", ["", "staging"])
@pytest.mark.parametrize("command", COMMANDS)
def test_stacks_of_another_owner_are_refused(account: None, command: str, deployment: str) -> None:
    deploy("APIStack", "IntegrationStack")
    deploy("RekognitionStack", deployment=deployment)
    done = CliRunner().invoke(app, [command, *ARGUMENTS.get(command, [])])
    assert done.exit_code == 1
    assert done.stderr.startswith(
        "✗ the stack RekognitionStack is not this deployment's: it has no tag sightline:deployment=default. "
    )
    assert done.stdout == ""


def test_a_missing_stack_is_reported_with_the_place_where_it_was_expected(account: None) -> None:
    deploy("APIStack")
    missing = (
        "there is no stack RekognitionStack on AWS (Region us-east-1, deployment default); `make deploy` creates it"
    )
    done = CliRunner().invoke(app, ["usage"])
    assert done.stderr == f"✗ no local system is running (`make local-up` starts one), and {missing}\n"
    assert CliRunner().invoke(app, ["usage", "--target", "aws"]).stderr == f"✗ {missing}\n"


def test_without_any_system_and_credentials_both_ways_out_are_named(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader of the README may have stopped the local system, and has no account."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    done = CliRunner().invoke(app, ["list"])
    assert done.stderr.startswith(
        "✗ no local system is running (`make local-up` starts one), and there are no AWS credentials: set AWS_PROFILE"
    )


def test_stacks_without_their_addresses_are_incomplete(account: None) -> None:
    deploy("APIStack", "RekognitionStack")
    boto3.client("cloudformation").create_stack(
        StackName="IntegrationStack",
        TemplateBody='{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}',
        Tags=[{"Key": "sightline:deployment", "Value": "default"}],
    )
    done = CliRunner().invoke(app, ["usage"])
    assert "are incomplete; `sightline doctor` shows more" in done.stderr


def test_the_doctor_examines_an_incomplete_deployment(account: None) -> None:
    deploy("APIStack")
    done = CliRunner().invoke(app, ["doctor"])
    assert "stack: APIStack: CREATE_COMPLETE" in done.stdout
    assert "stack: RekognitionStack is not deployed" in done.stdout


def test_the_key_of_another_deployment_is_not_used(account: None) -> None:
    """The usage plans are found through the deployment's own stacks."""
    made = boto3.client("apigateway")
    plan = made.create_usage_plan(name="another's")["id"]
    key = made.create_api_key(name="another's", enabled=True)
    made.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    deploy(*OUTPUTS)
    done = CliRunner().invoke(app, ["key"])
    assert (done.exit_code, done.stdout) == (1, "")
