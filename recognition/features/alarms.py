"""Alarms and graphs for recognition. They complete the alarms and graphs that every queue, function and API has."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns

from common.infrastructure.monitoring import Monitoring, own_metric
from common.settings import Settings

LATE = Duration.minutes(5)


class Alarms:
    """Adds monitoring to a stack. Create it last, because resources that are created later are not watched."""

    def __init__(self, stack: Stack, *, alarm_topic: sns.ITopic, settings: Settings) -> None:
        self._monitoring = Monitoring(stack, "Monitoring", topic=alarm_topic, settings=settings)
        self._settings = settings
        self._worker = settings.named("ImageRecognition")
        self._budget = settings.named("Budget")
        self._add_recognition_alarms()
        self._add_budget_alarms()
        self._add_ability_alarms()
        self._add_graphs()

    def _add_recognition_alarms(self) -> None:
        self._monitoring.alarm(
            "LabelsLate",
            own_metric("UploadToLabels", service=self._worker, statistic="p95"),
            above=LATE.to_milliseconds(),
            periods=3,
            essential=False,
            meaning=f"One picture in twenty takes more than {LATE.to_minutes()} minutes from upload to labels.",
            section="Labels come late",
        )
        self._monitoring.alarm(
            "PicturesFail",
            own_metric("Failed", service=self._worker, statistic="Average"),
            above=0.5,
            periods=3,
            essential=False,
            meaning="For a quarter of an hour more than half of the pictures have become FAILED.",
            section="Pictures fail",
        )

    def _add_budget_alarms(self) -> None:
        self._monitoring.alarm(
            "BudgetExceeded",
            own_metric("BudgetExceeded", service=self._budget, statistic="Maximum"),
            above=0,
            silence=cloudwatch.TreatMissingData.IGNORE,  # missing data does not end a pause
            essential=self._settings.watches_budget,
            meaning="This month's budget for Rekognition is used up: pictures wait in the queue.",
            section="The budget is used up",
        )
        self._monitoring.alarm_of_silence(
            "BudgetSilent",
            own_metric("BudgetExceeded", service=self._budget),
            periods=3,
            essential=self._settings.watches_budget,
            meaning="The month's budget has not been checked for a quarter of an hour: a pause would not end.",
            section="Nobody looks at the budget",
        )

    def _add_ability_alarms(self) -> None:
        for name in self._settings.ability_options:
            self._monitoring.alarm(
                f"{name.capitalize()}Fails",
                own_metric("Failed", service=self._worker, statistic="Average", ability=name),
                above=0.5,
                periods=3,
                essential=False,
                meaning=f"For a quarter of an hour Rekognition has refused more than half of the pictures for {name}.",
                section="An ability fails",
            )

    def _add_graphs(self) -> None:
        uploaded = [
            own_metric("Uploaded", service=self._settings.named(each)) for each in ("GetSaveImage", "FetchImages")
        ]
        self._graph("Pictures", *uploaded, *(self._count(name) for name in ("Recognized", "Failed")))
        self._graph("Calls of Rekognition", *(self._count(name) for name in ("Calls", "CacheHits")))
        if abilities := list(self._settings.ability_options):
            for title, name in (("Calls for abilities", "Calls"), ("Failures of abilities", "Failed")):
                self._graph(title, *(own_metric(name, service=self._worker, ability=each) for each in abilities))
        times = [own_metric("UploadToLabels", service=self._worker, statistic=each) for each in ("p50", "p95")]
        self._graph("From upload to labels, in ms", *times)
        for title, name in (("Calls this month", "MonthlyCalls"), ("Spent this month, in USD", "MonthlyCost")):
            self._graph(title, own_metric(name, service=self._budget, statistic="Maximum"))

    def _count(self, name: str) -> cloudwatch.Metric:
        return own_metric(name, service=self._worker)

    def _graph(self, title: str, *metrics: cloudwatch.IMetric) -> None:
        self._monitoring.graph(title, *metrics)
