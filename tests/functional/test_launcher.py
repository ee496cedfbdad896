"""`make local`, `local-up` and `local-down` before and beside a start. The end-to-end tests start the cloud."""

import dataclasses
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import local.__main__ as launcher
from local import ports as port_choice
from local.cloud import Cloud
from local.endpoints import Endpoints
from local.errors import CloudError
from local.ports import SERVICES
from local.processes import Processes, _is_alive
from local.services import last_error
from local.terminal import STOPS
from tests.conftest import ROOT

SLEEP = ["-c", "import time; time.sleep(60)"]
ENDPOINTS = [field.name for field in dataclasses.fields(Endpoints) if field.name != "gallery"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "SIGHTLINE_LOCAL",
        "LOCAL_PORT",
        "LOCAL_SOURCES",
        "LOCAL_CONTEXT",
        "MODEL_DIR",
        "MODERATION",
        "PHOTO",
        "CALLED_FROM",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(launcher, "LOCAL_FOLDER", tmp_path / "local")
    return tmp_path / "local"


def call(*arguments: str, **environment: str) -> Result:
    before = {number: signal.getsignal(number) for number in STOPS}
    done = CliRunner().invoke(launcher.app, arguments, env=environment)
    for number, handler in before.items():
        signal.signal(number, handler)
    return done


def one_line(done: Result) -> str:
    assert done.exit_code == 1, done.output
    [line] = done.output.splitlines()
    return line.removeprefix("✗ ")


@pytest.fixture
def up(folder: Path) -> Iterator[Cloud]:
    """A system that is up according to its folder."""
    cloud = Cloud(folder, say=print, port=4000, sources=["127.0.0.1:9"])
    folder.mkdir()
    for name in SERVICES:
        cloud.processes.start(name, SLEEP, os.environ)
    cloud.files.write("settings.json", {**cloud.requested_settings(4000), "terminal": False})
    cloud.files.write("endpoints.json", dict.fromkeys(ENDPOINTS, "http://127.0.0.1:9/"))
    yield cloud
    cloud.processes.stop(print, save=False)


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("", "the log is empty"),
        ("first\nlast\n", "last"),
        ("x.BuildError: no page\nTraceback\n", "x.BuildError: no page"),
        ("✗ max_labels is '99'\npython3 app.py: Subprocess exited with error 1\n", "max_labels is '99'"),
        ("\n ❌  APIStack failed: no role\nAPIStack failed to deploy\n", "APIStack failed: no role"),
    ],
)
def test_the_line_of_a_log_that_names_the_error_is_found(tmp_path: Path, log: str, error: str) -> None:
    (tmp_path / "log").write_text(log)
    assert last_error(tmp_path / "log") == error


def test_models_and_moderation_become_options_of_the_local_rekognition(folder: Path) -> None:
    cloud = Cloud(folder, say=print, models=[Path("one"), Path("two")], moderation=True)
    assert cloud.model_options() == ["--model", "one", "--model", "two", "--moderation"]
    assert Cloud(folder, say=print).model_options() == []


@pytest.mark.parametrize("port", ["80000", "abc", "-1", "0", "1.5", "٣"])
@pytest.mark.parametrize("command", ["up", "run"])
def test_an_invalid_port_is_reported_in_one_line(folder: Path, port: str, command: str) -> None:
    assert one_line(call(command, LOCAL_PORT=port)) == f"LOCAL_PORT is {port!r}; expected a number from 1 to 65535"
    assert not (folder / "processes.json").exists()


