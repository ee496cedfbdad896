"""The HTTP APIs: who may call, how often, and how errors look."""

import json
from collections import Counter
from collections.abc import Callable
from unittest.mock import ANY

import pytest
from aws_cdk.assertions import Template

from tests.conftest import Templates
from tests.infrastructure.conftest import path, placed


@pytest.mark.parametrize("stack", ["APIStack", "RekognitionStack", "IntegrationStack"])
def test_by_default_every_call_that_gives_or_changes_data_needs_the_one_key(templates: Templates, stack: str) -> None:
    methods = [m["Properties"] for place, m in placed(templates, "AWS::ApiGateway::Method") if stack in place]
    keyless = [m for m in methods if not m["ApiKeyRequired"]]
    open_paths = sorted(path(templates[stack], m) for m in keyless if m["HttpMethod"] != "OPTIONS")
    assert open_paths == OPEN[stack]
    asked = sorted(path(templates[stack], m) for m in keyless if m["HttpMethod"] == "OPTIONS")
    assert asked == CALLED_BY_PAGE[stack]
    guarded = [m for m in methods if m["ApiKeyRequired"]]
    assert "OPTIONS" not in {m["HttpMethod"] for m in guarded}
    assert len(list(placed(templates, "AWS::ApiGateway::ApiKey"))) == 1
    keyed = {place.partition("/")[0] for place, _ in placed(templates, "AWS::ApiGateway::UsagePlanKey")}
    assert keyed == {"APIStack", "RekognitionStack", "IntegrationStack"}


OPEN = {
    "APIStack": ["/openapi.json"],
    "RekognitionStack": ["/gallery", "/gallery/{file}", "/openapi.json"],
    "IntegrationStack": ["/openapi.json"],
}
"""The paths that need no key, because their answers contain no data. Only OPTIONS, which browsers send, needs no key
either."""


CALLED_BY_PAGE = {
    "APIStack": ["/images", "/uploads"],
    "RekognitionStack": [],
    "IntegrationStack": ["/deliveries"],
}
"""The paths that the gallery's page calls from another origin: it comes from the List Images Service."""


def test_with_iam_every_call_must_be_signed(synthesize: Callable[..., Templates]) -> None:
    templates = synthesize(auth="iam")
    methods = [
        (path(templates[place.partition("/")[0]], m["Properties"]), m["Properties"])
        for place, m in placed(templates, "AWS::ApiGateway::Method")
    ]
    assert len([m for where, m in methods if where == "/openapi.json"]) == 3
    guarded = [m for where, m in methods if where != "/openapi.json"]
    assert {(m["AuthorizationType"], m["ApiKeyRequired"]) for m in guarded} == {("AWS_IAM", False)}
    assert not list(placed(templates, "AWS::ApiGateway::UsagePlan"))


def test_with_iam_there_is_no_gallery_and_no_page_may_call(synthesize: Callable[..., Templates]) -> None:
    """A page could not sign its calls."""
    templates = synthesize(auth="iam")
    methods = {m["Properties"]["HttpMethod"] for _, m in placed(templates, "AWS::ApiGateway::Method")}
    assert methods == {"GET", "POST", "DELETE"}
    handlers = {f["Properties"].get("Handler") for _, f in placed(templates, "AWS::Lambda::Function")}
    assert "recognition.runtime.serve_gallery.handler" not in handlers
    assert not [place for place, b in placed(templates, "AWS::S3::Bucket") if "CorsConfiguration" in b["Properties"]]
    written = json.dumps(templates)
    assert "Access-Control" not in written
    assert "ENDPOINTS_PARAMETER" not in written


