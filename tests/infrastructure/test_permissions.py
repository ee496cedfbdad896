"""The statements of every role, and the resource policies that let others call, publish and send."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Templates
from tests.templates import as_list, name, resources, written

LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
CONSUMING = {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
CONSUMING |= {"sqs:ReceiveMessage"}
UPLOADS_MAPPING = "<ImageRecognitionSqsEventSourceAPIStackUploadedImageQueueA5A0835C>"
TRACING = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
"""In addition to the table below, each of our functions has it on `*`, except the one that runs once a minute."""

ENDPOINTS = "arn:aws:ssm:<region>:<account>:parameter/sightline/endpoints"

# function -> resource -> actions. `<…>` is a construct of ours, whichever stack makes it.
STATEMENTS = {
    "APIStack/GetSaveImage": {
        "<ImageBucket>/*": {"s3:GetObject", "s3:PutObject"},  # GetObject: what holds a name that is taken
        ENDPOINTS: {"ssm:GetParameter"},  # whose page may call
        "<GetSaveImageLogs>": LOGGING,
    },
    "APIStack/ReadManifest": {
        "<ManifestQueue>": CONSUMING | {"sqs:SendMessage"},  # sends itself messages
        "<FetchQueue>": {"sqs:SendMessage"},
        "<ManifestBucket>/*": {"s3:GetObjectVersion"},
        "<ManifestBucket>/reports/*": {"s3:PutObject"},
        "<Manifests>": {"dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"},
        "<ReadManifestLogs>": LOGGING,
    },
    "APIStack/FetchImages": {
        "<FetchQueue>": CONSUMING,
        "<ImageBucket>/*": {"s3:GetObject", "s3:PutObject"},  # GetObject: what holds a name that is taken
        "<Manifests>": {"dynamodb:GetItem", "dynamodb:PutItem"},
        "<FetchImagesLogs>": LOGGING,
    },
    "APIStack/BucketNotificationsHandler": {  # CDK's own, at deploy time
        "<ImageBucket>": {"s3:PutBucketNotification"},
        "<ManifestBucket>": {"s3:PutBucketNotification"},
        "<NotificationsLogs>": LOGGING,
    },
    "RekognitionStack/ImageRecognition": {
        "<UploadedImageQueue>": CONSUMING | {"sqs:SendMessage"},  # sends messages that wait for another worker again
        "<RemovedImageQueue>": CONSUMING | {"sqs:SendMessage"},
        "<ImageBucket>/*": {"s3:GetObject", "s3:GetObjectVersion"},
        "<ImageBucket>": {"s3:ListBucket"},  # without it, S3 answers 403 for an object that is gone
        "<Classifications>": {"dynamodb:GetItem", "dynamodb:PutItem"},
        "<Recognitions>": {"dynamodb:UpdateItem"},
        "<Usage>": {"dynamodb:UpdateItem"},
        "<LabelsTopic>": {"sns:Publish"},
        "*": {"rekognition:DetectLabels"},
        "<ImageRecognitionLogs>": LOGGING,
    },
    "RekognitionStack/ListImages": {
        "<Classifications>": {"dynamodb:GetItem"},
        "<Classifications>/index/newest": {"dynamodb:Query"},
        "<LabelIndex>": {"dynamodb:Query"},
        "<LabelCounts>": {"dynamodb:BatchGetItem", "dynamodb:Query"},
        "<Usage>": {"dynamodb:GetItem"},
        # A presigned URL opens objects that its signer may read. A deletion leaves a delete marker and the versions.
        "<ImageBucket>/*": {"s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject"},
        "<Renditions>/*": {"s3:GetObject"},
        "<RenditionIndex>": {"dynamodb:BatchGetItem"},
        "<ListImagesLogs>": LOGGING,
    },
    "RekognitionStack/Thumbnails": {
        "<ThumbnailQueue>": CONSUMING,
        "<ImageBucket>/*": {"s3:GetObject", "s3:GetObjectVersion"},
        "<Renditions>/*": {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
        "<RenditionIndex>": {"dynamodb:DeleteItem", "dynamodb:PutItem"},
        "<ImageBucket>": {"s3:ListBucket"},  # without it, S3 answers 403 for a missing object
        "<Renditions>": {"s3:ListBucket"},
        "<ThumbnailsLogs>": LOGGING,
    },
    "RekognitionStack/Gallery": {
        ENDPOINTS: {"ssm:GetParameter"},  # and no data
        "<GalleryLogs>": LOGGING,
    },
    "RekognitionStack/Budget": {
        "<Usage>": {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"},
        f"arn:aws:lambda:<region>:<account>:event-source-mapping:{UPLOADS_MAPPING}": {
            "lambda:GetEventSourceMapping",
            "lambda:UpdateEventSourceMapping",
        },
        "<BudgetLogs>": LOGGING,
    },
    "RekognitionStack/Project": {
        "<IndexQueue>": CONSUMING,
        "<Classifications>": {"dynamodb:GetItem"},
        "<LabelIndex>": {"dynamodb:DeleteItem", "dynamodb:PutItem"},
        "<LabelCounts>": {"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem"},
        "<Projections>": {"dynamodb:GetItem", "dynamodb:PutItem"},
        "<Results>/*": {"s3:DeleteObject", "s3:PutObject"},
        "<ProjectLogs>": LOGGING,
    },
    "IntegrationStack/Deliver": {
        "<LabelsQueue>": CONSUMING,
        "<LabelsDeadLetters>": {"sqs:SendMessage"},  # documents that a receiver rejects, with the reason
        "<SigningSecret>": {"secretsmanager:GetSecretValue"},
        "<Deliveries>": {"dynamodb:UpdateItem"},
        "<Breakers>": {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"},
        "arn:aws:ssm:<region>:<account>:parameter/thirdparty_endpoint": {"ssm:GetParameter"},
        "<DeliverLogs>": LOGGING,
    },
    "IntegrationStack/DeliveriesApi": {
        "<Deliveries>": {"dynamodb:Query"},
        "<Deliveries>/index/image": {"dynamodb:Query"},
        "<Deliveries>/index/newest": {"dynamodb:Query"},
        "<LabelsQueue>": {"sqs:SendMessage"},  # replays
        ENDPOINTS: {"ssm:GetParameter"},
        "<DeliveriesApiLogs>": LOGGING,
    },
}

WILDCARDS = {
    "*": "rekognition:Detect* and xray:Put* have no resource-level permissions",
    "<ImageBucket>/*": "any object of the one bucket: keys are the users' choice",
    "<Renditions>/*": "any rendition: keys begin with the images' ids",
    "<Results>/*": "any document of the results: keys are the images' ids",
    "<ManifestBucket>/*": "any object of the one bucket: keys are the users' choice",
    "<ManifestBucket>/reports/*": "reports are named after manifests",
}

# function -> the calls that API Gateway may pass to it
ROUTES = {
    "APIStack/GetSaveImage": {
        "GET/",
        "GET/openapi.json",
        "OPTIONS/images",
        "OPTIONS/uploads",
        "POST/images",
        "POST/uploads",
    },
    "RekognitionStack/Gallery": {"GET/gallery", "GET/gallery/*"},
    "RekognitionStack/ListImages": {
        "DELETE/images/*",
        "GET/",
        "GET/images",
        "GET/images/*",
        "GET/labels",
        "GET/openapi.json",
        "GET/search",
        "GET/usage",
    },
    "IntegrationStack/DeliveriesApi": {
        "GET/deliveries",
        "GET/openapi.json",
        "OPTIONS/deliveries",
        "POST/deliveries/*/replay",
    },
}

# topic or queue -> who may send to it, on whose behalf
SENDERS = {
    "<AlarmTopic>": ("cloudwatch.amazonaws.com", "arn:aws:cloudwatch:<region>:<account>:alarm:*"),
    "<UploadedImageTopic>": ("s3.amazonaws.com", "<ImageBucket>"),
    "<UploadedImageQueue>": ("sns.amazonaws.com", "<UploadedImageTopic>"),
    "<UploadedImageDeadLetters>": ("sns.amazonaws.com", "<UploadedImageTopic>"),
    "<RemovedImageQueue>": ("sns.amazonaws.com", "<UploadedImageTopic>"),
    "<RemovedImageDeadLetters>": ("sns.amazonaws.com", "<UploadedImageTopic>"),
    "<ThumbnailQueue>": ("sns.amazonaws.com", "<UploadedImageTopic>"),
    "<ThumbnailDeadLetters>": ("sns.amazonaws.com", "<UploadedImageTopic>"),
    "<ManifestQueue>": ("s3.amazonaws.com", "<ManifestBucket>"),
    "<LabelsQueue>": ("sns.amazonaws.com", "<LabelsTopic>"),
    "<LabelsDeadLetters>": ("sns.amazonaws.com", "<LabelsTopic>"),
    "<IndexQueue>": ("sns.amazonaws.com", "<LabelsTopic>"),
    "<IndexDeadLetters>": ("sns.amazonaws.com", "<LabelsTopic>"),
}


def statements(templates: Templates, *kinds: str) -> list[dict[str, Any]]:
    """Return the statements of resource policies."""
    return [s for _, _, policy in resources(templates, *kinds) for s in policy["PolicyDocument"]["Statement"]]


def test_every_function_may_do_exactly_this(templates: Templates) -> None:
    roles = {
        (stack, function["Role"]["Fn::GetAtt"][0]): f"{stack}/{name(logical_id)}"
        for stack, logical_id, function in resources(templates, "AWS::Lambda::Function")
    }
    assert set(roles.values()) == STATEMENTS.keys()  # so each has a role of its own
    found: dict[str, dict[str, set[str]]] = {function: {} for function in STATEMENTS}
    for stack, _, policy in resources(templates, "AWS::IAM::Policy"):
        for role in policy["Roles"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement.keys() == {"Action", "Effect", "Resource"}
                assert statement["Effect"] == "Allow"
                allowed = found[roles[stack, role["Ref"]]]
                for arn in as_list(statement["Resource"]):
                    allowed.setdefault(written(arn), set()).update(as_list(statement["Action"]))
    for function, allowed in found.items():
        if function not in {"APIStack/BucketNotificationsHandler", "RekognitionStack/Budget"}:
            assert allowed["*"] >= TRACING, function
            allowed["*"] -= TRACING
    assert {function: {arn: a for arn, a in rights.items() if a} for function, rights in found.items()} == STATEMENTS


def test_roles_hold_nothing_beside_their_statements_and_only_lambda_takes_them(templates: Templates) -> None:
    roles = list(resources(templates, "AWS::IAM::Role"))
    assert len(roles) == len(STATEMENTS)
    for _, _, role in roles:
        assert role.keys() <= {"AssumeRolePolicyDocument", "ManagedPolicyArns"}
        assert not role.get("ManagedPolicyArns")
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Effect"], trust["Principal"]) == ("Allow", {"Service": "lambda.amazonaws.com"})
    kinds = {resource["Type"] for template in templates.values() for resource in template["Resources"].values()}
    assert {kind for kind in kinds if kind.startswith("AWS::IAM::")} == {"AWS::IAM::Role", "AWS::IAM::Policy"}


def test_the_wildcards_are_these_and_no_others(templates: Templates) -> None:
    granted = [(arn, action) for rights in STATEMENTS.values() for arn, actions in rights.items() for action in actions]
    assert {arn for arn, _ in granted if "*" in arn} == WILDCARDS.keys()
    assert [action for _, action in granted if "*" in action] == []


def test_pictures_are_copied_from_the_source_buckets_alone(others: Templates) -> None:
    copying = {
        (logical_id.partition("Role")[0], written(arn), *as_list(statement["Action"]))
        for _, logical_id, policy in resources(others, "AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        for arn in as_list(statement["Resource"])
        if ":s3:::" in written(arn)
    }
    assert copying == {
        ("FetchImages", "arn:aws:s3:::my.archive/*", "s3:GetObject"),
        ("FetchImages", "arn:aws:s3:::photos/*", "s3:GetObject"),
    }


def test_only_the_apis_own_routes_and_schedules_call_the_functions(templates: Templates) -> None:
    found: dict[str, set[str]] = {}
    for stack, _, permission in resources(templates, "AWS::Lambda::Permission"):
        assert permission["Action"] == "lambda:InvokeFunction"
        source = written(permission["SourceArn"])
        if permission["Principal"] == "events.amazonaws.com":
            assert (written(permission["FunctionName"]), source) == ("<Budget>", "<BudgetSchedule>")
            continue
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert re.match(r"arn:aws:execute-api:<region>:<account>:<\w+Service>/<\w+Stageprod>/", source)
        function = f"{stack}/{written(permission['FunctionName'])[1:-1]}"
        found.setdefault(function, set()).add(source.partition("Stageprod>/")[2])
    assert found == ROUTES


def test_a_receivers_function_reaches_nothing_of_anothers(synthesize: Callable[..., Templates]) -> None:
    receivers = [{"name": who, "url_parameter": f"/{who}/url"} for who in ("pets", "my-crm")]
    stack = synthesize(receivers=json.dumps(receivers))["IntegrationStack"]
    allowed: dict[str, str] = {}
    for _, _, policy in resources({"IntegrationStack": stack}, "AWS::IAM::Policy"):
        owner = f"IntegrationStack/{name(policy['Roles'][0]['Ref'])}"
        if owner.endswith("Deliver"):
            allowed[owner] = str([statement["Resource"] for statement in policy["PolicyDocument"]["Statement"]])
    assert allowed.keys() == {"IntegrationStack/PetsDeliver", "IntegrationStack/MyCrmDeliver"}
    for own, other in (("Pets", "MyCrm"), ("MyCrm", "Pets")):
        reachable = allowed[f"IntegrationStack/{own}Deliver"]
        for resource in ("SigningSecret", "LabelsQueue", "LabelsDeadLetters"):
            assert f"{own}{resource}" in reachable
            assert f"{other}{resource}" not in reachable
    assert "parameter/pets/url" in allowed["IntegrationStack/PetsDeliver"]


def test_topics_and_queues_name_who_may_send_to_them(templates: Templates) -> None:
    found = {}
    for statement in statements(templates, "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"):
        if statement["Effect"] == "Allow":
            [[(key, source)]] = [condition.items() for condition in statement["Condition"].values()]
            assert key == "aws:SourceArn"
            # For S3, CDK also allows these two actions, which send nothing.
            assert set(as_list(statement["Action"])) - {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"} <= {
                "sns:Publish",
                "sqs:SendMessage",
            }
            found[written(statement["Resource"])] = (statement["Principal"]["Service"], written(source))
    assert found == SENDERS


@pytest.mark.parametrize(
    ("kind", "holder"),
    [
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy"),
    ],
)
def test_buckets_queues_and_topics_refuse_plain_http(templates: Templates, kind: str, holder: str) -> None:
    """Another test checks tables. All other services that we use (Lambda, API Gateway, Logs, SSM, Rekognition) answer
    only over TLS."""
    refusing = {
        written(arn)
        for statement in statements(templates, holder)
        if is_tls_only(statement)
        for arn in as_list(statement["Resource"])
    }
    of_this_kind = {f"<{name(logical_id)}>" for _, logical_id, _ in resources(templates, kind)}
    assert of_this_kind
    objects = {f"{bucket}/*" for bucket in of_this_kind} if kind == "AWS::S3::Bucket" else set()
    assert refusing == of_this_kind | objects


def test_tables_refuse_plain_http(templates: Templates) -> None:
    tables = list(resources(templates, "AWS::DynamoDB::GlobalTable"))
    assert tables
    for _, _, table in tables:
        for replica in table["Replicas"]:
            [statement] = replica["ResourcePolicy"]["PolicyDocument"]["Statement"]
            assert is_tls_only(statement)
            assert statement["Resource"] == "*"  # the table itself


def is_tls_only(statement: dict[str, Any]) -> bool:
    return (
        statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Principal"] in ("*", {"AWS": "*"})
        and statement["Action"] in ("s3:*", "sqs:*", "sns:Publish", "dynamodb:*")
    )
