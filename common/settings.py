"""Define the settings of a deployment. `make settings` generates docs/settings.md from this module."""

import difflib
import math
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    model_validator,
)

from common import deployment_names
from common.ability_settings import Abilities, AbilitySettings
from common.deployment_names import THIRDPARTY
from common.prices import cost_of
from common.receiver_settings import Receiver, Receivers
from common.setting_types import (
    Architecture,
    Auth,
    BucketNames,
    DeploymentName,
    EmailAddress,
    Format,
    HiddenLabels,
    HostPatterns,
    HostPatternsOrNetworks,
    HostsAndPorts,
    LabelFilters,
    MailedLabels,
    Monitoring,
    Ports,
    PythonVersion,
    Region,
    Removal,
    RetentionDays,
    SettingGroup,
    SettingsError,
    Takes,
)

# The default quota of DetectLabels is 50 calls a second in these Regions and 5 in all others.
# https://docs.aws.amazon.com/general/latest/gr/rekognition.html
FAST_REGIONS = frozenset({"us-east-1", "us-west-2", "eu-west-1"})

THIRDPARTY_ENDPOINT = "thirdparty_endpoint"
"""The SSM parameter that holds the third party's address. The operator creates it; no stack creates or changes it."""


def _nothing_or_a_call(dollars: float) -> float:
    if 0 < dollars < cost_of(1):
        raise ValueError(f"is {dollars}, which is less than the price of one call")
    return dollars