@pytest.mark.parametrize("command", ["up", "run", "down"])
@pytest.mark.parametrize(("below", "why"), [("", "it is not a folder, but a file"), ("folder", "Not a directory")])
def test_a_state_folder_that_cannot_be_used_is_reported_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, below: str, why: str
) -> None:
    folder.write_text("")
    monkeypatch.setattr(launcher, "LOCAL_FOLDER", folder / below)
    line = f"the state folder {folder / below} cannot be used: {why}; SIGHTLINE_LOCAL can name another"
    assert one_line(call(command)) == line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_cannot_be_written_is_reported_in_one_line(folder: Path) -> None:
    folder.mkdir(mode=0o500)
    assert "cannot be used: Permission denied" in one_line(call("up"))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("LOCAL_SOURCES", "not-a-pair", "private_sources has 'not-a-pair'; expected host:port, such as 127.0.0.1:8000"),
        ("LOCAL_CONTEXT", "auth", "'auth' is not a setting; write name=value, without spaces"),
        ("LOCAL_CONTEXT", "=1", "'=1' is not a setting; write name=value, without spaces"),
        ("LOCAL_CONTEXT", "auht=none", "there is no setting 'auht'; did you mean 'auth'?"),
        ("LOCAL_CONTEXT", "auth=maybe", "auth is 'maybe'"),
        ("LOCAL_CONTEXT", "python_version=3.11 layer_platform=other", "python_version 3.11 runs on Amazon Linux 2"),
        ("MODEL_DIR", "no-such", "there is no folder"),
        ("MODERATION", "maybe", "expected 1, or nothing"),
        ("MODEL_DIR", "docs", "holds no model; a model has config.json and onnx/model.onnx"),
    ],
)
@pytest.mark.parametrize("command", ["up", "run"])
def test_a_malformed_setting_is_named_before_anything_starts(
    folder: Path, name: str, value: str, why: str, command: str
) -> None:
    line = one_line(call(command, **{name: value}))
    assert line.startswith(name)
    assert why in line
    assert not folder.exists()


@pytest.mark.parametrize(
    ("photo", "why"),
    [
        ("no-such.jpg", "No such file or directory"),
        ("docs", "Is a directory"),
        ("README.md", "these bytes are not a picture; accepted types: JPEG, PNG"),
        (os.devnull, "the file is empty"),
    ],
)
def test_an_invalid_photo_is_named_before_anything_starts(folder: Path, photo: str, why: str) -> None:
    line = one_line(call("run", PHOTO=photo))
    assert line.startswith(f"PHOTO={photo}: {why}")
    assert not folder.exists()


def test_a_photo_is_looked_for_where_make_was_called(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "tiny.png")
    assert "each side must have at least 80" in one_line(call("run", PHOTO="tiny.png", CALLED_FROM=str(tmp_path)))


