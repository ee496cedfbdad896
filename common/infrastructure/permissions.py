"""Grant exact actions on exact resources, and record the reasons for exceptions to cdk-nag's rules."""

from collections.abc import Mapping, Sequence

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct


def acknowledge(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Record why rules of cdk-nag do not apply to one construct. `reasons` maps a rule's id to the reason."""
    for rule, reason in reasons.items():
        Validations.of(scope).acknowledge(Acknowledgment(id=rule, reason=reason))


def acknowledge_wildcard(function: lambda_.Function, resource: str, reason: str) -> None:
    """Record why the role of `function` contains the wildcard `resource`."""
    if function.role is None:
        raise TypeError(f"{function.node.path} has no role")
    acknowledge(function.role, {f"AwsSolutions-IAM5[Resource::{resource}]": reason})


def grant(function: lambda_.Function, actions: Sequence[str], *arns: str) -> None:
    """Allow exactly these actions on exactly these resources. CDK's own grants contain wildcards."""
    iam.Grant.add_to_principal(grantee=function, actions=list(actions), resource_arns=list(arns))


def grant_objects(function: lambda_.Function, actions: Sequence[str], bucket: s3.IBucket) -> None:
    """Allow exactly these actions on all objects of the bucket."""
    grant(function, actions, bucket.arn_for_objects("*"))
    owner = Stack.of(bucket)
    if owner is Stack.of(function):
        arn = f"<{owner.resolve(bucket.bucket_arn)['Fn::GetAtt'][0]}.Arn>"
    else:
        arn = owner.resolve(owner.export_value(bucket.bucket_arn))["Fn::ImportValue"]
    acknowledge_wildcard(function, f"{arn}/*", "Any object of this one bucket: users choose the keys.")


def grant_parameter(function: lambda_.Function, name: str) -> None:
    """Allow reading one SSM parameter of the function's own account and Region."""
    grant(
        function, ["ssm:GetParameter"], stack_arn(function, service="ssm", resource="parameter", name=name.lstrip("/"))
    )


def stack_arn(scope: Construct, *, service: str, resource: str, name: str) -> str:
    """Return the ARN of a resource that CDK does not create, in the stack's own account and Region."""
    return Stack.of(scope).format_arn(service=service, resource=resource, resource_name=name)
