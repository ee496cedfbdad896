"""Creates REST APIs. All answers are JSON, including API Gateway's own errors."""

from collections.abc import Mapping, Sequence

from aws_cdk import Size, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from common.infrastructure.functions import provide_endpoints
from common.infrastructure.permissions import acknowledge
from common.settings import Settings

# API Gateway's response types -> our error code, and the message as JSON or as API Gateway's own.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
OWN_MESSAGE = "$context.error.messageString"
GATEWAY_ERRORS = {
    "DEFAULT_4XX": ("Refused", OWN_MESSAGE),
    "DEFAULT_5XX": ("InternalError", '"this is our fault; please try again"'),
    "INVALID_API_KEY": ("Forbidden", '"the header x-api-key holds no key that is valid here"'),
    "QUOTA_EXCEEDED": ("QuotaExceeded", '"the requests of this key are used up for this month"'),
    "REQUEST_TOO_LARGE": ("RequestTooLarge", OWN_MESSAGE),
    "THROTTLED": ("Throttled", '"too many requests at once; try again, with a longer pause each time"'),
}
SIGNATURE_ERRORS = ("ACCESS_DENIED", "EXPIRED_TOKEN", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN")
"""API Gateway's types of answers to requests that IAM refuses."""

Method = tuple[str, str]
"""A path and an HTTP method."""


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
    """Create a REST API. All `routes` (path -> methods) go to one function.

    `settings.auth` decides who may call. With `api_key`, a usage plan of this API admits the key. `settings.api_rate`
    limits the calls per key in the usage plan. Without a usage plan, it limits the calls of the whole stage.

    `open_routes` (path -> the function that answers GET) expose no data, and anybody may call them. `called_by_page`
    lists the routes that the gallery's page calls from another origin. Browsers first send OPTIONS, and the
    function answers it.
    """
    page_calls = list(called_by_page) if settings.auth != "iam" else []
    open_methods = {(path, "GET"): target for path, target in open_routes.items()}
    open_methods |= {(path, "OPTIONS"): function for path in page_calls}
    if page_calls:
        provide_endpoints(function, settings)
    api = apigateway.RestApi(
        scope,
        id,
        rest_api_name=settings.named(name),  # a dimension of the API's metrics
        description=description,
        endpoint_types=[apigateway.EndpointType.REGIONAL],
        cloud_watch_role=False,
        min_compression_size=Size.kibibytes(1),
        deploy_options=_throttled(settings, list(open_methods)),
        default_method_options=_authorized(settings),
    )
    api.node.try_remove_child("Endpoint")  # the stacks name their own outputs
    _add_methods(api, {(path, method): function for path, methods in routes.items() for method in methods}, open=False)
    _add_methods(api, open_methods, open=True)
    _add_errors(api, settings, readable_by_pages=bool(page_calls))
    if settings.auth == "api_key":
        _add_usage_plan(api, api_key, settings)
    acknowledge(api, _api_reasons(settings))
    return api


def base_url(api: apigateway.RestApi) -> str:
    """Return the API's address without a slash at its end, so that `$URL?name=…` and `$URL/images/…` both work."""
    stack = Stack.of(api)
    return f"https://{api.rest_api_id}.execute-api.{stack.region}.{stack.url_suffix}/{api.deployment_stage.stage_name}"


def _authorized(settings: Settings) -> apigateway.MethodOptions:
    iam = settings.auth == "iam"
    return apigateway.MethodOptions(
        api_key_required=settings.auth == "api_key",
        authorization_type=apigateway.AuthorizationType.IAM if iam else apigateway.AuthorizationType.NONE,
    )


def _throttled(settings: Settings, open_methods: Sequence[Method]) -> apigateway.StageOptions:
    """Limit the calls of the whole stage. If each key has its own limit, only limit the calls of the open methods."""
    if settings.auth != "api_key":
        return apigateway.StageOptions(
            throttling_rate_limit=settings.api_rate, throttling_burst_limit=settings.api_burst
        )
    limits = apigateway.MethodDeploymentOptions(
        throttling_rate_limit=settings.api_rate, throttling_burst_limit=settings.api_burst
    )
    return apigateway.StageOptions(method_options={f"{path}/{method}": limits for path, method in open_methods})


def _add_methods(api: apigateway.RestApi, targets: Mapping[Method, lambda_.Function], *, open: bool) -> None:
    """Send methods to their functions. Open methods need no key and no signature."""
    for (path, method), function in targets.items():
        resource = api.root.resource_for_path(path) if path != "/" else api.root
        resource.add_method(
            method,
            apigateway.LambdaIntegration(function, allow_test_invoke=False),
            api_key_required=False if open else None,
            authorization_type=apigateway.AuthorizationType.NONE if open else None,
        )


def _add_errors(api: apigateway.RestApi, settings: Settings, *, readable_by_pages: bool) -> None:
    """Answer API Gateway's own errors as our JSON.

    Pages of any origin may read them. The errors expose no data, and the gallery's origin is not known here.
    """
    headers = {"Access-Control-Allow-Origin": "'*'"} if readable_by_pages else None
    with_iam = settings.auth == "iam"
    errors = GATEWAY_ERRORS | (dict.fromkeys(SIGNATURE_ERRORS, ("Forbidden", OWN_MESSAGE)) if with_iam else {})
    for kind, (code, message) in errors.items():
        api.add_gateway_response(
            kind.title().replace("_", ""),
            type=apigateway.ResponseType.of(kind),
            response_headers=headers,
            templates=_error(code, message),
        )
    if not with_iam:  # with IAM this response type also means a request without a signature
        api.add_gateway_response(
            "NoSuchCall",
            type=apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN,
            status_code="404",
            response_headers=headers,
            templates=_error("NotFound", '"there is no such call"'),
        )


def _error(code: str, message: str) -> dict[str, str]:
    """Return our JSON as API Gateway's template. `message` is JSON, or a variable of API Gateway."""
    text = f'{{"error": {{"code": "{code}", "message": {message}}}, "request_id": "$context.requestId"}}'
    return {"application/json": text}


def _add_usage_plan(api: apigateway.RestApi, api_key: apigateway.IApiKey, settings: Settings) -> None:
    quota = apigateway.QuotaSettings(limit=settings.api_quota, period=apigateway.Period.MONTH)
    plan = api.add_usage_plan(
        "UsagePlan",
        api_stages=[apigateway.UsagePlanPerApiStage(api=api, stage=api.deployment_stage)],
        throttle=apigateway.ThrottleSettings(rate_limit=settings.api_rate, burst_limit=settings.api_burst),
        quota=quota if settings.api_quota else None,
    )
    plan.add_api_key(api_key)


def _api_reasons(settings: Settings) -> dict[str, str]:
    logged = "Access logs need a role of API Gateway that the whole account shares. The functions log calls instead."
    callers = {
        "api_key": "Callers are programs that hold the API key.",
        "iam": "Callers are IAM principals.",
        "none": "The operator chose auth=none, which synth warns about.",
    }[settings.auth]
    return {
        "AwsSolutions-APIG1": logged,
        "AwsSolutions-APIG2": "The functions validate every request. Their answer 400 explains each error.",
        "AwsSolutions-APIG3": "A web ACL costs more than a small deployment; attach the account's own to the stage.",
        "AwsSolutions-APIG4": callers,
        "AwsSolutions-APIG6": logged,
        "AwsSolutions-COG4": callers,
    }
