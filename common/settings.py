"""Every knob of a deployment: its name in CDK's context, its unit, its default and what it may be."""

import difflib
import ipaddress
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from common.prices import cost_of

Auth = Literal["api_key", "iam", "none"]
Architecture = Literal["arm64", "x86_64"]
Removal = Literal["retain", "destroy"]
Format = Literal["xml", "json"]
MonitoringLevel = Literal["essential", "full", "none"]

FORMER_MONITORING = {"true": "full", "on": "full", "false": "none", "off": "none"}

# Where the default quota of DetectLabels is 50 calls a second; it is 5 elsewhere.
# https://docs.aws.amazon.com/general/latest/gr/rekognition.html
FAST_REGIONS = frozenset({"us-east-1", "us-west-2", "eu-west-1"})

HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)
MAX_PORT = 65_535
HOSTS = "hosts such as example.com or *.example.com (other scripts as xn--…)"


THIRDPARTY = "thirdparty"
THIRDPARTY_ENDPOINT = "thirdparty_endpoint"
DEPLOYMENT_TAG = "sightline:deployment"
"""The tag of every stack; its value names the deployment."""
DEFAULT_DEPLOYMENT = "default"
"""What the tag and messages call the deployment without a name."""
MAX_DEPLOYMENT = 32
"""So that names which begin with it fit: a stack's may have 128 characters, and variables of functions hold tables'."""
"""The SSM parameter that holds the third party's address. It is the operator's: no stack makes or changes it."""

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

# https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
PARAMETER = re.compile(r"(?!/?(aws|ssm))([a-z0-9_.-]+|(/[a-z0-9_.-]+){1,15})", re.IGNORECASE)
MAX_PARAMETER_CHARACTERS = 1_011

# https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html: ASCII alone.
ADDRESS = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
MAX_ADDRESS_CHARACTERS = 254

MAX_COMBINATIONS = 150
"""Of the values in an SNS filter policy, multiplied over its attributes.
https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"""

MAILED_EVENTS = ("image.recognized", "image.failed")
"""An attribute of its own in the filter policy of the mails."""

