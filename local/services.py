"""Start the services of an embedded cloud: the emulator, the local Rekognition, the partner and the photo server."""

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests
import trustme

from local.errors import CloudError
from local.ports import HOST
from local.processes import Processes
from local.state_folder import StateFolder

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
START_SECONDS = 60
TRUST = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
"""The variables that name the trusted authority for botocore, requests, Python's own HTTP and Node."""

HEALTH = {"emulator": "/_ministack/health", "rekognition": "/health"}
"""The paths of services that answer when they are ready. The other services answer at `/`."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The URLs of the services. With an authority, the emulator serves over TLS."""

    ports: Mapping[str, int]
    authority: Path | None = None

    @property
    def aws(self) -> str:
        """Return the URL of the emulator, which stands in for AWS."""
        return f"{'https' if self.authority else 'http'}://{HOST}:{self.ports['emulator']}"

    def url(self, service: str) -> str:
        """Return the URL of a service, without a slash at its end."""
        return self.aws if service == "emulator" else f"http://{HOST}:{self.ports[service]}"

    @property
    def verify(self) -> bool | str:
        """Return the argument by which `requests` and boto3 check the emulator's certificate."""
        return str(self.authority) if self.authority else True

    def client(self, service: Any) -> Any:
        """Return a boto3 client of the embedded cloud."""
        return boto3.client(
            service,
            endpoint_url=self.aws,
            verify=self.verify,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator's own
        )


class Services:
    """The processes of one embedded cloud."""

    def __init__(
        self, folder: StateFolder, processes: Processes, addresses: Addresses, say: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self.processes = processes
        self.addresses = addresses
        self.say = say
        self.photos = folder.path / "photos"
        self.signing_secrets = folder.path / "signing-secrets"

    def prepare(self) -> None:
        """Create the files that the processes and the CDK CLI need."""
        self.folder.temporary.mkdir(exist_ok=True)
        # Node reads the nearest package.json above a script, which may be anybody's, to find the module system.
        (self.folder.temporary / "package.json").write_text('{"type": "commonjs"}\n')
        if self.addresses.authority:
            self._make_certificate(self.addresses.authority)

    def start(self, model_options: Sequence[str]) -> None:
        """Start all processes. They may not answer yet."""
        ports = self.addresses.ports
        commands = {
            "emulator": ["-m", "local.emulator", str(self.folder.code)],
            "rekognition": ["-m", "local.rekognition", "--port", str(ports["rekognition"]), *model_options],
            "partner": ["-m", "local.partner", str(ports["partner"]), str(self.signing_secrets)],
            "photos": ["-m", "http.server", "--bind", HOST, "--directory", str(self.photos), str(ports["photos"])],
        }
        environment = self.environment()
        for name, command in commands.items():
            self.processes.start(name, command, environment)

    def wait_until_ready(self) -> None:
        """Wait until every service answers.

        Raises:
            CloudError: a service ended or does not answer.
        """
        for name, port in self.addresses.ports.items():
            answer = self.wait_for(name, self.addresses.url(name) + HEALTH.get(name, "/"))
            self.say(f"{name}: {HOST}:{port}")
            if name != "rekognition":
                continue
            for engine in answer.json()["engines"]:
                networks = [f"; {each['licence']}; {each['source']}" for each in engine["networks"]]
                self.say(f"sees {engine['sees']} ({engine['name']}{''.join(networks)})")
            if missing := answer.json()["missing"]:
                self.say(f"without {_and(missing)}: setup could not fetch it; try again with `make weights`")

    def wait_for(self, name: str, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Return the first answer of a service.

        Raises:
            CloudError: the service ended or does not answer.
        """
        log = self.processes.log(name)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(requests.ConnectionError):
                return requests.get(url, headers=headers, timeout=START_SECONDS, verify=self.addresses.verify)
            if name not in self.processes.running():
                raise CloudError(f"{name} ended at once: {last_error(log)}; see {log}")
            time.sleep(0.05)
        raise CloudError(f"{name} does not answer; see {log}")

    def save(self) -> None:
        """Make the emulator save its state."""
        url = f"{self.addresses.aws}/_sightline/save"
        requests.post(url, timeout=START_SECONDS, verify=self.addresses.verify).raise_for_status()

    def environment(self) -> dict[str, str]:
        """Return the environment of the processes and functions. It does not contain the caller's AWS settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return (
            kept
            | self._tls_environment()
            | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(self.folder.temporary),
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_ENDPOINT_URL": self.addresses.aws,
                "AWS_ENDPOINT_URL_REKOGNITION": self.addresses.url("rekognition"),
                "GATEWAY_PORT": str(self.addresses.ports["emulator"]),
                "MINISTACK_HOST": "localhost",
                "SFTP_ENABLED": "0",
                "IOT_MTLS_ENABLED": "0",
                "PERSIST_STATE": "1",
                "STATE_DIR": str(self.folder.state),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(self.folder.objects),
            }
        )

    def _tls_environment(self) -> dict[str, str]:
        """Return settings that make ministack enforce policies and serve over TLS, and make the processes trust it."""
        if not self.addresses.authority:
            return {}
        certificate = str(self._certificate)
        server = {"AUTH": "true", "USE_SSL": "1", "MINISTACK_SSL_CERT": certificate, "MINISTACK_SSL_KEY": certificate}
        return server | dict.fromkeys(TRUST, str(self.addresses.authority))

    @property
    def _certificate(self) -> Path:
        return self.folder.path / "certificate.pem"

    def _make_certificate(self, authority_file: Path) -> None:
        """Issue a certificate for loopback. The authority's key is not stored."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(authority_file))
        issued = authority.issue_cert(HOST, "localhost").private_key_and_cert_chain_pem
        self._certificate.touch(mode=0o600)
        issued.write_to_path(str(self._certificate))


def last_error(log: Path) -> str:
    """Return the last line of a log that names an error. If no line does, return the last line."""
    lines = log.read_text(errors="replace").strip().splitlines()
    errors = [line for line in lines if re.match(r"\s*(\S*Error\b|ERROR\b|❌|✗)", line)]
    return (errors or lines or ["the log is empty"])[-1].strip(" ❌✗")


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
