"""The integration stack: the topic of results, deliveries to third parties, their log, and e-mails."""

import string
from typing import Any, cast

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from common.infrastructure.apis import base_url, json_api
from common.infrastructure.functions import python_function
from common.infrastructure.layers import RUNTIME, python_layer
from common.infrastructure.monitoring import Monitoring, own_metric
from common.infrastructure.permissions import acknowledge, grant, grant_parameter
from common.infrastructure.queues import WorkQueue
from common.infrastructure.storage import index, table
from common.receiver_settings import Receiver
from common.setting_types import MAILED_EVENTS
from common.settings import Settings

DELIVERY_TIMEOUT = Duration.seconds(60)
MAX_RECEIVES = 1000
"""The highest number of receives that SQS allows. A message is received many times while its receiver is down. Attempts
to deliver are counted separately."""

DOWN = Duration.minutes(20)

EMAIL_TIMEOUT = Duration.seconds(30)
EMAIL_WINDOW = Duration.seconds(60)
EMAIL_IMAGES = 100

IMAGE_INDEX = "image"
NEWEST_INDEX = "newest"
SHOWN = ["event", "status", "attempts", "last_status", "last_answer", "first_attempt_at", "last_attempt_at"]
SHOWN += ["delivered_at", "expires_at"]


class IntegrationStack(Stack):
    """Owns the labels topic. Every queue for results subscribes to this topic."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        api_key: apigateway.IApiKey,
        alarm_topic: sns.ITopic,
        settings: Settings,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id, description="Sightline: results go out", **kwargs)
        self.settings = settings
        self.layer = python_layer(
            self, "CommonLayer", folder=RUNTIME, description="Sightline's shared modules", settings=settings
        )
        self.labels_topic = self._topic("LabelsTopic")
        self.secrets: dict[str, str] = {}
        deliveries, breakers = self._deliveries(), self._breakers()
        queues = {receiver.name: self._receiver(receiver, deliveries, breakers) for receiver in settings.third_parties}
        function = self._deliveries_api(deliveries, queues)
        self.api = json_api(
            self,
            "DeliveriesService",
            name="Deliveries Service",
            description="Lists deliveries, and repeats them.",
            function=function,
            routes={"/deliveries": ["GET"], "/deliveries/{event_id}/replay": ["POST"]},
            open_routes={"/openapi.json": function},
            called_by_page=["/deliveries"],
            api_key=api_key,
            settings=settings,
        )
        if settings.notify_email:
            self._emails()
        if settings.monitoring != "none":
            self._monitor(alarm_topic)
        CfnOutput(
            self, "DeliveriesEndpoint", value=base_url(self.api), description="Base URL of the Deliveries Service"
        )
        CfnOutput(self, "DeliveriesTableName", value=deliveries.table_name, description="One item per delivery")
        CfnOutput(self, "SigningSecretArns", value=self.to_json_string(self.secrets), description="ARNs, by receiver")
        CfnOutput(self, "LabelsTopicArn", value=self.labels_topic.topic_arn, description="Announces every result")

    def _monitor(self, topic: sns.ITopic) -> None:
        monitoring = Monitoring(self, "Monitoring", topic=topic, settings=self.settings)
        for receiver in self.settings.third_parties:
            function, name = f"{receiver.prefix}Deliver", receiver.name
            service = self.settings.named(function)
            monitoring.alarm(
                f"{function}BreakerOpen",
                # The alarm needs two periods with only ones: closing the breaker writes a zero. A period is longer than
                # the time that a document waits.
                own_metric("BreakerOpen", service=service, statistic="Minimum", receiver=name).with_(period=DOWN),
                above=0,
                periods=2,
                essential=True,
                meaning=f"The receiver {name} has been down for more than {DOWN.to_minutes()} minutes.",
                section="A receiver is down",
            )
            monitoring.graph(
                f"Deliveries to {name}",
                *(
                    own_metric("DeliveryAttempts", service=service, outcome=outcome, receiver=name)
                    for outcome in ("delivered", "again", "rejected")
                ),
            )

    def _topic(self, id: str) -> sns.Topic:
        topic = sns.Topic(self, id, enforce_ssl=True)
        acknowledge(
            topic,
            {"AwsSolutions-SNS2": "Labels of pictures, in transit, TLS-only; a KMS key costs a call per message."},
        )
        return topic

    def _deliveries(self) -> dynamodb.TableV2:
        """Create the table with one item per event and receiver. Its indexes list the deliveries of one image and of
        all images."""
        return table(
            self,
            "Deliveries",
            partition_key="event_id",
            sort_key="receiver",
            expires=True,
            indexes=[
                index(IMAGE_INDEX, partition_key="image", sort_key="occurred_at", attributes=SHOWN),
                index(NEWEST_INDEX, partition_key="listed", sort_key="occurred_at", attributes=["image", *SHOWN]),
            ],
            settings=self.settings,
        )

    def _breakers(self) -> dynamodb.TableV2:
        """Create the table of circuit breakers. It has one item for each receiver that currently fails."""
        return table(
            self,
            "Breakers",
            partition_key="receiver",
            no_recovery_reason="Its items are minutes old; there is nothing to recover.",
            settings=self.settings,
        )

    def _receiver(self, receiver: Receiver, deliveries: dynamodb.TableV2, breakers: dynamodb.TableV2) -> WorkQueue:
        """Create a queue, a function and a secret for a receiver. No receiver can delay another receiver, read
        its messages or sign for it."""
        prefix = receiver.prefix
        work = WorkQueue(
            self,
            f"{prefix}Labels",
            topic=self.labels_topic,
            consumer_timeout=DELIVERY_TIMEOUT,
            max_receive_count=MAX_RECEIVES,
            filter_policy=_having(receiver.labels),
        )
        secret = secretsmanager.Secret(
            self,
            f"{prefix}SigningSecret",
            description=f"Signs what is delivered to {receiver.name}: 48 bytes, in base64",
            # Letters and digits only, and a length that is valid base64. Secrets Manager requires a character of every
            # type that is not excluded as a type; the embedded cloud reads only the characters.
            # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True, exclude_characters=string.punctuation
            ),
        )
        # This is not Ref, because Ref is the ARN only on AWS, and not in the embedded cloud.
        secret_arn = cast("secretsmanager.CfnSecret", secret.node.default_child).attr_id
        acknowledge(
            secret,
            {"AwsSolutions-SMG4": "The receiver needs the new secret too, so an operator starts each rotation."},
        )
        function = self._function(
            f"{prefix}Deliver",
            handler="integration.runtime.deliver.handler",
            description=f"Posts each result, signed, to {receiver.name}",
            timeout=DELIVERY_TIMEOUT,
            environment={
                "RECEIVER": receiver.name,
                "FORMAT": receiver.format,
                **({"SCHEMA": str(receiver.document_schema)} if receiver.document_schema > 1 else {}),
                "URL_PARAMETER": receiver.url_parameter,
                "SECRET_ARN": secret_arn,
                "QUEUE_URL": work.queue.queue_url,
                "DEAD_LETTER_QUEUE_URL": work.dead_letter_queue.queue_url,
                "DELIVERIES_TABLE": deliveries.table_name,
                "BREAKERS_TABLE": breakers.table_name,
            },
        )
        work.feeds(function, batch_size=10, max_concurrency=self.settings.delivery_workers)
        grant_parameter(function, receiver.url_parameter)
        grant(function, ["secretsmanager:GetSecretValue"], secret_arn)
        grant(function, ["sqs:SendMessage"], work.dead_letter_queue.queue_arn)
        grant(function, ["dynamodb:UpdateItem"], deliveries.table_arn)
        grant(function, ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], breakers.table_arn)
        self.secrets[receiver.name] = secret_arn
        return work

    def _deliveries_api(self, deliveries: dynamodb.TableV2, queues: dict[str, WorkQueue]) -> lambda_.Function:
        function = self._function(
            "DeliveriesApi",
            handler="integration.runtime.deliveries_api.handler",
            description="Shows what was delivered to whom, and delivers it again",
            timeout=Duration.seconds(29),  # as long as API Gateway waits
            environment={
                "DELIVERIES_TABLE": deliveries.table_name,
                "QUEUES": self.to_json_string({name: work.queue.queue_url for name, work in queues.items()}),
            },
        )
        indexes = [f"{deliveries.table_arn}/index/{name}" for name in (IMAGE_INDEX, NEWEST_INDEX)]
        grant(function, ["dynamodb:Query"], deliveries.table_arn, *indexes)
        grant(function, ["sqs:SendMessage"], *(work.queue.queue_arn for work in queues.values()))
        return function

    def _emails(self) -> None:
        """Create a separate queue and topic for e-mails, so that SNS's ten e-mails a second are never exceeded.

        SNS ends a subscription that gets more e-mails (https://docs.aws.amazon.com/general/latest/gr/sns.html).
        """
        topic = self._topic("EmailTopic")
        topic.add_subscription(subscriptions.EmailSubscription(self.settings.notify_email))
        work = WorkQueue(
            self,
            "Emails",
            topic=self.labels_topic,
            consumer_timeout=EMAIL_TIMEOUT,
            max_receive_count=20,
            batching_window=EMAIL_WINDOW,
            filter_policy={
                "event": sns.SubscriptionFilter.string_filter(allowlist=list(MAILED_EVENTS)),
                **(_having(self.settings.notify_labels) or {}),
            },
        )
        function = self._function(
            "SendEmail",
            handler="integration.runtime.send_email.handler",
            description="Sends an e-mail about each batch of results",
            timeout=EMAIL_TIMEOUT,
            environment={"EMAIL_TOPIC_ARN": topic.topic_arn, "QUEUE_URL": work.queue.queue_url},
        )
        work.feeds(function, batch_size=EMAIL_IMAGES, max_concurrency=2)
        grant(function, ["sns:Publish"], topic.topic_arn)
        CfnOutput(self, "EmailTopicArn", value=topic.topic_arn, description="Whoever subscribes gets the e-mails")

    def _function(
        self, id: str, *, handler: str, description: str, timeout: Duration, environment: dict[str, str]
    ) -> lambda_.Function:
        return python_function(
            self,
            id,
            handler=handler,
            description=description,
            timeout=timeout,
            memory_mb=512,
            environment=environment,
            layers=[self.layer],
            settings=self.settings,
        )


def _having(labels: tuple[str, ...]) -> dict[str, sns.SubscriptionFilter] | None:
    """Return a filter policy for results that have at least one of the labels.

    Returns None without labels: all results pass.
    """
    return {"labels": sns.SubscriptionFilter.string_filter(allowlist=list(labels))} if labels else None
