"""Spending: Rekognition's paid answers, the count of calls, and the budget."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources

from common.infrastructure.functions import python_function
from common.infrastructure.permissions import grant
from common.infrastructure.storage import table
from common.settings import Settings


class Spending:
    """Adds the tables of spending to a stack, and the function that enforces the budget."""

    def __init__(self, stack: Stack, *, common_layer: lambda_.ILayerVersion, settings: Settings) -> None:
        self._stack = stack
        self._common_layer = common_layer
        self._settings = settings
        self.usage = table(stack, "Usage", partition_key="period", settings=settings)
        self.paid_answers = table(stack, "Recognitions", partition_key="content", settings=settings)
        self.environment = {
            "USAGE_TABLE": self.usage.table_name,
            "MONTHLY_BUDGET_USD": str(settings.monthly_budget_usd),
        }
        """The variables that a function needs to read the table `Usage`."""

    def enforce_budget(self, source: event_sources.SqsEventSource) -> None:
        """Add the function that stops an event source while the month's budget is used up.

        The function exists without a budget too, because pictures may wait when a budget is removed. It runs every
        minute. It has no traces, and it has metrics only if something watches them: both cost more than the function.
        """
        function = python_function(
            self._stack,
            "Budget",
            handler="recognition.runtime.enforce_budget.handler",
            description="Stops recognition while the month's budget is used up, and reports the month's cost",
            timeout=Duration.seconds(30),
            memory_mb=512,
            environment={
                **self.environment,
                "EVENT_SOURCE_MAPPING": source.event_source_mapping_id,
                "IS_WATCHED": str(self._settings.watches_budget).lower(),
            },
            layers=[self._common_layer],
            settings=self._settings,
            tracing=lambda_.Tracing.DISABLED,
        )
        events.Rule(
            self._stack,
            "BudgetSchedule",
            description="Checks the month's budget",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[targets.LambdaFunction(function)],
        )
        grant(function, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], self.usage.table_arn)
        grant(
            function,
            ["lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"],
            source.event_source_mapping_arn,
        )
