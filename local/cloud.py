"""The embedded cloud: ministack, the local Rekognition and a partner, with the three stacks deployed into it."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from local import photos
from local.configuration import configure
from local.deployment import SETTINGS, Deployment
from local.endpoints import Endpoints, read_endpoints
from local.errors import CloudError
from local.ports import HOST, SERVICES, choose_ports
from local.processes import Processes
from local.services import Addresses, Services
from local.state_folder import StateFolder, lock

INTERNAL_ERROR = 500


class Cloud:
    """One embedded cloud, with its state, logs and addresses in one folder.

    `say` receives a line about each step. `port` is the emulator's port. Without it the emulator gets its previous port
    or a free one. `sources` are further `host:port` pairs on private addresses from which the upload API may fetch.
    `models` are ONNX directories that replace the default model. With `moderation` the local Rekognition answers
    DetectModerationLabels. With `strict` the emulator enforces the roles'
    policies and serves over TLS, which the buckets' policies then require. `context` holds further settings. With
    `terminal` the cloud belongs to the program that starts it: the program calls `held`, and the cloud ends with it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        say: Callable[[str], None],
        port: int | None = None,
        sources: Sequence[str] = (),
        models: Sequence[Path] = (),
        moderation: bool = False,
        strict: bool = False,
        context: Mapping[str, str] | None = None,
        terminal: bool = False,
    ) -> None:
        self.folder = folder.absolute()
        self.say = say
        self.port = port
        self.sources = tuple(sources)
        self.models = tuple(models)
        self.moderation = moderation
        self.authority = self.folder / "authority.pem" if strict else None
        self.context = dict(context or {})
        self.terminal = terminal
        self.files = StateFolder(self.folder)
        self.processes = Processes(self.folder)
        self.photos = self.folder / "photos"
        self.signing_secrets = self.folder / "signing-secrets"

    def endpoints(self) -> Endpoints | None:
        """Return the addresses of the cloud, or None if it is not up."""
        if not set(self.processes.running()) >= set(SERVICES):
            return None
        found = self.files.read("endpoints.json")
        return Endpoints(**found) if found else None

    def up(self) -> Endpoints:
        """Start everything, deploy the stacks and wait until the APIs answer. If a step fails, stop everything.

        Raises:
            CloudError: a port is taken, a tool is missing, a process ended or the deployment failed.
        """
        with self.files.locked():
            if (running := self.endpoints()) and not self.is_orphan():
                return running
            self._stop()  # a crash may have left processes
            try:
                return self._up()
            except BaseException:
                self._stop()
                raise

    def down(self) -> bool:
        """Stop everything and keep the state. Returns False if nothing was running."""
        with self.files.locked(wait=True):
            had_any = bool(self.processes.running())
            self._stop()
            return had_any

    def ended(self) -> list[str]:
        """Return the names of the services that ended although no command stopped them."""
        with self.files.locked(wait=True):  # a command that stops them holds the lock
            registered = (self.folder / "endpoints.json").exists()
            return sorted(set(SERVICES) - self.processes.running().keys()) if registered else []

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the cloud's lock while this process lives. Yields False if another process holds the lock."""
        with self.files.open_lock("terminal.lock") as file:
            yield lock(file)

    def is_in_terminal(self) -> bool:
        """Return True if the running system ends with the program that started it."""
        return bool(self.files.read("settings.json").get("terminal"))

    def is_orphan(self) -> bool:
        """Return True if the program that holds the running system was killed."""
        with self.files.open_lock("terminal.lock") as file:
            # A program that holds the cloud itself cannot take the lock a second time.
            return self.is_in_terminal() and (self.terminal or lock(file))

    def differences(self) -> dict[str, Any]:
        """Compare the running system with the requested settings. Returns its values that differ, by setting."""
        running = self.files.read("settings.json")
        requested = {name: value for name, value in self.requested_settings(self.port).items() if value}
        return {name: running.get(name) for name, value in requested.items() if value != running.get(name)}

    def requested_settings(self, port: int | None) -> dict[str, Any]:
        """Return the requested settings, by the names of their variables."""
        return {
            "LOCAL_PORT": port,
            "LOCAL_SOURCES": sorted(self.sources),
            "MODEL_DIR": [str(model) for model in self.models],
            "MODERATION": self.moderation,
            "LOCAL_CONTEXT": self.context,
        }

    def client(self, service: Any) -> Any:
        """Return a boto3 client of the embedded cloud."""
        return self.addresses(self.ports()).client(service)

    def ports(self) -> dict[str, int]:
        """Return the ports of the last start, by service."""
        return self.files.read("ports.json")

    def addresses(self, ports: Mapping[str, int]) -> Addresses:
        """Return the addresses of services at these ports."""
        return Addresses(ports=ports, authority=self.authority)

    def choose_ports(self) -> dict[str, int]:
        """Choose the ports of a start and remember them.

        Raises:
            CloudError: the requested port cannot be used.
        """
        ports = choose_ports(self.ports(), emulator_port=self.port, say=self.say)
        self.files.write("ports.json", ports)
        return ports

    def services(self, ports: Mapping[str, int]) -> Services:
        """Return the services for these ports. The services may be stopped."""
        return Services(self.files, self.processes, self.addresses(ports), self.say)

    def model_options(self) -> list[str]:
        """Return the local Rekognition's options for its models."""
        models = [part for model in self.models for part in ("--model", str(model))]
        return [*models, *(["--moderation"] if self.moderation else [])]

    def _up(self) -> Endpoints:
        self.files.discard_unfinished_start()
        ports = self.choose_ports()
        self.files.point_queues_to(ports["emulator"])
        photos.write_samples(self.photos)
        services = self.services(ports)
        private = ",".join([f"{HOST}:{ports['photos']}", *self.sources])
        context = {**SETTINGS, "private_sources": private, **self.context}
        deployment = Deployment(self.files, self.processes, services, context, self.say)
        services.prepare()
        deployment.prepare()
        services.start(self.model_options())
        services.wait_until_ready()
        outputs = deployment.run()
        endpoints = read_endpoints(services.addresses, outputs, deployment.settings.deployment)
        configure(services.addresses, endpoints, outputs, deployment.settings, signing_secrets=self.signing_secrets)
        self._wait_for_apis(services, endpoints)
        self.files.write("settings.json", {**self.requested_settings(ports["emulator"]), "terminal": self.terminal})
        self.files.write("endpoints.json", asdict(endpoints))
        return endpoints

    def _wait_for_apis(self, services: Services, endpoints: Endpoints) -> None:
        """Call one function of each API, all at the same time, because a function's first call starts it."""

        def wait(url: str) -> None:
            answer = services.wait_for("emulator", url, {"x-api-key": endpoints.api_key})
            if answer.status_code >= INTERNAL_ERROR:
                raise CloudError(f"{url} answers {answer.status_code}; see {self.processes.log('emulator')}")

        with ThreadPoolExecutor() as pool:
            list(pool.map(wait, (endpoints.labels, f"{endpoints.upload}?url=")))

    def _stop(self) -> None:
        """Stop everything. If the start was not finished, the state from before this start stays."""
        self.processes.stop(self.say, save=(self.folder / "endpoints.json").exists())
        self.files.remove("endpoints.json")
        for folder in [self.files.temporary, *self.photos.glob(f"{photos.LENT}*")]:
            shutil.rmtree(folder, ignore_errors=True)