MAX_RECEIVERS = 20
"""CloudFormation's 500 resources hold 25, with every alarm; the rest is room for what is to come.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

# https://docs.aws.amazon.com/rekognition/latest/APIReference/API_GeneralLabelsSettings.html
LABEL_FILTER = re.compile(r"[A-Za-z0-9àâèçñó'-_(). ]{1,50}")
MAX_LABEL_FILTERS = 100


class SettingsError(ValueError):
    """A setting that does not exist or has a value it cannot take; the message names both."""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Somebody to whom results are delivered."""

    name: str
    """Stands in logs, metrics and the names of resources: a letter, then letters, digits and hyphens, 32 at most."""

    url_parameter: str
    """The SSM parameter that holds the address."""

    format: Format = "xml"
    """What is sent: the XML document, or the JSON event."""

    labels: tuple[str, ...] = ()
    """Only results with one of these labels; all, if there are none."""

    def __post_init__(self) -> None:
        place = f"receivers: {self.name!r}"
        if not re.fullmatch("[a-z][a-z0-9-]{0,31}", self.name):
            raise SettingsError(f"{place} is no name; it takes a-z, then a-z, 0-9 and -, at most 32")
        if not PARAMETER.fullmatch(self.url_parameter) or len(self.url_parameter) > MAX_PARAMETER_CHARACTERS:
            takes = "the name of an SSM parameter, as in name or /path/to/name, that does not begin with aws or ssm"
            raise SettingsError(f"{place}: url_parameter is {self.url_parameter!r}; it takes {takes}")
        _one_of(f"{place}: format", self.format, get_args(Format))
        _at_most(f"{place}: labels", self.labels, MAX_COMBINATIONS, "which is all that an SNS filter policy holds")

    @property
    def prefix(self) -> str:
        """The first part of the names of its constructs."""
        return "" if self.name == THIRDPARTY else self.name.title().replace("-", "")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a deployment may choose, in the `context` of `cdk.json`; by `cdk deploy -c name=value` for one time alone.

    Lists are JSON lists or comma-separated text. Units stand in the names.
    """

    deployment: str = ""
    """A name that sets this deployment apart from others in the account: all names that are not generated begin with
    it. Without it they are as the documents have them."""

    region: str | None = None
    """AWS Region; without it the one of the caller's credentials, if they are known at synth."""

    auth: Auth = "api_key"
    """Who may call the HTTP APIs: holders of the API key, IAM principals, or anybody."""

    api_rate: float = 50
    """Requests a second that one key may send to each API; with `iam` and `none`, all callers together. As many as
    Rekognition's largest default quota recognises."""

    api_burst: int = 100
    """Requests that may come at once before that rate counts."""

    api_quota: int = 0
    """Requests a month that one key may send to each API; 0 sets no limit."""

    max_labels: int = 10
    """DetectLabels' MaxLabels. At most 20, so that an image's index entries fit one DynamoDB transaction."""

    min_confidence: float = 70.0
    """DetectLabels' MinConfidence, in per cent."""

    label_inclusion_filters: tuple[str, ...] = ()
    label_exclusion_filters: tuple[str, ...] = ()
    label_category_inclusion_filters: tuple[str, ...] = ()
    label_category_exclusion_filters: tuple[str, ...] = ()
    """DetectLabels' Settings.GeneralLabels, at most 100 names each."""

    max_image_megabytes: int = 50
    max_image_megapixels: int = 60
    """What a picture may have; larger ones become `FAILED`. Decoding takes up to 16 bytes of memory a pixel."""

    rekognition_tps: float = 0
    """DetectLabels calls a second, for which all workers are sized. 0 takes the Region's default quota and the fewest
    workers, which leave room for the APIs among the ten executions that a new account has."""

    monthly_budget_usd: float = 0
    """US dollars that a month's calls of Rekognition may cost, in UTC and at us-east-1's prices; pictures over it wait.
    0 sets no limit."""

    architecture: Architecture = "arm64"
    """The Lambda functions' processor."""

    python_version: str = "3.13"
    """The Lambda functions' Python."""

    layer_platform: str = ""
    """uv's `--python-platform` for the layers' wheels; by default the architecture's Linux, `host` for this machine."""

    source_ports: tuple[int, ...] = (80, 443)
    """The ports that may be fetched from."""

    allowed_sources: tuple[str, ...] = ()
    """The hosts that may be fetched from, if not all: `example.com`, `*.example.com` for all below it."""

    denied_sources: tuple[str, ...] = ()
    """The hosts that must not be fetched from, whatever else allows them; addresses and networks (CIDR) as well."""

    private_sources: tuple[str, ...] = ()
    """Exact `host:port` pairs that may be fetched from although their address is private, on any port. For tests and
    laptops."""

    format: Format = "xml"
    """What a third party gets, unless its entry in `receivers` says otherwise: the XML document or the JSON event."""

    receivers: tuple[Receiver, ...] = ()
    """Third parties, each with a queue, a function and a secret of its own; a JSON list of objects with Receiver's
    members. Without it there is one, `thirdparty`, whose address is in the SSM parameter `thirdparty_endpoint`; with
    `deployment` set, in `/sightline/<deployment>/thirdparty_endpoint`."""

    notify_email: str = ""
    """Where e-mails about results go; none are sent without it. The recipient has to confirm the subscription."""

    alarm_email: str = ""
    """Where alarms are mailed, and when they are over. The recipient has to confirm the subscription."""

    monitoring: MonitoringLevel = "essential"
    """The alarms for loss and standstill; `full` adds all others and the dashboards."""

    notify_labels: tuple[str, ...] = ()
    """Only results with one of these labels are mailed; all, if there are none."""

    source_buckets: tuple[str, ...] = ()
    """Buckets out of which manifests may have pictures copied, by lines such as s3://bucket/key."""

    fetch_workers: int = 2
    """How many batches of manifests' lines are fetched at once; a worker asks one host for one picture at a time."""

    removal_policy: Removal = "retain"
    """What becomes of the bucket, the tables and the logs when the stacks are destroyed."""

    log_retention_days: int = 30
    """How long the functions' logs are kept."""

    def __post_init__(self) -> None:
        _deployment(self.deployment)
        _one_of("format", self.format, get_args(Format))
        self._check_receivers()
        _address("notify_email", self.notify_email)
        _address("alarm_email", self.alarm_email)
        each = len(MAILED_EVENTS)
        why = f"as an SNS filter policy holds {MAX_COMBINATIONS} combinations, and each label stands with {each} events"
        _at_most("notify_labels", self.notify_labels, MAX_COMBINATIONS // each, why)
        if (former := str(self.monitoring).lower()) in FORMER_MONITORING:
            takes = ", ".join(get_args(MonitoringLevel))
            raise SettingsError(
                f"monitoring is {former}, which is now written {FORMER_MONITORING[former]}; it takes one of {takes}"
            )
        _one_of("monitoring", self.monitoring, get_args(MonitoringLevel))
        _one_of("auth", self.auth, get_args(Auth))
        _one_of("architecture", self.architecture, get_args(Architecture))
        _one_of("removal_policy", self.removal_policy, get_args(Removal))
        _between("api_rate", self.api_rate, 0.1, 10_000)
        _between("api_burst", self.api_burst, 1, 5_000)
        _between("api_quota", self.api_quota, 0, 1_000_000_000)
        _between("max_labels", self.max_labels, 1, 20)
        _between("min_confidence", self.min_confidence, 0, 100)
        _between("max_image_megabytes", self.max_image_megabytes, 1, 500)
        _between("max_image_megapixels", self.max_image_megapixels, 1, 80)
        _between("rekognition_tps", self.rekognition_tps, 0, 10_000)
        _between("monthly_budget_usd", self.monthly_budget_usd, 0, 10_000_000)
        if 0 < self.monthly_budget_usd < cost_of(1):
            takes = f"it takes 0, or the price of a call, {cost_of(1):.3f}, and more"
            raise SettingsError(f"monthly_budget_usd is {self.monthly_budget_usd}; {takes}")
        _between("fetch_workers", self.fetch_workers, 2, 1000)  # MaximumConcurrency's own limits
        for bucket in self.source_buckets:
            if not BUCKET.fullmatch(bucket):
                raise SettingsError(f"source_buckets has {bucket!r}; it takes names of buckets")
        _once("source_buckets", self.source_buckets)
        _one_of("log_retention_days", self.log_retention_days, (1, 3, 5, 7, 14, 30, 60, 90, 180, 365))
        if self.python_version not in {"3.11", "3.12", "3.13", "3.14"}:
            raise SettingsError(f"python_version is {self.python_version!r}; it takes 3.11 to 3.14")
        if self.python_version == "3.11" and self.layer_platform != "host":
            raise SettingsError("python_version 3.11 runs on Amazon Linux 2, for which there are no wheels of Pillow")
        for name in (f.name for f in fields(self) if f.name.endswith("_filters")):
            _at_most(name, getattr(self, name), MAX_LABEL_FILTERS, "as DetectLabels does")
            for label in getattr(self, name):
                if not LABEL_FILTER.fullmatch(label):
                    raise SettingsError(f"{name} has {label!r}; DetectLabels takes names of at most 50 letters")
        self._check_sources()

    def _check_receivers(self) -> None:
        _at_most("receivers", self.receivers, MAX_RECEIVERS, "as a stack of CloudFormation holds 500 resources")
        _once("receivers", [receiver.name for receiver in self.receivers])
        named: dict[str, str] = {}
        for receiver in self.receivers:
            if other := named.get(receiver.prefix):
                raise SettingsError(f"receivers has {other!r} and {receiver.name!r}; without hyphens they are the same")
            named[receiver.prefix] = receiver.name

    def _check_sources(self) -> None:
        if not self.source_ports:
            raise SettingsError("source_ports is empty; it takes ports, as in 80,443")
        for port in self.source_ports:
            _between("source_ports", port, 1, MAX_PORT)
        for source in self.allowed_sources:
            if not _is_host(source.removeprefix("*.")):
                raise SettingsError(f"allowed_sources has {source!r}; it takes {HOSTS}")
        for source in self.denied_sources:
            if not _is_host(source.removeprefix("*.")) and not _is_network(source):
                raise SettingsError(f"denied_sources has {source!r}; it takes {HOSTS}, an address or a network")
        for source in self.private_sources:
            host, _, number = source.rpartition(":")
            if not (_is_host(host) or _is_ipv6_host(host)) or not number.isdecimal() or not 0 < int(number) <= MAX_PORT:
                raise SettingsError(f"private_sources has {source!r}; it takes host:port, as in 127.0.0.1:8000")

    def named(self, name: str) -> str:
        """Return the name in this deployment of a stack, an API or a service: other deployments have others."""
        return f"{self.deployment}-{name}" if self.deployment else name

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the stacks, by which `make deploy` and the commands know them."""
        return {DEPLOYMENT_TAG: self.deployment or DEFAULT_DEPLOYMENT}

    @property
    def endpoints_parameter(self) -> str:
        """The SSM parameter that says where the system is met from outside."""
        return f"/sightline/{self.deployment}/endpoints" if self.deployment else "/sightline/endpoints"

    @property
    def thirdparty_parameter(self) -> str:
        """The SSM parameter that holds the third party's address, unless `receivers` name others."""
        return f"/sightline/{self.deployment}/{THIRDPARTY_ENDPOINT}" if self.deployment else THIRDPARTY_ENDPOINT

    @property
    def detect_labels(self) -> dict[str, Any]:
        """The parameters of DetectLabels that do not depend on the picture, in Rekognition's own names."""
        filters = {
            "".join(part.capitalize() for part in name.split("_")): list(getattr(self, name))
            for name in (f.name for f in fields(self) if f.name.endswith("_filters"))
            if getattr(self, name)
        }
        return {
            "MaxLabels": self.max_labels,
            "MinConfidence": self.min_confidence,
            **({"Settings": {"GeneralLabels": filters}} if filters else {}),
        }

    @property
    def max_image_bytes(self) -> int:
        """What a picture may have, in bytes."""
        return self.max_image_megabytes * 1024 * 1024

    @property
    def max_image_pixels(self) -> int:
        """What a picture may have, in pixels."""
        return self.max_image_megapixels * 1_000_000

    @property
    def sources(self) -> dict[str, Any]:
        """What the functions that fetch are to know; `SourceRules.from_json` reads it."""
        names = ("source_ports", "allowed_sources", "denied_sources", "private_sources")
        return {name: list(getattr(self, name)) for name in names}

    @property
    def third_parties(self) -> tuple[Receiver, ...]:
        """Who results are delivered to."""
        return self.receivers or (
            Receiver(name=THIRDPARTY, url_parameter=self.thirdparty_parameter, format=self.format),
        )

    @property
    def calls_per_second(self) -> float:
        """How often all workers together may call DetectLabels."""
        if self.rekognition_tps:
            return self.rekognition_tps
        return 50 if self.region in FAST_REGIONS else 5

    @property
    def recognition_workers(self) -> int:
        """How many batches are recognised at once (MaximumConcurrency, of which 2 is the least).

        Few, because a worker is billed while its calls wait for their turns: a batch of ten at 25 calls a second is
        done in half the time that it takes at ten.
        """
        return min(1000, max(2, round(self.calls_per_second / 25)))

    @property
    def thumbnail_workers(self) -> int:
        """Batches of pictures that are made small at once. A picture of 2 megapixels takes 0.23 s."""
        return self._workers(0.23)

    @property
    def index_workers(self) -> int:
        """Batches of results that are put into the index at once. A batch of ten takes half a second."""
        return self._workers(0.05)

    @property
    def delivery_workers(self) -> int:
        """Batches that are offered to a receiver at once: half as many again as one wants that takes 0.4 s.

        A batch is ten documents, offered side by side.
        """
        return self._workers(1.5 * 0.4 / 10)

    def _workers(self, seconds: float) -> int:
        """Workers (MaximumConcurrency, at least 2) that keep up with `rekognition_tps`, by a picture's seconds."""
        return min(1000, max(2, math.ceil(round(self.rekognition_tps * seconds, 6))))

    @property
    def watches_budget(self) -> bool:
        """True if alarms or dashboards show what the function `Budget` counts."""
        return self.monitoring == "full" or (self.monitoring == "essential" and self.monthly_budget_usd > 0)

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> "Settings":
        """Read the settings out of CDK's context, where values from the command line are text.

        Raises:
            SettingsError: a value does not fit, or a name looks like a misspelt setting.
        """
        known = {f.name: f.type for f in fields(cls)}
        for name in context.keys() - known.keys():
            if close := difflib.get_close_matches(name, known, n=1, cutoff=0.8):
                raise SettingsError(f"there is no setting {name!r}; did you mean {close[0]!r}?")
        values = {name: _parse(name, known[name], context[name]) for name in known.keys() & context.keys()}
        if "receivers" in values:
            default = {"format": values["format"]} if "format" in values else {}
            values["receivers"] = tuple(_receiver({**default, **entry}) for entry in values["receivers"])
        return cls(**values)


def _receiver(entry: dict[str, Any]) -> Receiver:
    known = {f.name for f in fields(Receiver)}
    if unknown := sorted(entry.keys() - known):
        raise SettingsError(f"receivers has {unknown[0]!r}; it takes {', '.join(sorted(known))}")
    try:
        return Receiver(**{**entry, "labels": _parse("receivers: labels", tuple[str, ...], entry.get("labels", ""))})
    except TypeError as error:
        raise SettingsError(f"receivers has {entry!r}; it takes name and url_parameter") from error


def _parse(name: str, kind: Any, value: Any) -> Any:
    try:
        if kind is int:
            return int(value)
        if kind is float:
            return float(value)
        if kind in {tuple[str, ...], tuple[int, ...]}:
            entries = value
            if isinstance(value, str):
                entries = json.loads(value) if value.startswith("[") else value.split(",")
            return tuple(get_args(kind)[0](str(entry).strip()) for entry in entries if str(entry).strip())
        if kind == tuple[Receiver, ...]:
            return [dict(entry) for entry in (json.loads(value) if isinstance(value, str) else value)]
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{name} is {value!r}; {error}") from error
    return str(value)


def _is_host(text: str) -> bool:
    return HOST.fullmatch(text) is not None


def _is_ipv6_host(text: str) -> bool:
    try:
        return text == f"[{text[1:-1]}]" and ipaddress.IPv6Address(text[1:-1]).scope_id is None
    except ValueError:
        return False


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _one_of(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} is {value!r}; it takes one of {', '.join(map(str, choices))}")


def _deployment(name: str) -> None:
    if not re.fullmatch(rf"|[a-zA-Z](?:[a-zA-Z0-9-]{{0,{MAX_DEPLOYMENT - 2}}}[a-zA-Z0-9])?", name):
        takes = f"a letter, then letters, digits and hyphens, {MAX_DEPLOYMENT} at most, and no hyphen at the end"
        raise SettingsError(f"deployment is {name!r}; it takes {takes}")


def _address(name: str, address: str) -> None:
    if address and (not ADDRESS.fullmatch(address) or len(address) > MAX_ADDRESS_CHARACTERS):
        raise SettingsError(f"{name} is {address!r}; it takes an address, as in me@example.com")


def _at_most(name: str, entries: Sequence[Any], most: int, why: str) -> None:
    if len(entries) > most:
        raise SettingsError(f"{name} has {len(entries)} entries; it takes at most {most}, {why}")


def _once(name: str, entries: Sequence[str]) -> None:
    twice = sorted({entry for entry in entries if entries.count(entry) > 1})
    if twice:
        raise SettingsError(f"{name} has {', '.join(twice)} twice; it takes each once")


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name} is {value}; it takes {low} to {high}")
