"""The embedded cloud: ministack, the local Rekognition and a partner, with the three stacks deployed into it."""

import fcntl
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import requests
import trustme

from cli.api_keys import newest_key
from local import photos
from local.processes import Processes
from local.rekognition.weights import WeightsError, ensure_default_model, ensure_face_weights

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
REGION = "us-east-1"
SERVICES = ("emulator", "rekognition", "partner", "photos")
START_SECONDS = 60
TRUST = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
"""The variables by which botocore, requests, Python's own HTTP and Node are told which authority to trust."""
ENDPOINTS_PARAMETER = "/sightline/endpoints"
SOURCE_BUCKET = "photo-archive"
"""A bucket that manifests may have pictures copied from, for who makes it."""


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


class Cloud:
    """One embedded cloud, with its state, logs and addresses in one folder.

    `say` is told what is being done while it is done. `port` is the emulator's; without it the one of last time
    or a free one. `sources` are further `host:port` pairs on private addresses that the upload API may fetch from.
    `models` are ONNX directories to look with, in the default model's place. `strict` has it enforce the roles'
    policies, for which it serves over TLS: CDK's buckets and ours refuse anything else then. `context` holds further
    settings.
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
    ) -> None:
        self.folder = folder
        self.say = say
        self.port = port
        self.sources = tuple(sources)
        self.models = tuple(models)
        self.strict = strict
        self.authority = folder / "authority.pem"
        self.context = dict(context or {})
        self.processes = Processes(folder)
        self.photos = folder / "photos"
        self.signing_secrets = folder / "signing-secrets"

    def endpoints(self) -> Endpoints | None:
        """Where things are, if the cloud is up."""
        if set(self.processes.running()) < set(SERVICES):
            return None
        try:
            return Endpoints(**json.loads((self.folder / "endpoints.json").read_text()))
        except FileNotFoundError:
            return None

    def up(self) -> Endpoints:
        """Start everything, deploy the stacks and wait until a call answers; if that fails, stop everything.

        Raises:
            CloudError: a port is taken, a tool is missing, a process ended, the deployment failed.
        """
        with self._locked():
            if running := self.endpoints():
                return running
            self._stop()  # what a crash may have left
            try:
                return self._up()
            except BaseException:
                self._stop()
                raise

    def down(self) -> bool:
        """Stop everything; whether there was anything to stop. The state stays for the next time."""
        with self._locked(wait=True):
            had_any = bool(self.processes.running())
            self._stop()
            return had_any

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
        ports = self._choose_ports()
        (self.folder / "tmp").mkdir(exist_ok=True)
        photos.write_samples(self.photos)
        if self.strict:
            self._make_certificate()
        self._start_services(ports)
        outputs = self._deploy(ports)
        endpoints = self._read_endpoints(ports, outputs)
        self._configure(endpoints, outputs["APIStack"], outputs["IntegrationStack"])
        self._wait_for_answer(endpoints)
        path = self.folder / "endpoints.json"
        path.touch(mode=0o600)  # it holds the API key
        path.write_text(json.dumps(asdict(endpoints), indent=2) + "\n")
        return endpoints

    def _start_services(self, ports: Mapping[str, int]) -> None:
        commands = {
            "emulator": ["-m", "local.emulator"],
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

    def _model_options(self) -> list[str]:
        """What the local Rekognition is to look with, beside what it has built in."""
        self.say("weights of the local Rekognition …")
        try:
            ensure_face_weights()
        except WeightsError as error:
            raise CloudError(str(error)) from error
        models = self.models or tuple(filter(None, [ensure_default_model(self.say)]))
        return [part for model in models for part in ("--model", str(model))]

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

    def _deploy(self, ports: Mapping[str, int]) -> dict[str, dict[str, str]]:
        """Run the real `cdk bootstrap` and `cdk deploy --all`; the stacks' outputs."""
        if not self._is_bootstrapped():
            self.say("cdk bootstrap …")
            # In a folder without a cdk.json: beside one, the app is synthesized for nothing.
            self._cdk(ports, "bootstrap", f"aws://000000000000/{REGION}", folder=self.folder)
        self.say("cdk deploy --all …")
        outputs = self.folder / "outputs.json"
        context = {
            "architecture": "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64",
            "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
            "layer_platform": "host",
            "removal_policy": "destroy",
            "private_sources": ",".join([f"{HOST}:{ports['photos']}", *self.sources]),
            "notify_email": "you@localhost.example",  # the partner's inbox gets what is sent there
            "source_buckets": SOURCE_BUCKET,
            **self.context,
        }
        self._cdk(
            ports,
            *["deploy", "--all", "--require-approval", "never", "--concurrency", "3"],
            *["--outputs-file", str(outputs)],
            *(part for name, value in context.items() for part in ("-c", f"{name}={value}")),
        )
        deployed: dict[str, dict[str, str]] = json.loads(outputs.read_text())
        return deployed

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
        with log.open("wb") as output:
            done = subprocess.run(  # noqa: S603 - our own command
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        if done.returncode:
            raise CloudError(f"`cdk {arguments[0]}` failed: {self._complaint('deploy')}; see {log}")

    def _read_endpoints(self, ports: Mapping[str, int], outputs: Mapping[str, Mapping[str, str]]) -> Endpoints:
        api, recognition = outputs["APIStack"], outputs["RekognitionStack"]
        key = newest_key(self.client) or ""  # with auth=none and auth=iam there is none to show
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
        )

    def _configure(self, endpoints: Endpoints, api: Mapping[str, str], integration: Mapping[str, str]) -> None:
        """What an operator does after a deployment, and what the emulator leaves out."""
        self.client("ssm").put_parameter(
            Name="thirdparty_endpoint", Value=endpoints.partner, Type="String", Overwrite=True
        )
        labels = endpoints.gallery.removesuffix("/gallery") or endpoints.labels
        addresses = {"upload": endpoints.upload, "labels": labels, "deliveries": endpoints.deliveries}
        self.client("ssm").put_parameter(
            Name=ENDPOINTS_PARAMETER,
            # The pictures' URLs are signed for the embedded cloud's own origin, as its functions know no other.
            Value=json.dumps(addresses | dict.fromkeys(("images", "renditions"), endpoints.aws)),
            Type="String",
            Overwrite=True,
        )
        self._give_secrets(json.loads(integration["SigningSecretArns"]).values())
        if "EmailTopicArn" in integration:
            self.client("sns").subscribe(
                TopicArn=integration["EmailTopicArn"], Protocol="http", Endpoint=f"{endpoints.partner}inbox"
            )
        dynamodb = self.client("dynamodb")
        for table in (endpoints.table, api["ManifestsTableName"], integration["DeliveriesTableName"]):
            ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
            if ttl["TimeToLiveStatus"] == "DISABLED":  # the emulator's CloudFormation drops it
                dynamodb.update_time_to_live(
                    TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
                )

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
        ports: dict[str, int] = json.loads((self.folder / "ports.json").read_text())
        return ports

    def _choose_ports(self) -> dict[str, int]:
        """The ports of last time, as the emulator's state names them, or free ones."""
        remembered = {}
        with suppress(FileNotFoundError):
            remembered = self._ports()
        if self.port and remembered.get("emulator", self.port) != self.port:
            raise CloudError(
                f"the state in {self.folder} belongs to port {remembered['emulator']}; use that, or remove the folder"
            )
        if self.port:
            remembered["emulator"] = self.port
        for name, port in remembered.items():
            if not _is_free(port):
                way_out = "choose another with LOCAL_PORT=" if self.port else f"remove {self.folder} to begin anew"
                raise CloudError(f"port {port} ({name}) is in use; end what uses it, or {way_out}")
        ports = {name: remembered.get(name) or _free_port() for name in SERVICES}
        (self.folder / "ports.json").write_text(json.dumps(ports))
        return ports

    def _stop(self) -> None:
        self.processes.stop(self.say)
        (self.folder / "endpoints.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)

    @contextmanager
    def _locked(self, *, wait: bool = False) -> Iterator[None]:
        """One command at a time; the other one is waited for, or complained of."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise CloudError("another command is starting or stopping it; try again when that is done") from error
            yield


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