def test_settings_that_the_running_system_does_not_have_are_refused_by_name(up: Cloud, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()
    asked = {
        "LOCAL_PORT": "4001",
        "LOCAL_SOURCES": "127.0.0.1:10",
        "MODEL_DIR": str(tmp_path),
        "MODERATION": "1",
        "LOCAL_CONTEXT": "auth=none",
    }
    for command in ("up", "run"):
        for name, value in asked.items():
            line = one_line(call(command, **{name: value}))
            assert line.startswith(f"{name} cannot change while the embedded cloud is up")
            assert line.endswith("stop it with `make local-down` first")
        both = one_line(call(command, LOCAL_PORT="4001", LOCAL_SOURCES="127.0.0.1:10"))
        assert "(LOCAL_PORT is 4000 there; LOCAL_SOURCES is ['127.0.0.1:9'] there)" in both


def test_the_running_systems_own_settings_are_accepted(up: Cloud) -> None:
    done = call("up", LOCAL_PORT="4000", LOCAL_SOURCES="127.0.0.1:9")
    assert done.exit_code == 0
    assert "up already, in the background; nothing was changed. `make local-down` stops it" in done.output


def test_a_system_of_another_terminal_is_left_alone(up: Cloud) -> None:
    up.files.write("settings.json", {**up.requested_settings(4000), "terminal": True})
    with up.held():
        for command in ("up", "run"):
            assert "up already, in another terminal; nothing was changed" in call(command).output
    assert up.is_orphan()


def test_a_second_start_at_the_same_time_is_refused(folder: Path) -> None:
    with Cloud(folder, say=print).held():
        line = one_line(call("run"))
    assert line == "another `make local` is starting or stopping; try again when it has started or ended"


def test_a_taken_port_is_replaced_and_the_others_stay(folder: Path) -> None:
    said: list[str] = []
    before = Cloud(folder, say=said.append)
    folder.mkdir()
    ports = before.choose_ports()
    assert before.choose_ports() == ports
    for name in SERVICES:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", ports[name]))
            taken.listen()
            moved = before.choose_ports()
        assert {other for other in SERVICES if moved[other] != ports[other]} == {name}
        line = f"port {ports[name]} is taken by another program: {name} moves to {moved[name]}; nothing is lost"
        assert said.pop() == line
        before.files.write("ports.json", ports)


def test_a_requested_port_is_used_or_refused(folder: Path) -> None:
    folder.mkdir()
    first = Cloud(folder, say=print).choose_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(CloudError, match=rf"LOCAL_PORT={port}: another program uses this port; choose another"):
            Cloud(folder, say=print, port=port).choose_ports()
    assert Cloud(folder, say=print).choose_ports() == first
    moved = Cloud(folder, say=print, port=first["partner"]).choose_ports()
    assert moved["emulator"] == first["partner"] != moved["partner"]


def test_the_saved_state_names_the_new_port(folder: Path) -> None:
    (folder / "state").mkdir(parents=True)
    queue = "http://localhost:4000/000000000000/Queue"
    saved = json.dumps({queue: {"url": queue, "body": "see http://localhost:4000/index.html, localhost:4000"}})
    (folder / "state" / "sqs.json").write_text(saved)
    for port in (4001, 4001, 4000):
        Cloud(folder, say=print).files.point_queues_to(port)
        found = json.loads((folder / "state" / "sqs.json").read_text())
        [(name, entry)] = found.items()
        assert name == entry["url"] == f"http://localhost:{port}/000000000000/Queue"
        assert entry["body"] == "see http://localhost:4000/index.html, localhost:4000"


def test_a_damaged_document_counts_as_missing(folder: Path) -> None:
    folder.mkdir()
    for name in ("ports.json", "processes.json", "endpoints.json", "settings.json"):
        (folder / name).write_text('{"emulator": ')
    cloud = Cloud(folder, say=print)
    assert cloud.endpoints() is None
    assert not cloud.is_orphan()
    assert set(cloud.choose_ports()) == set(SERVICES)


def test_the_state_of_an_unfinished_start_is_removed_and_saved_state_is_kept(folder: Path) -> None:
    cloud = Cloud(folder, say=print)
    for name in ("state", "s3"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("")
    (folder / "deployed.json").write_text("{}")
    (folder / "state" / "cloudformation.json").write_text("{}")
    cloud.files.discard_unfinished_start()
    assert (folder / "s3" / "file").exists()
    (folder / "state" / "cloudformation.json").unlink()
    cloud.files.discard_unfinished_start()
    assert [path.name for path in folder.iterdir()] == []


SAVES_SLOWLY = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), pathlib.Path(sys.argv[1]).write_text('saved'), sys.exit()))
print(flush=True)
time.sleep(60)
"""


def test_only_the_emulator_is_given_time_and_only_to_save(folder: Path) -> None:
    processes = Processes(folder)
    folder.mkdir()
    for save in (True, False):
        saved = folder / f"saved-{save}"
        for name in ("emulator", "partner"):
            path = saved if name == "emulator" else folder / "never"
            processes.start(name, ["-c", SAVES_SLOWLY, str(path)], os.environ)
        while not all(processes.log(name).read_text() for name in ("emulator", "partner")):
            time.sleep(0.01)
        processes.stop(print, save=save)
        assert processes.running() == {}
        assert saved.exists() == save
    assert not (folder / "never").exists()


@pytest.mark.parametrize("seconds", [0.1, 60])
def test_a_slow_save_is_announced_and_a_kill_says_what_is_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("local.processes.SILENT_SECONDS", 0.05)
    monkeypatch.setattr("local.processes.SAVE_SECONDS", seconds)
    folder.mkdir()
    said: list[str] = []
    processes = Processes(folder)
    processes.start("emulator", ["-c", SAVES_SLOWLY, str(folder / "saved")], os.environ)
    while not processes.log("emulator").read_text():
        time.sleep(0.01)
    processes.stop(said.append, save=True)
    assert said[0] == "saving the state …"
    assert (folder / "saved").exists() == (len(said) == 1) == (seconds == 60)
    assert all("changes are lost" in text for text in said[1:])


def test_a_command_is_stopped_with_the_rest_if_the_process_that_waits_for_it_is_killed(folder: Path) -> None:
    folder.mkdir()
    code = f"""
