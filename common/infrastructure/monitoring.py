"""Alarms and a dashboard for each stack. The setting `monitoring` selects them.

`essential` makes only the alarms that are necessary to detect loss and standstill, because CloudWatch bills each metric
of an alarm. `full` adds the dashboards, and alarms that show the cause of a problem.
"""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from common.infrastructure.permissions import acknowledge
from common.settings import Settings

NAMESPACE = "Sightline"
PERIOD = Duration.minutes(5)
WIDTH = 8  # of 24

MAX_AGE_SECONDS = 3600
MAX_ERRORS_PERCENT = 5
MAX_REFUSED_PERCENT = 50
MAX_FAILED_PERCENT = 50

WORK_FAILED = "WorkFailed"
"""The name of the metric for the failures of all functions, without the deployment's prefix. Each failure is a 1.
Without failures, the metric has no values and costs nothing."""
MAX_TRIED_SECONDS = 900
FAILING_FOR = Duration.minutes(30)
"""The time for which a failure must last. The longest pause between two attempts at a message is shorter: 15
minutes."""


def alarm_topic(scope: Construct, id: str, *, settings: Settings) -> sns.Topic:
    """Create the topic for the alarms of all stacks.

    The topic exists even without alarms, because other stacks import it.
    """
    topic = sns.Topic(scope, id, enforce_ssl=True)
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={
                "ArnLike": {"aws:SourceArn": Stack.of(scope).format_arn(service="cloudwatch", resource="alarm:*")}
            },
        )
    )
    acknowledge(topic, {"AwsSolutions-SNS2": "CloudWatch cannot publish to a topic under the aws/sns key."})
    if settings.alarm_email:
        topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
    CfnOutput(
        scope, f"{id}Arn", value=topic.topic_arn, description="Gets a message when an alarm begins and when it ends"
    )
    return topic


