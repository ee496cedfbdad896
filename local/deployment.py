"""Deploy the stacks into the embedded cloud with the real CDK CLI."""

import hashlib
import json
import platform
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cli.checkout import CDK_JSON
from cli.deployed_settings import settings_in_force
from cli.stacks import STACKS
from common.setting_types import SettingsError
from common.settings import Settings
from local.endpoints import Outputs
from local.errors import CloudError
from local.processes import Processes, RunningCommand
from local.services import REGION, ROOT, Services, last_error
from local.state_folder import StateFolder

DEPLOYED_FROM = ("app.py", "cdk.json", "requirements.txt", "package-lock.json", "api", "common", "integration",
                 "recognition")  # fmt: skip
"""The files and folders that determine the deployed system."""

SOURCE_BUCKET = "photo-archive"
"""A bucket from which manifests may copy pictures, for users who create it."""

SETTINGS = {
    "architecture": "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64",
    "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
    "layer_platform": "host",
    "removal_policy": "destroy",
    "notify_email": "you@localhost.example",  # the partner's inbox receives the e-mails
    "source_buckets": SOURCE_BUCKET,
}
"""The settings that replace the defaults in the embedded cloud."""


def deployed_settings(context: Mapping[str, str]) -> Settings:
    """Return the settings that a deployment with this context has.

    Raises:
        CloudError: a setting has an invalid value.
    """
    try:
        return settings_in_force(CDK_JSON, [f"{name}={value}" for name, value in context.items()])
    except SettingsError as error:
        raise CloudError(str(error)) from error


class Deployment:
    """The deployment of the stacks into one embedded cloud. It is skipped if nothing has changed."""

    def __init__(
        self,
        folder: StateFolder,
        processes: Processes,
        services: Services,
        context: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self.folder = folder
        self.processes = processes
        self.services = services
        self.context = context
        self.say = say
        self.settings = deployed_settings(context)
        self.digest = _digest(context)
        self.assembly = folder.path / "cdk.out"
        self._synthesis: RunningCommand | None = None

    def prepare(self) -> None:
        """Begin to synthesize if the sources have changed. The services can start meanwhile."""
        if self.folder.read("deployed.json").get("digest") != self.digest:
            shutil.rmtree(self.folder.code, ignore_errors=True)
            self._synthesize()

    def run(self) -> Outputs:
        """Deploy the stacks if something has changed. Returns the outputs of the stacks.

        Raises:
            CloudError: the CDK CLI failed or is missing.
        """
        if not self._synthesis:
            if self._has_stacks():
                self.say("nothing has changed since the last deployment")
                outputs: Outputs = self.folder.read("deployed.json")["outputs"]
                return outputs
            self._synthesize()
        if not self._is_bootstrapped():
            self.say("cdk bootstrap …")
            # Run it in a folder without a cdk.json. With a cdk.json, the CLI would needlessly synthesize the app.
            bootstrap = self._cdk("bootstrap", f"aws://000000000000/{REGION}", folder=self.folder.path)
            self._wait_for(bootstrap, "bootstrap")
        self._wait_for(self._synthesis, "synth")
        return self._deploy()

    def _synthesize(self) -> None:
        shutil.rmtree(self.assembly, ignore_errors=True)
        self._synthesis = self._cdk(
            *["synth", "--quiet", "--output", str(self.assembly)],
            "--no-staging",  # uploads the assets from where they were built; copying them takes seconds
            *(part for name, value in self.context.items() for part in ("-c", f"{name}={value}")),
            folder=ROOT,
        )

    def _deploy(self) -> Outputs:
        self.say("cdk deploy --all …")
        path = self.folder.path / "outputs.json"
        deploy = self._cdk(
            *["deploy", "--all", "--app", str(self.assembly), "--outputs-file", str(path)],
            *["--require-approval", "never", "--concurrency", "3", "--progress", "events"],
            folder=self.folder.path,
        )
        self._wait_for(deploy, "deploy")
        named = json.loads(path.read_text())
        outputs = {stack: named[self.settings.named(stack)] for stack in STACKS}
        # Save the state first. A start that fails or is killed before this point leaves the state that was saved last.
        self.folder.remove("deployed.json")
        self.services.save()
        self.folder.write("deployed.json", {"digest": self.digest, "outputs": outputs})
        return outputs

    def _has_stacks(self) -> bool:
        found = self.services.addresses.client("cloudformation").describe_stacks()["Stacks"]
        complete = {
            stack["StackName"] for stack in found if re.fullmatch(r"(CREATE|UPDATE)_COMPLETE", stack["StackStatus"])
        }
        return complete >= {self.settings.named(stack) for stack in STACKS}

    def _is_bootstrapped(self) -> bool:
        ssm = self.services.addresses.client("ssm")
        try:
            ssm.get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        except ssm.exceptions.ParameterNotFound:
            return False
        return True

    def _cdk(self, subcommand: str, *arguments: str, folder: Path) -> RunningCommand:
        """Begin to run the CDK CLI."""
        cdk = ROOT / "node_modules" / ".bin" / "cdk"
        if not cdk.exists():
            raise CloudError("the CDK CLI is missing; `make setup` installs it")
        environment = self.services.environment() | {
            "JSII_NODE": str(Path(sys.executable).parent / "node"),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_VALIDATION": "false",  # `make synth` applies CDK's own rules; loading them takes 7 seconds
        }
        return self.processes.begin(subcommand, [str(cdk), subcommand, "--no-notices", *arguments], environment, folder)

    def _wait_for(self, command: RunningCommand | None, subcommand: str) -> None:
        if command and command.wait():
            log = self.processes.log(subcommand)
            raise CloudError(f"`cdk {subcommand}` failed: {last_error(log)}; see {log}")


def _digest(context: Mapping[str, Any]) -> str:
    """Return a digest of everything that decides what is deployed."""
    digest = hashlib.sha256(json.dumps([sys.version, sorted(context.items())]).encode())
    files = (file for name in DEPLOYED_FROM for file in [ROOT / name, *(ROOT / name).rglob("*")])
    for file in sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
