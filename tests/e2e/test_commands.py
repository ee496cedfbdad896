"""The commands, as a person uses them."""

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import requests

from local.cloud import Cloud
from tests.conftest import EVENTS, ROOT
from tests.e2e.conftest import PATIENCE, System, environment, run_local, wait_for
from tests.source_server import Source

SIGHTLINE = Path(sys.executable).parent / "sightline"


def sightline(cloud: Cloud, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SIGHTLINE, *arguments], env=environment(cloud.folder), capture_output=True, text=True, timeout=180, check=False
    )


def test_a_second_start_changes_nothing(cloud: Cloud) -> None:
    before = (cloud.folder / "processes.json").read_text()
    again = run_local(cloud.folder, "up")
    assert again.returncode == 0
    assert "up already, in the background; nothing was changed" in again.stdout
    assert (cloud.folder / "processes.json").read_text() == before


def test_status_lists_the_running_processes(cloud: Cloud) -> None:
    status = run_local(cloud.folder, "status")
    assert status.returncode == 0
    assert "emulator: process" in status.stdout


def test_env_prints_variables_that_the_shell_can_use(cloud: Cloud, system: System) -> None:
    printed = sightline(cloud, "env")
    assert printed.returncode == 0
    assert "target: local" in printed.stderr
    words = dict(shlex.split(line)[1].split("=", 1) for line in printed.stdout.splitlines())
    assert (words["UPLOAD_URL"], words["API_KEY"]) == (system.endpoints.upload, system.endpoints.api_key)
    assert requests.get(words["LABELS_URL"], headers={"x-api-key": words["API_KEY"]}, timeout=60).ok


def test_the_variables_of_env_point_aws_tools_and_partner_calls_to_the_local_system(
    cloud: Cloud, system: System
) -> None:
    shell = f"""
        eval "$({SIGHTLINE} env)"
        curl --silent --fail "$PARTNER/behaviour" --data '{{}}'
        {sys.executable} -c 'import boto3; print(boto3.client("s3").head_bucket(Bucket="'$IMAGE_BUCKET'"))'
        {sys.executable} -c 'import boto3; print(boto3.client("s3").head_bucket(Bucket="'$MANIFEST_BUCKET'"))'
        {SIGHTLINE} list --target aws || {SIGHTLINE} env --target aws || echo refused
        eval "$({SIGHTLINE} env --unset)"
        echo "left: ${{AWS_ENDPOINT_URL-}}${{AWS_ACCESS_KEY_ID-}}${{SIGHTLINE_SHELL-}}"
    """
    done = subprocess.run(
        ["bash", "-euc", shell], env=environment(cloud.folder), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2:] == ["refused", "left: "]
    assert done.stderr.count("`sightline env` has set this shell's AWS variables to the local system") == 2


def test_a_listing_in_a_pipe_is_a_line_for_each_image(cloud: Cloud, system: System) -> None:
    names = [f"listed/{'long ' * 30}{number}.jpg" for number in range(2)]
    for name in names:
        assert system.upload(f"{system.endpoints.photos}astronaut.jpg", name).ok
    wait_for(lambda: system.image(names[0]) and system.image(names[1]) and system.is_idle())
    listed = sightline(cloud, "list", "--limit", "2").stdout.splitlines()
    assert sorted(line.split("\t")[0] for line in listed) == names
    shown = sightline(cloud, "list", "--limit", "1")
    assert "the list has more than 1 entries" in shown.stderr
    labels = json.loads(sightline(cloud, "labels", "--json").stdout)
    assert labels == sorted(labels, key=lambda entry: str(entry["label"]))
    first = labels[0]
    line = sightline(cloud, "labels", "--prefix", first["label"].lower()).stdout.splitlines()[0]
    assert line.split(maxsplit=1) == [str(first["images"]), first["label"]]


