"""The rehearsal of a deployment finds what would fail on AWS."""

from typing import Any

import pytest
from aws_cdk import App
from aws_cdk import aws_secretsmanager as secretsmanager

from app import build_app
from rehearsal import __main__ as rehearsal
from rehearsal.findings import ACKNOWLEDGED, Acknowledgement, Finding, unacknowledged
from rehearsal.policies import check_policies

RULE = "pf-secretsmanager-generate-secret-string"
BUCKET = {"Type": "AWS::S3::Bucket"}


def test_a_secret_that_cannot_be_generated_ends_the_rehearsal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first version had this fault. The embedded cloud made the secret, but Secrets Manager would refuse it."""

    def with_the_fault(context: dict[str, Any]) -> App:
        app = build_app(context)
        for construct in app.node.find_all():
            if isinstance(construct, secretsmanager.CfnSecret):
                construct.add_property_deletion_override("GenerateSecretString.ExcludePunctuation")
        return app

    monkeypatch.setattr("rehearsal.synthesis.build_app", with_the_fault)
    monkeypatch.setattr(rehearsal, "COMBINATIONS", {"cdk.json": {}})
    monkeypatch.setattr(rehearsal, "LINTED", ("cdk.json",))
    assert rehearsal.main() == 1
    shown = capsys.readouterr().out
    assert f"{RULE} at IntegrationStack/SigningSecret/Resource, with cdk.json" in shown
    assert "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html" in shown
    assert [line for line in shown.splitlines() if " at " in line and RULE not in line] == []


def found_in(*statements: dict[str, Any], kind: str = "AWS::IAM::Policy") -> set[str]:
    """Return the rules that a policy breaks."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    policy = {"Type": kind, "Properties": {"PolicyDocument": document}}
    return {
        finding.rule for finding in check_policies({"Stack": {"Resources": {"Pictures": BUCKET, "Policy": policy}}})
    }


def allow(action: str, resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


PICTURES = {"Fn::Join": ["", [{"Fn::GetAtt": ["Pictures", "Arn"]}, "/*"]]}


@pytest.mark.parametrize(
    ("statement", "rules"),
    [
        (allow("s3:GetObject", PICTURES), set()),
        (allow("rekognition:DetectLabels", "*"), set()),
        (allow("rekognition:DetectModerationLabels", "*"), set()),
        (allow("s3:GetObject", "*"), {"wildcard-resource", "RESOURCE_STAR"}),
        (allow("s3:Get*", PICTURES), {"wildcard-action", "RESOURCE_MISMATCH"}),  # some of them are a bucket's own
        (allow("s3:GetPicture", PICTURES), {"UNKNOWN_ACTION"}),
        (allow("s3:GetObject", {"Fn::GetAtt": ["Pictures", "Arn"]}), {"RESOURCE_MISMATCH"}),
        (allow("s3:GetObject", {"Ref": "Pictures"}), {"INVALID_ARN"}),
    ],
)
def test_a_policy_that_does_nothing_or_too_much_is_found(statement: dict[str, Any], rules: set[str]) -> None:
    assert found_in(statement) == rules


def test_the_policies_of_buckets_and_roles_are_read_as_well() -> None:
    refusal = {"Effect": "Deny", "Principal": "*", "Action": "s3:Nothing", "Resource": PICTURES}
    assert found_in(refusal, kind="AWS::S3::BucketPolicy") == {"UNKNOWN_ACTION"}
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:Nothing"}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}}}
    [no_version, unknown] = sorted(finding.rule for finding in check_policies({"Stack": {"Resources": {"Role": role}}}))
    assert (no_version, unknown) == ("NO_VERSION", "UNKNOWN_ACTION")


def test_an_acknowledgement_covers_its_finding_and_shows_when_it_has_none() -> None:
    def finding(place: str) -> Finding:
        return Finding(rule="W1", place=place, message="m", fix="f")

    def acknowledged(rule: str, place: str) -> Acknowledgement:
        return Acknowledgement(rule=rule, place=place, reason="It is meant to be so.")

    covering, other, old = acknowledged("W1", "A/*"), acknowledged("W2", "A/*"), acknowledged("W1", "C/x")
    left, unused = unacknowledged([finding("A/x"), finding("A/y"), finding("B/x")], [covering, other, old])
    assert left == [finding("B/x")]
    assert unused == [other, old]
    assert all(len(one.reason.split()) >= 4 for one in ACKNOWLEDGED)