class Settings(SettingGroup):
    """The settings of a deployment, from `context` in cdk.json.

    `cdk deploy -c name=value` overrides a setting for one deployment. Lists are JSON lists or comma-separated text.
    Names contain the units.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    deployment: DeploymentName = ""
    """Separates this deployment from others in the account. With `staging`, the names of stacks, APIs and services
    begin with it, such as `staging-APIStack`, and the parameters are `/sightline/staging/endpoints` and
    `/sightline/staging/thirdparty_endpoint`. If you change the name, `make deploy` creates another deployment and keeps
    the old one."""

    region: Region = None
    """AWS Region of `make deploy` and `sightline`. Without it, both follow the CDK CLI: `AWS_REGION`,
    `AWS_DEFAULT_REGION`, the profile's Region, `us-east-1`."""

    auth: Auth = "api_key"
    """Permitted callers of the HTTP APIs: holders of the API key (`api_key`), IAM principals (`iam`) or everybody
    (`none`)."""

    api_rate: Annotated[float, Field(ge=0.1, le=10_000)] = 50
    """Requests per second that one key may send to each API. With `iam` and `none` the limit applies to all callers
    together. The default equals the largest default quota of Rekognition."""

    api_burst: Annotated[int, Field(ge=1, le=5_000)] = 100
    """Requests that may arrive at once before `api_rate` applies."""

    api_quota: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    """Requests per month that one key may send to each API. 0 sets no limit."""

    max_labels: Annotated[int, Field(ge=1, le=20)] = 10
    """`MaxLabels` of DetectLabels. The index entries of an image with up to 20 labels fit into one DynamoDB
    transaction."""

    min_confidence: Annotated[float, Field(ge=0, le=100)] = 70.0
    """`MinConfidence` of DetectLabels, in percent."""

    label_inclusion_filters: LabelFilters = ()
    """`LabelInclusionFilters` of DetectLabels. All label filters together may have about 2,500 characters, because a
    function's environment has 4 KB."""

    label_exclusion_filters: LabelFilters = ()
    """`LabelExclusionFilters` of DetectLabels."""

    label_category_inclusion_filters: LabelFilters = ()
    """`LabelCategoryInclusionFilters` of DetectLabels."""

    label_category_exclusion_filters: LabelFilters = ()
    """`LabelCategoryExclusionFilters` of DetectLabels."""

    max_image_megabytes: Annotated[int, Field(ge=1, le=500)] = 50
    """Maximum size of a picture file. Larger pictures become `FAILED`."""

    max_image_megapixels: Annotated[int, Field(ge=1, le=80)] = 60
    """Maximum number of pixels. Larger pictures become `FAILED`. Decoding takes up to 16 bytes of memory per pixel."""

    rekognition_tps: Annotated[float, Field(ge=0, le=10_000)] = 0
    """DetectLabels calls per second. AWS raises the quota on request. 0 takes the Region's default quota: 50 in
    us-east-1, us-west-2 and eu-west-1, 5 elsewhere. Any other value also sets the number of workers for thumbnails,
    index and deliveries. With 0 there are as few workers as possible, so that the APIs also get some of the ten
    executions of a new account."""

    abilities: Abilities = AbilitySettings()
    """Further calls of Rekognition for each picture, in addition to labels: `text`, `moderation`, `faces`,
    `celebrities`. AWS bills each call ([abilities.md](abilities.md))."""

    hide_moderated: HiddenLabels = ()
    """Moderation labels, or their parents, that hide a picture: lists mark it with `hidden`, and the gallery blurs it
    until it is clicked. Case does not matter. Needs the ability `moderation`."""

    monthly_budget_usd: Annotated[
        float,
        Field(ge=0, le=10_000_000),
        AfterValidator(_nothing_or_a_call),
        Takes("0, or a number from 0.001 to 10,000,000"),
    ] = 0
    """Maximum cost of Rekognition calls per month (UTC), in US dollars at the prices of us-east-1. Further pictures
    wait for the next month or a larger budget ([cost.md](cost.md)). 0 sets no limit."""

    architecture: Architecture = "arm64"
    """Processor of the Lambda functions."""

    python_version: PythonVersion = "3.13"
    """Python of the Lambda functions. 3.11 works on a laptop only: on AWS it runs on Amazon Linux 2, for which Pillow
    has no wheels."""

    layer_platform: str = ""
    """Platform of the layers' wheels (`uv --python-platform`), or `host` for this machine. The default is Linux on
    `architecture`."""

    source_ports: Ports = (80, 443)
    """Ports that pictures may be fetched from."""

    allowed_sources: HostPatterns = ()
    """Hosts that pictures may be fetched from: `example.com`, or `*.example.com` for all hosts below it. Without it,
    all public hosts are allowed. All lists of sources together may have about 120 hosts, because a function's
    environment has 4 KB."""

    denied_sources: HostPatternsOrNetworks = ()
    """Hosts, addresses and networks (CIDR) that pictures must not be fetched from. Overrides all other settings."""

    private_sources: HostsAndPorts = ()
    """Exact `host:port` pairs that pictures may be fetched from although the address is private or the port is not in
    `source_ports`. They need not be in `allowed_sources`. For tests and laptops."""

    format: Format = "xml"
    """Format of delivered documents, unless the entry in `receivers` names another: XML, or the JSON event."""

    receivers: Receivers = ()
    """Third parties. Each has its own queue, function and secret. Without it there is one receiver, `thirdparty`. Its
    address is in the SSM parameter `thirdparty_endpoint`, or in `/sightline/<deployment>/thirdparty_endpoint` if
    `deployment` is set. Removing a receiver deletes its queue and the messages in it."""

    notify_email: EmailAddress = ""
    """Recipient of e-mails about results. The recipient must confirm the subscription. Without it, no e-mails are
    sent."""

    notify_labels: MailedLabels = ()
    """Send e-mails only for results with one of these labels. Without it, e-mails are sent for all results."""

    alarm_email: EmailAddress = ""
    """Recipient of alarms, when they start and when they end. The recipient must confirm the subscription."""

    monitoring: Monitoring = "essential"
    """`essential` has the alarms for messages that will be lost and for work that makes no progress. `full` adds all
    other alarms and the dashboards. `none` has no alarms ([operations.md](operations.md#alarms))."""

    source_buckets: BucketNames = ()
    """Buckets that manifests may copy pictures from, with lines such as `s3://bucket/key`."""

    fetch_workers: Annotated[int, Field(ge=2, le=1000)] = 2
    """Number of batches of manifest lines that are fetched at once. A worker fetches one picture at a time from each
    host. The limits are those of Lambda's MaximumConcurrency."""

    removal_policy: Removal = "retain"
    """Decides whether `make destroy` keeps or deletes the buckets, tables and logs. CloudFormation deletes a bucket
    only if it is empty."""

    log_retention_days: RetentionDays = 30
    """Retention of the functions' logs."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.python_version == "3.11" and self.layer_platform != "host":
            raise SettingsError("python_version 3.11 runs on Amazon Linux 2, for which Pillow has no wheels")
        if self.hide_moderated and not self.abilities.moderation:
            raise SettingsError(
                'hide_moderated needs the ability moderation: abilities={"moderation": {"when": "always"}}'
            )
        return self

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> "Settings":
        """Read the settings from CDK's context, where values from the command line are text.

        Raises:
            SettingsError: a value is invalid, or a name resembles a setting without being one.
        """
        for name in context.keys() - cls.model_fields.keys():
            if close := difflib.get_close_matches(name, cls.model_fields, n=1, cutoff=0.8):
                raise SettingsError(f"there is no setting {name!r}; did you mean {close[0]!r}?")
        settings = cls(**{name: value for name, value in context.items() if name in cls.model_fields})
        receivers = tuple(
            each if "format" in each.model_fields_set else each.model_copy(update={"format": settings.format})
            for each in settings.receivers
        )
        for each in receivers:
            if each.format == "json" and each.document_schema != 1:
                raise SettingsError(f"receivers: {each.name!r}: schema 2 is one of XML, and its format is json")
        return settings.model_copy(update={"receivers": receivers})

    def named(self, name: str) -> str:
        """Return the name of a stack, an API or a service in this deployment."""
        return deployment_names.named(self.deployment, name)

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the stacks. `make deploy` and the commands recognise the deployment by them."""
        return deployment_names.tags(self.deployment)

    @property
    def endpoints_parameter(self) -> str:
        """The SSM parameter that holds the public addresses of the system."""
        return f"/sightline/{self.deployment}/endpoints" if self.deployment else "/sightline/endpoints"

    @property
    def thirdparty_parameter(self) -> str:
        """The SSM parameter that holds the third party's address, unless `receivers` names others."""
        return f"/sightline/{self.deployment}/{THIRDPARTY_ENDPOINT}" if self.deployment else THIRDPARTY_ENDPOINT

    @property
    def detect_labels(self) -> dict[str, Any]:
        """The parameters of DetectLabels that do not depend on the picture, under Rekognition's names."""
        filters = {
            "".join(part.capitalize() for part in name.split("_")): list(getattr(self, name))
            for name in type(self).model_fields
            if name.endswith("_filters") and getattr(self, name)
        }
        return {
            "MaxLabels": self.max_labels,
            "MinConfidence": self.min_confidence,
            **({"Settings": {"GeneralLabels": filters}} if filters else {}),
        }

    @property
    def ability_options(self) -> dict[str, dict[str, Any]]:
        """The enabled abilities with their options. Functions read them with `enabled_abilities`."""
        is_fast_region = self.region in FAST_REGIONS
        return {
            name: {
                **setting.model_dump(mode="json"),
                "calls_per_second": setting.calls_per_second
                or self.abilities.default_calls_per_second(name, is_fast_region=is_fast_region),
            }
            for name, setting in self.abilities.enabled.items()
        }

    @property
    def max_image_bytes(self) -> int:
        """Maximum size of a picture, in bytes."""
        return self.max_image_megabytes * 1024 * 1024

    @property
    def max_image_pixels(self) -> int:
        """Maximum size of a picture, in pixels."""
        return self.max_image_megapixels * 1_000_000

    @property
    def sources(self) -> dict[str, Any]:
        """The source rules of the functions that fetch pictures. `SourceRules.from_json` reads them."""
        names = ("source_ports", "allowed_sources", "denied_sources", "private_sources")
        return {name: list(getattr(self, name)) for name in names}

    @property
    def third_parties(self) -> tuple[Receiver, ...]:
        """The receivers of results."""
        return self.receivers or (
            Receiver(name=THIRDPARTY, url_parameter=self.thirdparty_parameter, format=self.format),
        )

    @property
    def calls_per_second(self) -> float:
        """Maximum DetectLabels calls per second of all workers together."""
        if self.rekognition_tps:
            return self.rekognition_tps
        return 50 if self.region in FAST_REGIONS else 5

    @property
    def recognition_workers(self) -> int:
        """Number of batches that are recognised at once (MaximumConcurrency, which is at least 2).

        The number is small because a worker is billed while its calls wait for their turns. A batch of ten at 25 calls
        a second takes half the time that it takes at ten.
        """
        return min(1000, max(2, round(self.calls_per_second / 25)))

    @property
    def thumbnail_workers(self) -> int:
        """Number of batches whose renditions are made at once. A picture of 2 megapixels takes 0.23 s."""
        return self._workers(0.23)

    @property
    def index_workers(self) -> int:
        """Number of batches that are indexed at once. A batch of ten takes 0.5 s."""
        return self._workers(0.05)

    @property
    def delivery_workers(self) -> int:
        """Number of batches that are offered to a receiver at once.

        The number is half as large again as needed for a receiver that takes 0.4 s per document. A worker sends the ten
        documents of a batch in parallel.
        """
        return self._workers(1.5 * 0.4 / 10)

    def _workers(self, seconds: float) -> int:
        """Return the number of workers that keep up with `rekognition_tps`, at `seconds` per picture."""
        return min(1000, max(2, math.ceil(round(self.rekognition_tps * seconds, 6))))

    @property
    def watches_budget(self) -> bool:
        """True if alarms or dashboards show the metrics of the function `Budget`."""
        return self.monitoring == "full" or (self.monitoring == "essential" and self.monthly_budget_usd > 0)
