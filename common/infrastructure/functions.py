"""Lambda functions, each with its own code package, role and log group."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Duration, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from common.infrastructure.builds import BUILD_FOLDER, ROOT, build_once
from common.infrastructure.function_package import package_files
from common.infrastructure.permissions import acknowledge, acknowledge_wildcard, grant_parameter
from common.infrastructure.storage import removal_policy
from common.setting_types import SettingsError
from common.settings import Settings

PACKAGES = BUILD_FOLDER / "functions"

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ENVIRONMENT_BYTES = 4096
MAX_TOKEN_BYTES = 140
"""The length of the longest value that is known only at deployment. This is a queue's URL. Queue names have at most 80
characters."""

RESERVED_BYTES = 100
"""The bytes that are reserved for the variables of every function. Two of these variables contain the deployment's
name, if it has one."""

VARIABLES = {
    "ABILITIES": "abilities",
    "DETECT_LABELS": "the label filters",
    "HIDE_MODERATED": "hide_moderated",
    "QUEUES": "receivers",
    "SOURCES": "allowed_sources, denied_sources, private_sources and source_ports",
    "SOURCE_BUCKETS": "source_buckets",
}
"""Maps each variable that grows with settings to these settings."""

RETENTIONS = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def python_function(
    scope: Construct,
    id: str,
    *,
    handler: str,
    description: str,
    timeout: Duration,
    memory_mb: int,
    environment: Mapping[str, str],
    layers: Sequence[lambda_.ILayerVersion],
    settings: Settings,
    ephemeral_storage: Size | None = None,
    tracing: lambda_.Tracing = lambda_.Tracing.ACTIVE,
) -> lambda_.Function:
    """Create a Lambda function with its own role and log group.

    `handler` is `package.module.function`, such as `recognition.runtime.list_images.handler`. The code package contains
    the modules of the same stack that the handler imports. Layers contain everything else.

    Raises:
        PackageError: the handler imports a module that its package cannot contain.
        SettingsError: the settings do not fit into the environment. The message names them.
    """
    _check_environment(scope, id, environment, settings)
    group = log_group(scope, f"{id}Logs", settings=settings)
    function = lambda_.Function(
        scope,
        id,
        handler=handler,
        code=lambda_.Code.from_asset(str(build_package(handler))),
        runtime=lambda_.Runtime(f"python{settings.python_version}", lambda_.RuntimeFamily.PYTHON),
        architecture=_architecture(settings),
        description=description,
        timeout=timeout,
        memory_size=memory_mb,
        ephemeral_storage_size=ephemeral_storage,
        layers=list(layers),
        log_group=group,
        logging_format=lambda_.LoggingFormat.JSON,
        role=_role(scope, id, group),
        tracing=tracing,
        environment={"POWERTOOLS_SERVICE_NAME": settings.named(id), **environment},
    )
    acknowledge(function, {"AwsSolutions-L1": "The runtime is a setting; Powertools and the layer are tested on it."})
    if tracing is lambda_.Tracing.ACTIVE:
        reason = "xray:Put* (traces) and rekognition:Detect* have no resource-level permissions."
        acknowledge_wildcard(function, "*", reason)
    return function


def provide_endpoints(function: lambda_.Function, settings: Settings) -> None:
    """Let a function read the parameter with the public addresses of the system's APIs and buckets."""
    function.add_environment("ENDPOINTS_PARAMETER", settings.endpoints_parameter)
    grant_parameter(function, settings.endpoints_parameter)


def log_group(scope: Construct, id: str, *, settings: Settings) -> logs.LogGroup:
    """Create a log group with the retention of the settings."""
    return logs.LogGroup(
        scope, id, retention=RETENTIONS[settings.log_retention_days], removal_policy=removal_policy(settings)
    )


def build_package(handler: str) -> Path:
    """Return the folder with the files of a function's package. The same content is built only once."""
    files = package_files(handler.rpartition(".")[0])
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file).encode() + b"\0" + (ROOT / file).read_bytes() + b"\0")

    def fill(package: Path) -> None:
        for file in files:
            (package / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, package / file)

    return build_once(PACKAGES / f"{handler}-{digest.hexdigest()[:16]}", fill)


def _check_environment(scope: Construct, id: str, environment: Mapping[str, str], settings: Settings) -> None:
    """Refuse settings that do not fit into Lambda's 4 KB. Values known only at deployment count as MAX_TOKEN_BYTES."""
    resolved = Stack.of(scope).resolve(environment)
    variables = {
        name: "".join(part if isinstance(part, str) else "x" * MAX_TOKEN_BYTES for part in _parts(value))
        for name, value in resolved.items()
    }
    size = len(_json(variables)) + RESERVED_BYTES + 2 * len(settings.named(""))
    if size > MAX_ENVIRONMENT_BYTES:
        largest = max(variables, key=lambda name: len(_json(variables[name])))
        raise SettingsError(
            f"{VARIABLES.get(largest, largest)}: the environment of {id} would have {size:,} bytes; "
            f"{len(_json(variables[largest])):,} of them belong to this setting; Lambda takes {MAX_ENVIRONMENT_BYTES:,}"
        )


def _json(value: Any) -> bytes:
    """Encode a value as JSON, in the form in which Lambda measures it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _parts(value: Any) -> list[Any]:
    return list(value["Fn::Join"][1]) if isinstance(value, dict) and "Fn::Join" in value else [value]


def _role(scope: Construct, id: str, group: logs.ILogGroup) -> iam.Role:
    """Create a role that may write to its own log group. AWS's managed policy would allow every log group."""
    role = iam.Role(scope, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    group.grant_write(role)
    return role


def _architecture(settings: Settings) -> lambda_.Architecture:
    return lambda_.Architecture.ARM_64 if settings.architecture == "arm64" else lambda_.Architecture.X86_64