def own_metric(name: str, *, service: str, statistic: str = "Sum", **dimensions: str) -> cloudwatch.Metric:
    """Return a metric that a function counts with `metrics.count`. `service` is its name in the deployment
    (`Settings.named`)."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": service, **dimensions},
        statistic=statistic,
        period=PERIOD,
    )


class Monitoring(Construct):
    """Watches the queues, functions and APIs of a stack. `alarm` and `graph` add more.

    Create it last: resources that the stack gets later are not watched. For each call, Lambda and API Gateway record 1
    for an error and 0 for a success, so the average is the rate of errors. Alarms do not use metric math, because it
    costs more. They do not use labels either, because CloudFormation treats labels as math. Each alarm's description
    names the section of docs/operations.md with the remedy.

    Each stack has its own dashboard. A stack's resources could not be deleted while another stack's dashboard shows
    them.
    """

    def __init__(self, scope: Construct, id: str, *, topic: sns.ITopic, settings: Settings) -> None:
        super().__init__(scope, id)
        self._settings = settings
        self._action = actions.SnsAction(topic)
        self._dashboard: cloudwatch.Dashboard | None = None
        if settings.monitoring == "full":
            self._dashboard = cloudwatch.Dashboard(self, "Dashboard", default_interval=Duration.days(1))
        found = Stack.of(self).node.find_all()
        self._queues([one for one in found if isinstance(one, sqs.Queue) and one.dead_letter_queue])
        self._functions([one for one in found if isinstance(one, lambda_.Function)])
        mappings = [one for one in found if isinstance(one, lambda_.EventSourceMapping)]
        self._messages([one.node.scope for one in mappings])
        self._apis([one for one in found if isinstance(one, apigateway.RestApi)])

    def alarm(
        self,
        id: str,
        metric: cloudwatch.IMetric,
        *,
        above: float,
        essential: bool,
        meaning: str,
        section: str,
        periods: int = 1,
        silence: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        """Raise an alarm when the metric is above the limit for `periods` periods. Periods without data are good,
        unless `silence` says otherwise. Does nothing for an alarm that the setting leaves out."""
        self._alarm(
            id,
            metric=metric,
            threshold=above,
            comparison=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            periods=periods,
            silence=silence,
            essential=essential,
            description=_description(meaning, section),
        )

    def alarm_of_silence(
        self, id: str, metric: cloudwatch.Metric, *, periods: int, essential: bool, meaning: str, section: str
    ) -> None:
        """Raise an alarm when there is no data for `periods` periods.

        Does nothing for an alarm that the setting leaves out.
        """
        self._alarm(
            id,
            metric=metric.with_(statistic="SampleCount"),
            threshold=1,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            periods=periods,
            silence=cloudwatch.TreatMissingData.BREACHING,
            essential=essential,
            description=_description(meaning, section),
        )

    def _alarm(
        self,
        id: str,
        *,
        metric: cloudwatch.IMetric,
        threshold: float,
        comparison: cloudwatch.ComparisonOperator,
        periods: int,
        silence: cloudwatch.TreatMissingData,
        essential: bool,
        description: str,
    ) -> None:
        if not (essential or self._dashboard):
            return
        alarm = cloudwatch.Alarm(
            self,
            id,
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            treat_missing_data=silence,
            alarm_description=description,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)

    def graph(self, title: str, *metrics: cloudwatch.IMetric) -> None:
        """Show metrics on the dashboard, if there is one."""
        if self._dashboard:
            self._dashboard.add_widgets(cloudwatch.GraphWidget(title=title, left=list(metrics), width=WIDTH))

    def watch_for_failing_work(self) -> None:
        """Raise one alarm for the functions of all stacks. They share one metric. Logs show which function failed."""
        self.alarm(
            "WorkFails",
            cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=self._settings.named(WORK_FAILED),
                statistic="Sum",
                period=FAILING_FOR,
            ),
            above=0,
            periods=2,
            essential=True,
            meaning="For an hour, a worker has failed at the same messages, or a function's invocations have ended "
            "with an error, a timeout or too little memory.",
            section="Work fails",
        )

    def _queues(self, queues: list[sqs.Queue]) -> None:
        ages, depths, dead = [], [], []
        for queue in queues:
            if queue.dead_letter_queue is None:
                continue
            letters = queue.dead_letter_queue.queue
            name, name_of_letters = _name(queue), _name(letters)
            age = queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=PERIOD)
            count = letters.metric_approximate_number_of_messages_visible(statistic="Maximum", period=PERIOD)
            self.alarm(
                f"{_id(queue)}Waits",
                age,
                above=MAX_AGE_SECONDS,
                essential=True,
                meaning=f"The oldest message in {name} has waited for more than an hour.",
                section="Messages wait",
            )
            self.alarm(
                f"{_id(letters)}Full",
                count,
                above=0,
                essential=True,
                meaning=f"There are messages in {name_of_letters}: they could not be handled, and wait for a person.",
                section="Dead letters",
            )
            ages.append(age)
            dead.append(count)
            depths.append(queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=PERIOD))
        self.graph("Oldest message, in seconds", *ages)
        self.graph("Messages that wait", *depths)
        self.graph("Dead letters", *dead)

    def _functions(self, functions: list[lambda_.Function]) -> None:
        errors, throttles, durations = [], [], []
        for function in functions:
            name = _name(function)
            self._count_failures(function)
            throttled = function.metric_throttles(period=PERIOD)
            self.alarm(
                f"{_id(function)}Fails",
                function.metric_errors(statistic="Average", period=PERIOD),
                above=MAX_ERRORS_PERCENT / 100,
                periods=2,
                essential=False,
                meaning=f"More than {MAX_ERRORS_PERCENT} % of the invocations of {name} ended with an error, a "
                "timeout or too little memory.",
                section="A function fails",
            )
            self.alarm(
                f"{_id(function)}Throttled",
                throttled,
                above=0,
                periods=3,
                essential=False,
                meaning=f"Lambda has rejected invocations of {name} for a quarter of an hour.",
                section="A function is throttled",
            )
            errors.append(function.metric_errors(period=PERIOD))
            throttles.append(throttled)
            durations.append(function.metric_duration(statistic="p95", period=PERIOD))
        self.graph("Invocations that failed", *errors)
        self.graph("Invocations that were throttled", *throttles)
        self.graph("Duration, p95, in ms", *durations)

    def _count_failures(self, function: lambda_.Function) -> None:
        """Count failures from log lines in the metric WORK_FAILED.

        A failure is a message that has failed for a quarter of an hour, or an invocation that Lambda reports as not
        successful.
        """
        pattern = logs.FilterPattern.any(
            logs.FilterPattern.all(
                logs.FilterPattern.string_value("$.message", "=", "message failed"),
                logs.FilterPattern.number_value("$.tried_seconds", ">", MAX_TRIED_SECONDS),
            ),
            logs.FilterPattern.all(
                logs.FilterPattern.string_value("$.type", "=", "platform.report"),
                logs.FilterPattern.string_value("$.record.status", "!=", "success"),
            ),
        )
        logs.MetricFilter(
            self,
            f"{_id(function)}Failures",
            log_group=function.log_group,
            filter_pattern=pattern,
            metric_namespace=NAMESPACE,
            metric_name=self._settings.named(WORK_FAILED),
            metric_value="1",
        )

    def _messages(self, functions: list[IConstruct | None]) -> None:
        """Watch the share of messages that fail. Each function that reads queues is watched once.

        Periods without data are ignored, because failed messages stay hidden for up to 15 minutes.
        """
        shares = []
        for function in {function.node.path: function for function in functions if function}.values():
            share = own_metric("MessagesFailed", service=self._settings.named(function.node.id), statistic="Average")
            self.alarm(
                f"{_id(function)}MessagesFail",
                share,
                above=MAX_FAILED_PERCENT / 100,
                periods=3,
                essential=False,
                silence=cloudwatch.TreatMissingData.IGNORE,
                meaning=f"{_name(function)} fails at more than {MAX_FAILED_PERCENT} % of its messages.",
                section="Messages fail",
            )
            shares.append(share)
        self.graph("Share of messages that failed", *shares)

    def _apis(self, apis: list[apigateway.RestApi]) -> None:
        for api in apis:
            name = _name(api)
            failed = api.metric_server_error(statistic="Average", period=PERIOD)
            refused = api.metric_client_error(statistic="Average", period=PERIOD)
            self.alarm(
                f"{_id(api)}Fails",
                failed,
                above=MAX_ERRORS_PERCENT / 100,
                periods=2,
                essential=False,
                meaning=f"{name} answers more than {MAX_ERRORS_PERCENT} % of its calls with 5xx.",
                section="An API answers with errors",
            )
            self.alarm(
                f"{_id(api)}Refuses",
                refused,
                above=MAX_REFUSED_PERCENT / 100,
                periods=3,
                essential=False,
                meaning=f"{name} has refused more than {MAX_REFUSED_PERCENT} % of its calls for a quarter of an hour: "
                "a missing or wrong key (403), wrong parameters (400), or too many calls (429).",
                section="An API refuses calls",
            )
            self.graph(f"{name}: calls", api.metric_count(statistic="Sum", period=PERIOD))
            self.graph(f"{name}: shares of 4xx and 5xx", refused, failed)
            self.graph(f"{name}: latency, p95, in ms", api.metric_latency(statistic="p95", period=PERIOD))


def _description(meaning: str, section: str) -> str:
    return f"{meaning} What to do: docs/operations.md, “{section}”."


def _name(construct: IConstruct) -> str:
    return construct.node.path


def _id(construct: IConstruct) -> str:
    _, *parts = construct.node.path.split("/")
    return "".join(parts)
