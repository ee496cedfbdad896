"""The embedded cloud: ministack, the local Rekognition and a partner, with the three stacks deployed into it."""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import boto3
import requests
import trustme

from cli.api_keys import newest_key
from cli.checkout import CDK_JSON, settings_in_force
from cli.stacks import STACKS, Stacks
from common.setting_types import SettingsError
from common.settings import Settings
from local import photos
from local.processes import Processes

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
REGION = "us-east-1"
SERVICES = ("emulator", "rekognition", "partner", "photos")
START_SECONDS = 60
TRUST = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
"""The variables by which botocore, requests, Python's own HTTP and Node are told which authority to trust."""
DEPLOYED_FROM = ("app.py", "cdk.json", "requirements.txt", "package-lock.json", "api", "common", "integration",
                 "recognition")  # fmt: skip
"""The files and folders that decide what is deployed."""

NAMED_QUEUES = ("sqs", "lambda", "cloudformation")
"""The services in whose saved state queues are named by their URLs, and these name the emulator's port."""

SOURCE_BUCKET = "photo-archive"
"""A bucket that manifests may have pictures copied from, for who makes it."""

SETTINGS = {
    "architecture": "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64",
    "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
    "layer_platform": "host",
    "removal_policy": "destroy",
    "notify_email": "you@localhost.example",  # the partner's inbox gets what is sent there
    "source_buckets": SOURCE_BUCKET,
}
"""What is deployed here in place of the defaults."""


class CloudError(RuntimeError):
    """The embedded cloud cannot do what was asked; the message says why and where to look."""


@dataclass(frozen=True)
class Endpoints:
    """Where things are: base URLs, and the names of resources. What `.local/endpoints.json` holds."""

    upload: str
    labels: str
    deliveries: str
    api_key: str
    aws: str
    rekognition: str
    partner: str
    photos: str
    bucket: str
    manifests: str
    table: str
    gallery: str = ""
    """Empty with auth=iam, and in files of before there was one."""
    deployment: str = ""
    """The setting of that name."""