import os, sys
from pathlib import Path
from local.processes import Processes
nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
Processes(Path({str(folder)!r})).begin("deploy", [sys.executable, "-c", nested], os.environ, Path("/")).wait()
"""
    waiting = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    processes = Processes(folder)
    while not (running := processes.running()) or not running["deploy"].children():
        time.sleep(0.01)
    family = [running["deploy"], *running["deploy"].children()]
    waiting.kill()
    waiting.wait()
    processes.stop(print, save=False)
    while any(map(_is_alive, family)):  # until the time limit of the test
        time.sleep(0.01)


def test_a_command_that_ended_is_not_remembered(folder: Path) -> None:
    folder.mkdir()
    processes = Processes(folder)
    command = processes.begin("deploy", [sys.executable, "-c", "print('said'); exit(3)"], os.environ, Path("/"))
    assert command.wait() == 3
    assert processes.log("deploy").read_text() == "said\n"
    assert json.loads(processes.register.read_text()) == {}


def test_workers_share_unpacked_code(tmp_path: Path) -> None:
    """The test runs a separate process, because it changes ministack."""
    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("package/module.py", "x = 1")
    code = f"""
import shutil
from pathlib import Path
from local.emulator import share_code, lambda_runtime
folder = Path({str(tmp_path)!r})
share_code(folder / "code")
for worker in ("first", "second"):
    (folder / worker).mkdir()
    shutil.copy(folder / "code.zip", folder / worker / "code.zip")
    (folder / worker / "code").mkdir()
    with lambda_runtime.zipfile.ZipFile(folder / worker / "code.zip") as archive:
        archive.extractall(folder / worker / "code")
    assert (folder / worker / "code" / "package" / "module.py").read_text() == "x = 1"
shutil.rmtree(folder / "first")
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    [shared] = (tmp_path / "code").iterdir()
    assert (tmp_path / "second" / "code").resolve() == shared
    assert (shared / "package" / "module.py").exists()
    assert [path.name for path in (tmp_path / "second").iterdir()] == ["code"]


def test_printed_commands_work_where_make_was_called(
    up: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert '  eval "$(.venv/bin/sightline env --target local)"\n' in call("up").output
    away = tmp_path / "a b"
    away.mkdir()
    monkeypatch.setattr(launcher, "ROOT", away)
    printed = call("up", CALLED_FROM=str(tmp_path), SIGHTLINE_LOCAL="/x y").output
    folder = f"SIGHTLINE_LOCAL={up.folder}"
    assert f"""eval "$({folder} '{away}/.venv/bin/sightline' env --target local)"\n""" in printed
    assert f"`make -C '{away}' local-down {folder}` stops it" in printed
    [line] = re.findall(r"`(make .*?)`", printed)
    assert shlex.split(line) == ["make", "-C", str(away), "local-down", folder]


def test_no_two_services_get_one_port(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may offer a port again that nothing listens on yet."""
    offered = iter([first := port_choice.offered_port(), first, *(port_choice.offered_port() for _ in range(8))])
    monkeypatch.setattr(port_choice, "offered_port", lambda: next(offered))
    cloud = Cloud(folder, say=print)
    folder.mkdir()
    ports = cloud.choose_ports()
    assert len(set(ports.values())) == len(SERVICES)

    cloud.files.write("ports.json", ports | {"photos": ports["rekognition"]})
    assert len(set(cloud.choose_ports().values())) == len(SERVICES)