def test_the_logs_show_the_way_of_an_upload_through_the_functions(cloud: Cloud, system: System) -> None:
    followed = subprocess.Popen(
        [SIGHTLINE, "logs"], env=environment(cloud.folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert followed.stderr
    assert "target: local" in followed.stderr.readline()
    assert "Ctrl-C ends this" in followed.stderr.readline()
    uploaded = system.upload(f"{system.endpoints.photos}astronaut.jpg", "logged.jpg")
    assert uploaded.ok, uploaded.text
    request_id = uploaded.json()["request_id"]
    wait_for(lambda: system.documents("logged.jpg") and system.is_idle())

    printed = sightline(cloud, "logs", "--minutes", "30", "--correlation-id", request_id)
    assert printed.returncode == 0, printed.stderr
    steps = [line.split() for line in printed.stdout.splitlines() if not line.startswith(" ")]
    assert {step[3] for step in steps} == {request_id}
    assert {"GetSaveImage", "ImageRecognition", "Project", "Deliver"} <= {step[1] for step in steps}
    [stored] = [line for line in printed.stdout.splitlines() if " stored" in line]

    output = followed.stdout
    assert output
    wait_for(lambda: request_id in output.readline())
    followed.send_signal(signal.SIGINT)
    rest, complaint = followed.communicate(timeout=PATIENCE)
    assert (followed.returncode, complaint.strip()) == (0, "")
    assert "\x1b" not in rest + stored


def test_one_handler_runs_with_an_event_file(cloud: Cloud, system: System) -> None:
    assert system.upload(f"{system.endpoints.photos}astronaut.jpg", "invoked.jpg").ok
    wait_for(lambda: system.image("invoked.jpg"))
    done = sightline(cloud, "invoke", "list_images", str(EVENTS / "list-images.json"))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["statusCode"], "invoked.jpg" in answer["body"]) == (200, True)

    queued = sightline(cloud, "invoke", "ImageRecognition", str(EVENTS / "object-created.json"))
    assert json.loads(queued.stdout) == {"batchItemFailures": []}
    assert '"message":"nothing to announce"' in queued.stderr.replace(": ", ":")
    assert "there is no function 'nope'" in sightline(cloud, "invoke", "nope", str(EVENTS / "list-images.json")).stderr


def test_the_commands_find_a_deployment_on_aws(cloud: Cloud, system: System) -> None:
    """The embedded cloud takes the place of AWS, through the SDK's own variable."""
    printed = subprocess.run(
        [SIGHTLINE, "guide", "--target", "aws"],
        env=environment(cloud.folder) | {"AWS_ENDPOINT_URL": system.endpoints.aws},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert re.search(r"Upload API\s+https://\w+\.execute-api\.us-east-1\.amazonaws\.com/prod\n", printed.stdout)
    assert "make destroy" in printed.stdout
    assert system.endpoints.api_key not in printed.stdout


def test_without_a_running_system_env_says_what_to_do(tmp_path: Path) -> None:
    printed = sightline(Cloud(tmp_path, say=print), "env", "--target", "local")
    assert printed.returncode == 1
    assert "make local-up" in printed.stderr
    assert printed.stdout == ""


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run_local(tmp_path, "up", "--port", str(port))
    assert refused.returncode == 1
    [line] = refused.stdout.strip().splitlines()
    assert f"LOCAL_PORT={port}: another program uses this port" in line
    assert "Traceback" not in refused.stderr


def test_a_failed_deploy_is_one_clear_line_and_leaves_nothing_running(tmp_path: Path) -> None:
    refused = run_local(tmp_path, "up", context="python_version=3.12 layer_platform=no-such-platform")
    assert refused.returncode == 1
    last = refused.stdout.strip().splitlines()[-1]
    assert "`cdk synth` failed" in last
    assert "could not be built" in last
    assert str(tmp_path / "logs" / "synth.log") in last
    assert_nothing_is_left(tmp_path)


@pytest.fixture
def same_cloud_afterwards(cloud: Cloud, system: System, source: Source, models: str) -> Iterator[None]:
    """Restore the cloud after a test that stops it and fails."""
    ports = (cloud.folder / "ports.json").read_text()
    yield
    if cloud.endpoints() != system.endpoints:
        cloud.down()
        (cloud.folder / "ports.json").write_text(ports)
        run_local(cloud.folder, "up", sources=source.host_and_port, models=models)
        assert cloud.endpoints() == system.endpoints


@pytest.mark.usefixtures("same_cloud_afterwards")
def test_down_leaves_nothing_and_run_continues_with_the_same_state(
    cloud: Cloud, system: System, source: Source, models: str
) -> None:
    """`make local-down`, `make local` until Ctrl-C, and `make local-up` for the tests that follow."""
    assert system.upload(f"{source.address}/photo.jpg", "kept.jpg").ok
    wait_for(lambda: system.image("kept.jpg") and system.is_idle())

    down = run_local(cloud.folder, "down")
    assert (down.returncode, down.stdout) == (0, "stopped\n")
    assert_nothing_is_left(cloud.folder)
    assert run_local(cloud.folder, "down").stdout == "the embedded cloud was not running\n"

    run, text = run_until_ctrl_c(cloud, source)
    assert system.image("kept.jpg")["status"] == "RECOGNIZED"
    wait_for(system.is_idle)
    run.send_signal(signal.SIGINT)
    assert run.wait(PATIENCE) == 0, text
    assert re.search(r"astronaut\.jpg\s*│\s*Person", text), text
    assert re.search(r"cat\.jpg\s*│\s*Cat", text), text
    assert '<recognition xmlns="urn:sightline:recognition:1">' in text  # the document that arrived last
    assert 'curl -H "x-api-key: $API_KEY"' in text
    assert "nothing has changed" in text
    assert_nothing_is_left(cloud.folder)

    again = run_local(cloud.folder, "up", sources=source.host_and_port, models=models)
    assert again.returncode == 0, again.stdout
    assert cloud.endpoints() == system.endpoints


@pytest.mark.usefixtures("same_cloud_afterwards")
def test_after_a_kill_or_with_taken_ports_the_next_start_has_all_data(
    cloud: Cloud, system: System, source: Source, models: str
) -> None:
    assert system.upload(f"{source.address}/photo.jpg", "stays.jpg").ok
    wait_for(lambda: system.image("stays.jpg") and system.is_idle())
    assert run_local(cloud.folder, "down").returncode == 0
    ports = (cloud.folder / "ports.json").read_text()
    with ExitStack() as others:
        for name in ("emulator", "partner"):
            others.enter_context(socket.create_server(("127.0.0.1", json.loads(ports)[name])))
        run, text = run_until_ctrl_c(cloud, source)
        assert len(re.findall(r"port \d+ is taken by another program: \w+ moves to \d+; nothing is lost", text)) == 2
        run.kill()
        run.wait()
        assert cloud.endpoints()

        run, text = run_until_ctrl_c(cloud, source)
        assert "is taken" not in text
        moved = cloud.endpoints()
        assert moved
        assert moved.aws != system.endpoints.aws
        there = System(moved)
        assert there.image("stays.jpg")["status"] == "RECOGNIZED"
        assert there.upload(f"{source.address}/photo.jpg", "moved.jpg").ok
        wait_for(lambda: there.documents("moved.jpg"))
        wait_for(lambda: "moved.jpg" in str(requests.get(moved.partner, timeout=60).json()["mails"]))
        wait_for(there.is_idle)
        run.send_signal(signal.SIGINT)
        assert run.wait(PATIENCE) == 0
    assert_nothing_is_left(cloud.folder)

    (cloud.folder / "ports.json").write_text(ports)
    again = run_local(cloud.folder, "up", sources=source.host_and_port, models=models)
    assert again.returncode == 0, again.stdout
    assert "is taken" not in again.stdout
    assert cloud.endpoints() == system.endpoints
    assert system.image("moved.jpg")["status"] == "RECOGNIZED"


def run_until_ctrl_c(cloud: Cloud, source: Source) -> tuple[subprocess.Popen[bytes], str]:
    """Run `make local` up to its last line. Returns the process and its output."""
    with (cloud.folder / "run.txt").open("wb") as output:
        run = subprocess.Popen(
            [sys.executable, "-m", "local", "run"],
            cwd=ROOT,
            env=environment(cloud.folder) | {"LOCAL_SOURCES": source.host_and_port},
            stdout=output,
            stderr=output,
        )
    wait_for(lambda: run.poll() is not None or "until Ctrl-C" in Path(output.name).read_text(), 600)
    text = Path(output.name).read_text()
    assert run.poll() is None, text
    return run, text


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the running processes of the cloud in this folder."""
    found = psutil.process_iter(["environ"])
    return [p for p in found if str(folder) in (p.info["environ"] or {}).get("TMPDIR", "")]


def assert_nothing_is_left(folder: Path) -> None:
    """Check that no process, port or temporary folder is left."""
    for name in ("processes.json", "endpoints.json", "tmp"):
        assert not (folder / name).exists()
    # A worker that the emulator killed may take a moment to end.
    wait_for(lambda: not processes_of(folder))
    if (folder / "ports.json").exists():
        for port in Cloud(folder, say=print).ports().values():
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0
