"""Results go out: the topic that announces them and the delivery to a third party."""

from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from constructs import Construct

from common.infrastructure import RUNTIME, WorkQueue, acknowledge, python_function, python_layer, stack_arn
from common.settings import Settings

HANDLERS = Path(__file__).parent / "runtime"

THIRDPARTY_ENDPOINT = "thirdparty_endpoint"
"""The SSM parameter that holds the third party's address. It is the operator's: no stack makes or changes it."""

DELIVERY_TIMEOUT = Duration.seconds(30)


class IntegrationStack(Stack):
    """Owns the labels topic; every queue that wants results subscribes to it."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(scope, id, description="Sightline: results go out", **kwargs)
        self.labels_topic = sns.Topic(self, "LabelsTopic", enforce_ssl=True)
        acknowledge(
            self.labels_topic,
            {"AwsSolutions-SNS2": "Labels of pictures, in transit, TLS-only; a KMS key costs a call per message."},
        )
        work = WorkQueue(
            self, "Labels", topic=self.labels_topic, consumer_timeout=DELIVERY_TIMEOUT, max_receive_count=20
        )
        deliver = self._deliver(work, settings)
        deliver.add_event_source(
            event_sources.SqsEventSource(work.queue, batch_size=10, report_batch_item_failures=True)
        )
        CfnOutput(self, "LabelsTopicArn", value=self.labels_topic.topic_arn, description="Announces every result")

    def _deliver(self, work: WorkQueue, settings: Settings) -> lambda_.Function:
        function = python_function(
            self,
            "Deliver",
            handler="deliver.handler",
            folder=HANDLERS,
            description="Turns a result into XML and posts it to the third party",
            timeout=DELIVERY_TIMEOUT,
            memory_mb=512,
            environment={"THIRDPARTY_ENDPOINT_PARAMETER": THIRDPARTY_ENDPOINT, "QUEUE_URL": work.queue.queue_url},
            layers=[
                python_layer(
                    self,
                    "CommonLayer",
                    folder=RUNTIME,
                    description="Sightline's shared modules",
                    settings=settings,
                )
            ],
            settings=settings,
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["ssm:GetParameter"],
                resources=[stack_arn(self, service="ssm", resource="parameter", name=THIRDPARTY_ENDPOINT)],
            )
        )
        return function
