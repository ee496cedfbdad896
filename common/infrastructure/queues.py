"""Create queues of work. Each queue has a dead-letter queue and feeds one function."""

from collections.abc import Mapping
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from common.infrastructure.permissions import acknowledge


class WorkQueue(Construct):
    """A queue with a dead-letter queue for messages that cannot be delivered or handled. A topic may feed it.

    Messages arrive as published (raw delivery) if they match the filter. `filter_policy` filters by the attributes of a
    message, `body_filter_policy` by its JSON body. Visibility is six times the
    consumer's timeout plus the batching window, as AWS advises for event source mappings. So SQS does not hand out a
    batch a second time while a function works on it.
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
        body_filter_policy: Mapping[str, sns.FilterOrPolicy] | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.max_receive_count = max_receive_count
        self.dead_letter_queue = _queue(self, "DeadLetters", visibility_timeout=Duration.minutes(1), dead_letters=None)
        self._batching_window = batching_window
        window = batching_window.to_seconds() if batching_window else 0
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
                    filter_policy_with_message_body=body_filter_policy,
                )
            )
        acknowledge(self.dead_letter_queue, {"AwsSolutions-SQS3": "This is the dead-letter queue."})

    def feeds(
        self, function: lambda_.Function, *, batch_size: int, max_concurrency: int, sends_back: bool = False
    ) -> event_sources.SqsEventSource:
        """Invoke `function` with batches of messages. Returns the event source.

        The function reports failed messages one by one. With `sends_back`, the function may also send messages to this
        queue, any number of times. Otherwise Lambda would stop such a chain after about 16 invocations.
        https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        """
        source = event_sources.SqsEventSource(
            self.queue,
            batch_size=batch_size,
            max_batching_window=self._batching_window,
            max_concurrency=max_concurrency,
            report_batch_item_failures=True,
        )
        function.add_event_source(source)
        if sends_back:
            self.queue.grant(function, "sqs:SendMessage")
            cast("lambda_.CfnFunction", function.node.default_child).recursive_loop = "Allow"
        return source


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