class Cloud:
    """One embedded cloud, with its state, logs and addresses in one folder.

    `say` is told what is being done while it is done. `port` is the emulator's; without it the one of last time
    or a free one. `sources` are further `host:port` pairs on private addresses that the upload API may fetch from.
    `models` are ONNX directories to look with, in the default model's place. `strict` has it enforce the roles'
    policies, for which it serves over TLS: CDK's buckets and ours refuse anything else then. `context` holds further
    settings. `terminal`: it ends with the program that starts it, which holds it by `held`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        say: Callable[[str], None],
        port: int | None = None,
        sources: Sequence[str] = (),
        models: Sequence[Path] = (),
        strict: bool = False,
        context: Mapping[str, str] | None = None,
        terminal: bool = False,
    ) -> None:
        self.folder = folder = folder.absolute()
        self.say = say
        self.port = port
        self.sources = tuple(sources)
        self.models = tuple(models)
        self.strict = strict
        self.authority = folder / "authority.pem"
        self.context = dict(context or {})
        self.terminal = terminal
        self.processes = Processes(folder)
        self.photos = folder / "photos"
        self.signing_secrets = folder / "signing-secrets"

    def endpoints(self) -> Endpoints | None:
        """Where things are, if the cloud is up."""
        if not set(self.processes.running()) >= set(SERVICES):
            return None
        found = self._read("endpoints.json")
        return Endpoints(**found) if found else None

    def up(self) -> Endpoints:
        """Start everything, deploy the stacks and wait until a call answers; if that fails, stop everything.

        Raises:
            CloudError: a port is taken, a tool is missing, a process ended, the deployment failed.
        """
        with self._locked():
            if (running := self.endpoints()) and not self.is_orphan():
                return running
            self._stop()  # what a crash may have left
            try:
                return self._up()
            except BaseException:
                self._stop()
                raise

    def down(self) -> bool:
        """Stop everything. Returns False if there was nothing to stop. The state stays for the next time."""
        with self._locked(wait=True):
            had_any = bool(self.processes.running())
            self._stop()
            return had_any

    def ended(self) -> list[str]:
        """Return the names of the processes that ended though nobody stopped them, once nobody is stopping them."""
        with self._locked(wait=True):
            registered = (self.folder / "endpoints.json").exists()
            return sorted(set(SERVICES) - self.processes.running().keys()) if registered else []

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the cloud as long as this process lives. Yields False if another process holds it."""
        with self._lock_file("terminal.lock") as lock:
            yield _lock(lock)

    def is_in_terminal(self) -> bool:
        """Return True if the running system is to end with the program that started it."""
        return bool(self._read("settings.json").get("terminal"))

    def is_orphan(self) -> bool:
        """Return True if that program was killed. One that holds the cloud is not asked about itself."""
        with self._lock_file("terminal.lock") as lock:
            return self.is_in_terminal() and (self.terminal or _lock(lock))

    def differences(self) -> dict[str, Any]:
        """Return what the running system has in place of the settings asked for, by their names."""
        running = self._read("settings.json")
        asked = {name: value for name, value in self._settings(self.port).items() if value}
        return {name: running.get(name) for name, value in asked.items() if value != running.get(name)}

    def _settings(self, port: int | None) -> dict[str, Any]:
        return {
            "LOCAL_PORT": port,
            "LOCAL_SOURCES": sorted(self.sources),
            "MODEL_DIR": [str(model) for model in self.models],
            "LOCAL_CONTEXT": self.context,
        }

    def client(self, service: Any) -> Any:
        """A boto3 client of the embedded cloud."""
        return boto3.client(
            service,
            endpoint_url=self._aws(self._ports()),
            verify=self._verify(),
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator's own
        )

    def _up(self) -> Endpoints:
        self._discard_unfinished()
        ports = self._choose_ports()
        self._move_state(ports["emulator"])
        (self.folder / "tmp").mkdir(exist_ok=True)
        # Node looks for the nearest one above a script, which may be anybody's, to tell which kind of JavaScript it is.
        (self.folder / "tmp" / "package.json").write_text('{"type": "commonjs"}\n')
        photos.write_samples(self.photos)
        if self.strict:
            self._make_certificate()
        private = ",".join([f"{HOST}:{ports['photos']}", *self.sources])
        context = {**SETTINGS, "private_sources": private, **self.context}
        digest = _digest(context)
        if self._read("deployed.json").get("digest") != digest:
            shutil.rmtree(self.folder / "code", ignore_errors=True)
        self._start_services(ports)
        outputs = self._deploy(ports, context, digest)
        endpoints = self._read_endpoints(ports, outputs)
        self._configure(endpoints, outputs["APIStack"], outputs["IntegrationStack"])
        self._wait_for_answer(endpoints)
        self._write("settings.json", {**self._settings(ports["emulator"]), "terminal": self.terminal})
        self._write("endpoints.json", asdict(endpoints))
        return endpoints

    def _discard_unfinished(self) -> None:
        """Remove what a first start wrote that did not come to its end: only a later one saves the state."""
        if not (self.folder / "state" / "cloudformation.json").exists():
            for name in ("state", "s3"):
                shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / "deployed.json").unlink(missing_ok=True)

    def _move_state(self, port: int) -> None:
        """Let the saved state name the port that the emulator has now."""
        for name in NAMED_QUEUES:
            with suppress(FileNotFoundError):
                path = self.folder / "state" / f"{name}.json"
                text = path.read_text()
                moved = re.sub(r"(?<=://localhost:)\d+(?=/\d{12}/)", str(port), text)
                if moved != text:
                    temporary = path.with_suffix(".moved")
                    temporary.write_text(moved)
                    temporary.replace(path)

    def _start_services(self, ports: Mapping[str, int]) -> None:
        commands = {
            "emulator": ["-m", "local.emulator", str(self.folder / "code")],
            "rekognition": ["-m", "local.rekognition", "--port", str(ports["rekognition"]), *self._model_options()],
            "partner": ["-m", "local.partner", str(ports["partner"]), str(self.signing_secrets)],
            "photos": ["-m", "http.server", "--bind", HOST, "--directory", str(self.photos), str(ports["photos"])],
        }
        environment = self._environment(ports)
        for name, command in commands.items():
            self.processes.start(name, command, environment)
        for name in commands:
            path = {"emulator": "/_ministack/health", "rekognition": "/health"}.get(name, "/")
            address = self._aws(ports) if name == "emulator" else f"http://{HOST}:{ports[name]}"
            answer = self._wait_for(name, address + path)
            detail = f", sees {_and(answer.json()['sees'])}" if name == "rekognition" else ""
            self.say(f"{name}: {HOST}:{ports[name]}{detail}")
            if name == "rekognition" and (missing := answer.json()["missing"]):
                self.say(f"without {_and(missing)}, which setup could not get; try again with `make weights`")

    def _model_options(self) -> list[str]:
        return [part for model in self.models for part in ("--model", str(model))]

    def _environment(self, ports: Mapping[str, int]) -> dict[str, str]:
        """What the processes, and through them the handlers, get: nothing of the caller's AWS settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return (
            kept
            | (self._strictness() if self.strict else {})
            | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(self.folder / "tmp"),
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_ENDPOINT_URL": self._aws(ports),
                "AWS_ENDPOINT_URL_REKOGNITION": f"http://{HOST}:{ports['rekognition']}",
                "GATEWAY_PORT": str(ports["emulator"]),
                "MINISTACK_HOST": "localhost",
                "SFTP_ENABLED": "0",
                "IOT_MTLS_ENABLED": "0",
                "PERSIST_STATE": "1",
                "STATE_DIR": str(self.folder / "state"),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(self.folder / "s3"),
            }
        )

    def _strictness(self) -> dict[str, str]:
        """ministack's settings for it, and whom the processes are to trust."""
        certificate = str(self.folder / "certificate.pem")
        server = {"AUTH": "true", "USE_SSL": "1", "MINISTACK_SSL_CERT": certificate, "MINISTACK_SSL_KEY": certificate}
        return server | dict.fromkeys(TRUST, str(self.authority))

    def _make_certificate(self) -> None:
        """For loopback, by an authority that is forgotten at once."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        issued = authority.issue_cert(HOST, "localhost").private_key_and_cert_chain_pem
        path = self.folder / "certificate.pem"
        path.touch(mode=0o600)
        issued.write_to_path(str(path))

    def _aws(self, ports: Mapping[str, int]) -> str:
        """Where the embedded cloud stands in for AWS."""
        return f"{'https' if self.strict else 'http'}://{HOST}:{ports['emulator']}"

    def _verify(self) -> bool | str:
        """What `requests` and boto3 are to check certificates with."""
        return str(self.authority) if self.strict else True

    def _deploy(self, ports: Mapping[str, int], context: Mapping[str, str], digest: str) -> dict[str, dict[str, str]]:
        """Run the real `cdk bootstrap` and `cdk deploy --all`, unless nothing has changed. Returns the outputs."""
        deployed = self._read("deployed.json")
        outputs: dict[str, dict[str, str]]
        if deployed.get("digest") == digest and self._has_stacks():
            self.say("deployed as last time; nothing has changed since")
            outputs = deployed["outputs"]
            return outputs
        if not self._is_bootstrapped():
            self.say("cdk bootstrap …")
            # In a folder without a cdk.json: beside one, the app is synthesized for nothing.
            self._cdk(ports, "bootstrap", f"aws://000000000000/{REGION}", folder=self.folder)
        self.say("cdk deploy --all …")
        path = self.folder / "outputs.json"
        shutil.rmtree(self.folder / "cdk.out", ignore_errors=True)
        self._cdk(
            ports,
            *["deploy", "--all", "--require-approval", "never", "--concurrency", "3"],
            *["--outputs-file", str(path)],
            *(part for name, value in context.items() for part in ("-c", f"{name}={value}")),
        )
        named = json.loads(path.read_text())
        outputs = {stack: named[self._names().named(stack)] for stack in STACKS}
        # Together: what a start leaves that fails before, or is killed, is the state that was saved last.
        (self.folder / "deployed.json").unlink(missing_ok=True)
        self._save(ports)
        self._write("deployed.json", {"digest": digest, "outputs": outputs})
        return outputs

    def _has_stacks(self) -> bool:
        found = self.client("cloudformation").describe_stacks()["Stacks"]
        complete = {
            stack["StackName"] for stack in found if re.fullmatch(r"(CREATE|UPDATE)_COMPLETE", stack["StackStatus"])
        }
        return complete >= {self._names().named(stack) for stack in STACKS}

    def _names(self) -> Settings:
        """Return the settings, which name the stacks and parameters of the deployment.

        Raises:
            CloudError: one of them cannot be what it is.
        """
        try:
            return settings_in_force(CDK_JSON, [f"{name}={value}" for name, value in self.context.items()])
        except SettingsError as error:
            raise CloudError(str(error)) from error

    def _save(self, ports: Mapping[str, int]) -> None:
        """Have the emulator save its state."""
        requests.post(
            f"{self._aws(ports)}/_sightline/save", timeout=START_SECONDS, verify=self._verify()
        ).raise_for_status()

    def _is_bootstrapped(self) -> bool:
        ssm = self.client("ssm")
        try:
            ssm.get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        except ssm.exceptions.ParameterNotFound:
            return False
        return True

    def _cdk(self, ports: Mapping[str, int], *arguments: str, folder: Path = ROOT) -> None:
        cdk, log = ROOT / "node_modules" / ".bin" / "cdk", self.processes.log("deploy")
        if not cdk.exists():
            raise CloudError("the CDK CLI is missing; `make setup` installs it")
        environment = self._environment(ports) | {
            "JSII_NODE": str(Path(sys.executable).parent / "node"),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
        }
        command = [
            str(cdk),
            *arguments,
            "--no-notices",
            "--output",
            str(self.folder / "cdk.out"),
            "--progress",
            "events",
        ]
        if self.processes.run("deploy", command, environment, folder):
            raise CloudError(f"`cdk {arguments[0]}` failed: {self._complaint('deploy')}; see {log}")

    def _read_endpoints(self, ports: Mapping[str, int], outputs: Mapping[str, Mapping[str, str]]) -> Endpoints:
        api, recognition = outputs["APIStack"], outputs["RekognitionStack"]
        deployment = self._names().deployment
        key = newest_key(Stacks(self.client, deployment)) or ""  # with auth=none and auth=iam there is none to show
        aws = self._aws(ports)

        def local(address: str) -> str:
            api_id = (urlsplit(address).hostname or "").partition(".")[0]
            return f"{aws}/restapis/{api_id}/prod/_user_request_"

        return Endpoints(
            upload=local(api["UploadEndpoint"]),
            labels=local(recognition["LabelsEndpoint"]),
            deliveries=local(outputs["IntegrationStack"]["DeliveriesEndpoint"]),
            api_key=key,
            aws=aws,
            rekognition=f"http://{HOST}:{ports['rekognition']}",
            partner=f"http://{HOST}:{ports['partner']}/",
            photos=f"http://{HOST}:{ports['photos']}/",
            bucket=api["ImageBucketName"],
            manifests=api["ManifestBucketName"],
            table=recognition["ClassificationsTableName"],
            # The page has another origin than what it calls, as it has on AWS: browsers ask whether it may.
            gallery=local(recognition["LabelsEndpoint"]).replace(HOST, "localhost") + "/gallery"
            if "GalleryAddress" in recognition
            else "",
            deployment=deployment,
        )

    def _configure(self, endpoints: Endpoints, api: Mapping[str, str], integration: Mapping[str, str]) -> None:
        """What an operator does after a deployment, and what the emulator leaves out."""
        settings = self._names()
        self.client("ssm").put_parameter(
            Name=settings.thirdparty_parameter, Value=endpoints.partner, Type="String", Overwrite=True
        )
        labels = endpoints.gallery.removesuffix("/gallery") or endpoints.labels
        addresses = {"upload": endpoints.upload, "labels": labels, "deliveries": endpoints.deliveries}
        self.client("ssm").put_parameter(
            Name=settings.endpoints_parameter,
            # The pictures' URLs are signed for the embedded cloud's own origin, as its functions know no other.
            Value=json.dumps(addresses | dict.fromkeys(("images", "renditions"), endpoints.aws)),
            Type="String",
            Overwrite=True,
        )
        self._give_secrets(json.loads(integration["SigningSecretArns"]).values())
        if "EmailTopicArn" in integration:
            self._subscribe(integration["EmailTopicArn"], f"{endpoints.partner}inbox")
        dynamodb = self.client("dynamodb")
        for table in (endpoints.table, api["ManifestsTableName"], integration["DeliveriesTableName"]):
            ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
            if ttl["TimeToLiveStatus"] == "DISABLED":  # the emulator's CloudFormation drops it
                dynamodb.update_time_to_live(
                    TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
                )

    def _subscribe(self, topic: str, inbox: str) -> None:
        """Have e-mails sent to the partner's inbox, and nowhere that it was before."""
        sns = self.client("sns")
        for subscription in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
            if subscription["Protocol"] == "http" and subscription["Endpoint"] != inbox:
                sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=inbox)

    def _give_secrets(self, arns: Iterable[str]) -> None:
        """Tell the partner what deliveries are signed with."""
        manager = self.client("secretsmanager")
        secrets = [manager.get_secret_value(SecretId=arn)["SecretString"] for arn in arns]
        self.signing_secrets.touch(mode=0o600)
        self.signing_secrets.write_text("".join(f"{secret}\n" for secret in secrets))

    def _wait_for_answer(self, endpoints: Endpoints) -> None:
        headers = {"x-api-key": endpoints.api_key}
        for address in (endpoints.labels, f"{endpoints.upload}?url="):
            answer = self._wait_for("emulator", address, headers)
            if answer.status_code >= 500:  # noqa: PLR2004
                raise CloudError(f"{address} answers {answer.status_code}; see {self.processes.log('emulator')}")

    def _wait_for(self, name: str, address: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """The first answer of a process."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(requests.ConnectionError):
                return requests.get(address, headers=headers, timeout=START_SECONDS, verify=self._verify())
            if name not in self.processes.running():
                raise CloudError(f"{name} ended at once: {self._complaint(name)}; see {self.processes.log(name)}")
            time.sleep(0.05)
        raise CloudError(f"{name} does not answer; see {self.processes.log(name)}")

    def _complaint(self, name: str) -> str:
        """The last line of a log that names an error, else the last one."""
        lines = self.processes.log(name).read_text(errors="replace").strip().splitlines()
        errors = [line for line in lines if re.match(r"(\S*Error|ERROR|❌)\b", line)]
        return (errors or lines or ["it said nothing"])[-1]

    def _ports(self) -> dict[str, int]:
        return self._read("ports.json")

    def _choose_ports(self) -> dict[str, int]:
        """Return the ports of last time; a free one for each that was not used before, or is taken now."""
        remembered = self._ports()
        if self.port:
            remembered = {name: port for name, port in remembered.items() if port != self.port} | {
                "emulator": self.port
            }
            if why := _not_free(self.port):
                raise CloudError(f"LOCAL_PORT={self.port}: {why}; choose another, or leave it out for a free one")
        ports: dict[str, int] = {}
        for name in SERVICES:
            before = remembered.get(name)
            if before in ports.values():  # an earlier version could give two of them the same
                before = None
            if before and not _not_free(before):
                ports[name] = before
            else:
                ports[name] = _free_port({*ports.values(), *remembered.values()})
            if before and before != ports[name]:
                self.say(f"port {before} is taken by another program: {name} moves to {ports[name]}; nothing is lost")
        self._write("ports.json", ports)
        return ports

    def _read(self, name: str) -> dict[str, Any]:
        """Read a document of the folder. Returns {} for one that is missing or was damaged by a crash."""
        try:
            document: dict[str, Any] = json.loads((self.folder / name).read_text())
        except (OSError, ValueError):
            return {}
        return document

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a document of the folder for its owner only: one holds the API key."""
        temporary = self.folder / f".{name}"
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(document, indent=2) + "\n")
        temporary.replace(self.folder / name)

    def _stop(self) -> None:
        """Stop everything. A start that did not come to its end leaves the state that was saved before it."""
        self.processes.stop(self.say, save=(self.folder / "endpoints.json").exists())
        (self.folder / "endpoints.json").unlink(missing_ok=True)
        for folder in [self.folder / "tmp", *self.photos.glob(f"{photos.LENT}*")]:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _locked(self, *, wait: bool = False) -> Iterator[None]:
        """Run one command at a time. With `wait` wait for the other one, else complain."""
        with self._lock_file("lock") as lock:
            if not _lock(lock, wait=wait):
                raise CloudError("another command is starting or stopping it; try again when that is done")
            yield

    def _lock_file(self, name: str) -> IO[str]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return (self.folder / name).open("w")
        except OSError as error:
            why = "it is a file" if self.folder.is_file() else error.strerror
            raise CloudError(
                f"the state folder {self.folder} cannot be used: {why}; SIGHTLINE_LOCAL can name another"
            ) from error


def _lock(file: IO[str], *, wait: bool = False) -> bool:
    """Lock a file until it is closed. Returns False if another process has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _digest(context: Mapping[str, str]) -> str:
    """Return a digest of everything that decides what is deployed."""
    digest = hashlib.sha256(json.dumps([sys.version, sorted(context.items())]).encode())
    files = (file for name in DEPLOYED_FROM for file in [ROOT / name, *(ROOT / name).rglob("*")])
    for file in sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _not_free(port: int) -> str:
    """Return why nothing can listen on a port of loopback; nothing if something can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return "only an administrator may use this port"
        except OSError:
            return "another program uses this port"
    return ""


def _free_port(given: Collection[int]) -> int:
    """Return a free port that was not given to another service: nothing listens on those yet."""
    while (port := _any_port()) in given:
        pass
    return port


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