def test_the_gallery_may_upload_and_the_parameter_says_where(api: Template, recognition: Template) -> None:
    pages = {"Fn::Join": ["", ["https://*.execute-api.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]]}
    [rules] = [
        bucket["Properties"]["CorsConfiguration"]["CorsRules"]
        for bucket in api.find_resources("AWS::S3::Bucket").values()
        if "CorsConfiguration" in bucket["Properties"]
    ]
    assert rules == [
        {
            "AllowedMethods": ["POST"],
            "AllowedOrigins": [pages],
            "ExposedHeaders": ["x-amz-version-id"],
            "MaxAge": 3600,
        }
    ]
    [parameter] = recognition.find_resources("AWS::SSM::Parameter").values()
    assert parameter["Properties"]["Name"] == "/sightline/endpoints"
    text = json.dumps(parameter["Properties"]["Value"])
    assert [name for name in ("upload", "labels", "deliveries", "images", "renditions") if name not in text] == []
    for function in recognition.find_resources(
        "AWS::Lambda::Function", {"Properties": {"Handler": "recognition.runtime.serve_gallery.handler"}}
    ):
        assert function.startswith("Gallery")


def test_answers_go_compressed_and_refusals_can_be_read_by_the_page(templates: Templates) -> None:
    for place, service in placed(templates, "AWS::ApiGateway::RestApi"):
        assert service["Properties"]["MinimumCompressionSize"] == 1024, place
    responses = list(placed(templates, "AWS::ApiGateway::GatewayResponse"))
    assert responses
    for place, response in responses:
        parameters = response["Properties"].get("ResponseParameters")
        readable = {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}
        assert parameters == (readable if CALLED_BY_PAGE[place.partition("/")[0]] else None), place


def test_a_change_of_auth_takes_no_export_away(templates: Templates, synthesize: Callable[..., Templates]) -> None:
    """CloudFormation refuses to remove an export that another stack still imports."""

    def exports(stacks: Templates) -> set[str]:
        return {str(output["Export"]) for output in stacks["APIStack"]["Outputs"].values() if "Export" in output}

    assert exports(templates) == exports(synthesize(auth="none")) == exports(synthesize(auth="iam"))


def test_with_none_nothing_is_asked_of_a_caller(synthesize: Callable[..., Templates]) -> None:
    methods = [m["Properties"] for _, m in placed(synthesize(auth="none"), "AWS::ApiGateway::Method")]
    assert {(m["AuthorizationType"], m["ApiKeyRequired"]) for m in methods} == {("NONE", False)}


@pytest.mark.parametrize(
    ("auth", "codes"),
    [
        (
            "api_key",
            {"Forbidden", "InternalError", "QuotaExceeded", "RequestTooLarge", "Refused", "Throttled", "NotFound"},
        ),
        ("iam", {"Forbidden", "InternalError", "QuotaExceeded", "RequestTooLarge", "Refused", "Throttled"}),
    ],
)
def test_gateway_errors_have_the_shape_of_ours(
    synthesize: Callable[..., Templates], auth: str, codes: set[str]
) -> None:
    responses = [r["Properties"] for _, r in placed(synthesize(auth=auth), "AWS::ApiGateway::GatewayResponse")]
    kinds = Counter(response["ResponseType"] for response in responses)
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "INVALID_API_KEY", "QUOTA_EXCEEDED", "THROTTLED"} <= kinds.keys()
    assert set(kinds.values()) == {3}  # one for each API
    found, forbidden = set(), {"INVALID_API_KEY"}
    if auth == "iam":
        forbidden |= {"ACCESS_DENIED", "EXPIRED_TOKEN", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN"}
    for response in responses:
        template = response["ResponseTemplates"]["application/json"]
        answer = json.loads(template.replace("$context.error.messageString", '"Too large"'))
        assert answer == {
            "error": {"code": ANY, "message": ANY},
            "request_id": "$context.requestId",
        }
        found.add(answer["error"]["code"])
        # After this answer the page forgets the key.
        assert (answer["error"]["code"] == "Forbidden") == (response["ResponseType"] in forbidden)
    assert found == codes


def test_a_key_may_call_as_often_as_the_settings_say(templates: Templates, others: Templates) -> None:
    month = {"Limit": 5000, "Period": "MONTH"}
    for found, rate, burst, quota in ((templates, 50, 100, None), (others, 20, 30, month)):
        plans = [plan["Properties"] for _, plan in placed(found, "AWS::ApiGateway::UsagePlan")]
        assert [plan["Throttle"] for plan in plans] == [{"RateLimit": rate, "BurstLimit": burst}] * 3
        assert [plan.get("Quota") for plan in plans] == [quota] * 3
        assert [plan["ApiStages"][0].get("Throttle") for plan in plans] == [{}] * 3


@pytest.mark.parametrize("auth", ["iam", "none"])
def test_without_keys_all_callers_share_the_rate(synthesize: Callable[..., Templates], auth: str) -> None:
    for _, stage in placed(synthesize(auth=auth), "AWS::ApiGateway::Stage"):
        [method] = stage["Properties"]["MethodSettings"]
        assert (method["HttpMethod"], method["ResourcePath"]) == ("*", "/*")
        assert (method["ThrottlingRateLimit"], method["ThrottlingBurstLimit"]) == (50, 100)


def test_calls_that_need_no_key_are_called_no_oftener_than_a_key_may(templates: Templates) -> None:
    for place, stage in placed(templates, "AWS::ApiGateway::Stage"):
        name = place.partition("/")[0]
        keyless = {
            (m["Properties"]["HttpMethod"], path(templates[name], m["Properties"]))
            for where, m in placed(templates, "AWS::ApiGateway::Method")
            if where.startswith(name) and not m["Properties"]["ApiKeyRequired"]
        }
        settings = stage["Properties"]["MethodSettings"]
        assert {
            (s["HttpMethod"], s["ResourcePath"].replace("/~1", "~1").replace("~1", "/")) for s in settings
        } == keyless
        for setting in settings:
            assert (setting["ThrottlingRateLimit"], setting["ThrottlingBurstLimit"]) == (50, 100)
