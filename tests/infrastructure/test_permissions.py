"""Who may do what: every wildcard and every role's exact actions."""

from collections.abc import Callable
from typing import Any

from tests.conftest import Templates

WILDCARDS = {
    # Rekognition's Detect operations have no resource-level permissions.
    ("RekognitionStack/ImageRecognition", "rekognition:DetectLabels", "*"),
    # Any object of the one bucket: keys are the users' choice.
    ("APIStack/GetSaveImage", "s3:GetObject", "<bucket>/*"),
    ("APIStack/GetSaveImage", "s3:PutObject", "<bucket>/*"),
    ("RekognitionStack/ImageRecognition", "s3:GetObject", "<bucket>/*"),
    ("RekognitionStack/ImageRecognition", "s3:GetObjectVersion", "<bucket>/*"),
    ("RekognitionStack/ListImages", "s3:GetObject", "<bucket>/*"),
    ("RekognitionStack/ListImages", "s3:GetObjectVersion", "<bucket>/*"),
}

ACTIONS = {
    "APIStack/GetSaveImage": {"s3:GetObject", "s3:PutObject"},
    "IntegrationStack/Deliver": {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
        "ssm:GetParameter",
    },
    "IntegrationStack/DeliveriesApi": {"dynamodb:Query", "sqs:SendMessage"},
    "RekognitionStack/ImageRecognition": {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "rekognition:DetectLabels",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "sns:Publish",
        "sqs:SendMessage",
    },
    "RekognitionStack/ListImages": {
        "dynamodb:GetItem",
        "dynamodb:Query",
        "s3:GetObject",
        "s3:GetObjectVersion",
    },
}
LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
CONSUMING = {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
CONSUMING |= {"sqs:ReceiveMessage"}


def statements(templates: Templates) -> list[tuple[str, dict[str, Any]]]:
    """Every statement of an IAM policy: whose it is, and the statement."""
    return [
        (f"{stack}/{role['Ref'].partition('Role')[0].partition('050a')[0]}", statement)
        for stack, template in templates.items()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy"
        for role in resource["Properties"]["Roles"]
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def written(resource: Any) -> str:
    """An ARN in a form that can be compared: joined parts, references by what they refer to."""
    if isinstance(resource, str):
        return resource
    if "Fn::Join" in resource:
        return "".join(written(part) for part in resource["Fn::Join"][1])
    return "<bucket>" if "Bucket" in str(resource) else str(resource)


def test_the_wildcards_are_these_and_no_others(templates: Templates) -> None:
    found = {
        (owner, action, written(resource))
        for owner, statement in statements(templates)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if "*" in action or "*" in written(resource)
    }
    assert found == WILDCARDS


def test_every_role_may_do_exactly_what_its_function_does(templates: Templates) -> None:
    allowed: dict[str, set[str]] = {}
    for owner, statement in statements(templates):
        assert statement["Effect"] == "Allow"
        allowed.setdefault(owner, set()).update(as_list(statement["Action"]))
    # CDK's own function that sets the bucket's notifications at deploy time.
    assert allowed.pop("APIStack/BucketNotificationsHandler") == {"s3:PutBucketNotification"}
    consumers = {"RekognitionStack/ImageRecognition", "IntegrationStack/Deliver"}
    assert allowed == {
        owner: actions | LOGGING | (CONSUMING if owner in consumers else set()) for owner, actions in ACTIONS.items()
    }


def test_a_receivers_function_reaches_nothing_of_anothers(synthesize: Callable[..., Templates]) -> None:
    receivers = [{"name": name, "url_parameter": f"/{name}/url"} for name in ("pets", "my-crm")]
    allowed: dict[str, str] = {}
    for owner, statement in statements({"IntegrationStack": synthesize(receivers=receivers)["IntegrationStack"]}):
        if owner.endswith("Deliver"):
            allowed[owner] = allowed.get(owner, "") + str(statement["Resource"])
    assert allowed.keys() == {"IntegrationStack/PetsDeliver", "IntegrationStack/MyCrmDeliver"}
    for own, other in (("Pets", "MyCrm"), ("MyCrm", "Pets")):
        reachable = allowed[f"IntegrationStack/{own}Deliver"]
        for resource in ("SigningSecret", "LabelsQueue", "LabelsDeadLetters"):
            assert f"{own}{resource}" in reachable
            assert f"{other}{resource}" not in reachable
    assert "parameter/pets/url" in allowed["IntegrationStack/PetsDeliver"]


def test_topics_and_queues_name_who_may_send_to_them(templates: Templates) -> None:
    found = []
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] in {"AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"}:
                found += resource["Properties"]["PolicyDocument"]["Statement"]
    allowing = [statement for statement in found if statement["Effect"] == "Allow"]
    assert allowing
    for statement in allowing:
        assert set(statement["Principal"]) == {"Service"}
        assert any(condition.get("aws:SourceArn") for condition in statement["Condition"].values())
