import json
from typing import Any, get_args

import pytest

from common.receiver_settings import Receiver
from common.setting_types import Architecture, Auth, Format, MonitoringLevel, Removal, SettingsError
from common.settings import Settings
from common.settings_page import PAGE, settings_page
from rehearsal.combinations import COMBINATIONS, LINTED, context


def test_without_context_the_documented_defaults_hold() -> None:
    settings = Settings.from_context({})
    assert settings.auth == "api_key"
    assert settings.detect_labels == {"MaxLabels": 10, "MinConfidence": 70.0}
    assert settings.private_sources == ()
    assert (settings.api_rate, settings.api_burst, settings.api_quota) == (50, 100, 0)


def test_text_from_the_command_line_gets_the_type_of_the_setting() -> None:
    settings = Settings.from_context(
        {"max_labels": "5", "min_confidence": "82.5", "private_sources": "10.0.0.1:80, b:81"}
    )
    assert settings.max_labels == 5
    assert settings.min_confidence == 82.5
    assert settings.private_sources == ("10.0.0.1:80", "b:81")
    assert Settings.from_context({"source_ports": "80, 8080"}).source_ports == (80, 8080)
    assert Settings.from_context({"source_ports": [443]}).source_ports == (443,)
    assert Settings.from_context({"log_retention_days": "7"}).log_retention_days == 7
    assert Settings.from_context({"python_version": 3.12}).python_version == "3.12"


def test_label_filters_reach_rekognition_under_its_own_names() -> None:
    settings = Settings.from_context({"label_exclusion_filters": ["Person", "Face"]})
    assert settings.detect_labels["Settings"] == {"GeneralLabels": {"LabelExclusionFilters": ["Person", "Face"]}}


@pytest.mark.parametrize(
    ("context", "complaint"),
    [
        ({"deployment": "two words"}, "deployment is 'two words'; expected a letter, then letters, digits and hyphens"),
        ({"deployment": "a" * 33}, "at most 32"),
        ({"deployment": "2nd"}, "expected a letter"),
        ({"deployment": "a-"}, "no hyphen at the end"),
        ({"deployment": "a\n"}, "expected a letter"),
        ({"max_lables": 5}, "did you mean 'max_labels'"),
        ({"api_rate": 0}, "expected a number from 0.1 to 10,000"),
        ({"api_rate": "nan"}, "expected a number from 0.1 to 10,000"),
        ({"api_burst": 0}, "expected a whole number from 1 to 5,000"),
        ({"api_burst": "1.5"}, "api_burst is '1.5'"),
        ({"api_quota": -1}, "expected a whole number from 0 to 1,000,000,000"),
        ({"max_labels": 21}, "expected a whole number from 1 to 20"),
        ({"max_image_megabytes": 0}, "expected a whole number from 1 to 500"),
        ({"max_image_megapixels": 81}, "expected a whole number from 1 to 80"),
        ({"max_labels": "many"}, "max_labels is 'many'"),
        ({"min_confidence": 101}, "expected a number from 0 to 100"),
        ({"auth": "password"}, "expected one of api_key, iam, none"),
        ({"architecture": "riscv"}, "expected one of arm64, x86_64"),
        ({"python_version": "2.7"}, "expected one of 3.11, 3.12, 3.13, 3.14"),
        ({"python_version": "3.11"}, "no wheels"),
        ({"rekognition_tps": -1}, "expected a number from 0 to 10,000"),
        ({"monthly_budget_usd": -1}, "expected 0, or a number from 0.001 to 10,000,000"),
        ({"monthly_budget_usd": "nan"}, "expected 0, or a number from 0.001 to 10,000,000"),
        ({"monthly_budget_usd": "50 USD"}, "monthly_budget_usd is '50 USD'"),
        ({"monthly_budget_usd": "0.0009"}, "less than the price of one call; expected 0, or a number from 0.001 to"),
        ({"removal_policy": "maybe"}, "expected one of retain, destroy"),
        ({"fetch_workers": 1}, "expected a whole number from 2 to 1,000"),
        ({"source_buckets": "s3://photos"}, "expected names of buckets"),
        ({"log_retention_days": 8}, "expected one of 1, 3, 5"),
        ({"private_sources": "10.0.0.1"}, "expected host:port"),
        ({"private_sources": "http://10.0.0.1:80"}, "expected host:port"),
        ({"private_sources": "user@host:80"}, "expected host:port"),
        ({"private_sources": "*.example.com:80"}, "expected host:port"),
        ({"private_sources": "::1:80"}, "expected host:port"),
        ({"private_sources": "host:0"}, "expected host:port"),
        ({"private_sources": "host:65536"}, "expected host:port"),
        ({"source_ports": ""}, "source_ports has 0 entries; expected ports from 1 to 65535"),
        ({"source_ports": "http"}, "source_ports has 'http'"),
        ({"source_ports": "80,65536"}, "expected ports from 1 to 65535"),
        ({"source_ports": "0"}, "expected ports from 1 to 65535"),
        ({"allowed_sources": "https://example.com"}, "expected hosts such as"),
        ({"allowed_sources": "example.com:80"}, "expected hosts such as"),
        ({"allowed_sources": "*"}, "expected hosts such as"),
        ({"allowed_sources": "www.*.com"}, "expected hosts such as"),
        ({"allowed_sources": "10.0.0.0/8"}, "expected hosts such as"),
        ({"allowed_sources": "bücher.example"}, "xn--"),
        ({"denied_sources": "*."}, "an address or a network"),
        ({"denied_sources": "10.0.0.1/8"}, "an address or a network"),
        ({"log_retention_days": "many"}, "log_retention_days is 'many'; expected one of 1, 3, 5"),
        ({"source_buckets": 5}, "source_buckets is 5; expected names of buckets"),
        ({"source_buckets": '["photos"'}, "which is not JSON; expected names of buckets"),
        ({"receivers": 5}, "receivers is 5; expected a JSON list"),
        ({"receivers": ["pets"]}, "expected an object with name, url_parameter"),
        ({"region": []}, "region is"),
        ({"region": "mars"}, "region is 'mars'; expected the code of an AWS Region, such as eu-west-1"),
        ({"region": "eu-west-9"}, "region is 'eu-west-9'; expected"),
        ({"region": "EU-WEST-1"}, "region is 'EU-WEST-1'; expected"),
        ({"region": "eu-west-1a"}, "region is 'eu-west-1a'; expected"),
        ({"region": "Frankfurt"}, "region is 'Frankfurt'; expected"),
        ({"region": " eu-west-1"}, "region is ' eu-west-1'; expected"),
        ({"label_inclusion_filters": [f"Label {n}" for n in range(101)]}, "has 101 entries; expected at most 100"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_it_takes(context: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        Settings.from_context(context)


@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-7", "us-gov-west-1", "cn-north-1", "", None])
def test_a_region_of_any_partition_is_taken(region: str | None) -> None:
    assert Settings.from_context({"region": region}).region == region


def test_context_that_is_not_ours_is_left_alone() -> None:
    assert Settings.from_context({"@aws-cdk/core:target-partitions": ["aws"], "owner": "us"}) == Settings()


def test_without_receivers_there_is_one_whose_address_is_the_operators_parameter() -> None:
    [receiver] = Settings(format="json").third_parties
    assert (receiver.name, receiver.url_parameter, receiver.format) == ("thirdparty", "thirdparty_endpoint", "json")


def test_receivers_are_a_list_in_json_or_in_cdk_json() -> None:
    entries = [{"name": "pets", "url_parameter": "/pets/url", "labels": ["Dog"]}, {"name": "b", "url_parameter": "b"}]
    for value in (entries, json.dumps(entries)):
        pets, other = Settings.from_context({"receivers": value, "format": "json"}).third_parties
        assert pets == Receiver(name="pets", url_parameter="/pets/url", format="json", labels=("Dog",))
        assert other.labels == ()


def test_a_receiver_gets_schema_1_unless_it_names_another() -> None:
    entries = [{"name": "a", "url_parameter": "a"}, {"name": "b", "url_parameter": "b", "schema": 2}]
    assert [each.document_schema for each in Settings.from_context({"receivers": entries}).third_parties] == [1, 2]


@pytest.mark.parametrize(
    ("context", "complaint"),
    [
        ({"receivers": "pets"}, "receivers is 'pets'"),
        ({"receivers": '{"name": "pets"}'}, "receivers is"),
        ({"receivers": [{"name": "pets"}]}, "url_parameter is missing; expected name, url_parameter, format, schema"),
        ({"receivers": [{"name": "Pets", "url_parameter": "p"}]}, "name is 'Pets'; expected a-z"),
        ({"receivers": [{"name": "a", "url_parameter": "https://a"}]}, "expected the name of an SSM parameter"),
        ({"receivers": [{"name": "a", "url_parameter": "p", "format": "yaml"}]}, "xml, json"),
        (
            {"receivers": [{"name": "a", "url_parameter": "p", "schema": 3}]},
            "receivers: 'a': schema is 3; expected one of 1, 2",
        ),
        (
            {"receivers": [{"name": "a", "url_parameter": "p", "schema": 2}], "format": "json"},
            "receivers: 'a': schema 2 is one of XML, and its format is json",
        ),
        (
            {"receivers": [{"name": "a", "url_parameter": "p", "label": "Dog"}]},
            "receivers: 'a': label is not known; expected name",
        ),
        ({"receivers": [{"name": "a", "url_parameter": "p"}] * 2}, "receivers has a twice"),
        ({"format": "yaml"}, "format is 'yaml'; expected one of xml, json"),
        ({"notify_email": "me"}, "notify_email is 'me'; expected an e-mail address"),
        ({"alarm_email": "me"}, "alarm_email is 'me'; expected an e-mail address"),
        (
            {"notify_labels": ["x"] * 76},
            "has 76 entries; expected at most 75 labels, because an SNS filter policy holds 150 combinations",
        ),
        (
            {"receivers": [{"name": "a", "url_parameter": "p", "labels": ["x"] * 151}]},
            "'a': labels has 151 .* at most 150",
        ),
        (
            {"receivers": [{"name": f"r{n}", "url_parameter": "p"} for n in range(21)]},
            "has 21 entries; .* at most 20 because .* 500 resources",
        ),
        ({"receivers": [{"name": name, "url_parameter": "p"} for name in ("a1", "a-1")]}, "'a1' and 'a-1'"),
        ({"receivers": [{"name": "a", "url_parameter": "a/b"}]}, "such as name or /path/to/name"),
        ({"receivers": [{"name": "a", "url_parameter": "/a/"}]}, "such as name or /path/to/name"),
        ({"receivers": [{"name": "a", "url_parameter": "/a" * 16}]}, "such as name or /path/to/name"),
        ({"receivers": [{"name": "a", "url_parameter": "p" * 1012}]}, "such as name or /path/to/name"),
        ({"receivers": [{"name": "a", "url_parameter": "/AWS/p"}]}, "does not begin with aws or ssm"),
        ({"receivers": [{"name": "a", "url_parameter": "ssm-p"}]}, "does not begin with aws or ssm"),
        ({"alarm_email": "me@example"}, "expected an e-mail address"),
        ({"alarm_email": "mé@example.com"}, "expected an e-mail address"),
        ({"alarm_email": f"{'m' * 65}@example.com"}, "expected an e-mail address"),
        ({"alarm_email": f"m@{'e' * 249}.com"}, "expected an e-mail address"),
        ({"source_buckets": "photos,photos"}, "source_buckets has photos twice"),
        ({"source_buckets": "my..photos"}, "expected names of buckets"),
        ({"source_buckets": "192.168.5.4"}, "expected names of buckets"),
        ({"source_buckets": "b" * 64}, "expected names of buckets"),
        ({"label_inclusion_filters": ["x" * 51]}, "each of at most 50 letters, digits"),
        ({"label_inclusion_filters": ["Dog & Cat"]}, "each of at most 50 letters, digits"),
        ({"hide_moderated": "Violence"}, "hide_moderated needs the ability moderation"),
        (
            {"hide_moderated": [f"L{n}" for n in range(51)], "abilities": {"moderation": {"when": "always"}}},
            "at most 50 moderation labels",
        ),
    ],
)
def test_a_receiver_or_address_that_does_not_fit_is_named(context: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        Settings.from_context(context)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (True, "monitoring is true, which is now written full; expected one of essential, full, none"),
        ("off", "monitoring is off, which is now written none; expected one of essential, full, none"),
        ("maybe", "monitoring is 'maybe'; expected one of essential, full, none"),
    ],
)
def test_old_values_of_monitoring_are_refused_with_the_new_ones(given: Any, complaint: str) -> None:
    assert Settings().monitoring == "essential"
    with pytest.raises(SettingsError, match=f"^{complaint}$"):
        Settings.from_context({"monitoring": given})


def test_workers_are_the_fewest_until_a_quota_is_named_and_then_keep_up_with_it() -> None:
    """Two is the least that a mapping takes; a new account has ten executions for mappings and APIs together."""

    def workers(settings: Settings) -> list[int]:
        named = (settings.recognition_workers, settings.thumbnail_workers, settings.index_workers)
        return [*named, settings.delivery_workers, settings.fetch_workers]

    assert workers(Settings(region="us-east-1")) == workers(Settings()) == [2, 2, 2, 2, 2]
    assert workers(Settings(rekognition_tps=50)) == [2, 12, 3, 3, 2]
    assert workers(Settings(rekognition_tps=500, fetch_workers=20)) == [20, 115, 25, 30, 20]


def test_the_largest_values_that_aws_accepts_are_accepted() -> None:
    """Another test shows that larger values are refused."""
    receivers = [{"name": f"r{n}", "url_parameter": "p" * 1011, "labels": ["x"] * 150} for n in range(20)]
    settings = Settings.from_context(
        {
            "notify_labels": ["x"] * 75,
            "receivers": [*receivers[:19], {"name": "last", "url_parameter": "/a" * 15}],
            "alarm_email": f"{'m' * 64}@{'e' * 60}.example.com",
            "source_buckets": ["b" * 63, "my.photos"],
            "label_inclusion_filters": ["x" * 50] * 100,
        }
    )
    assert len(settings.third_parties) == 20


def test_every_setting_is_rehearsed_before_it_is_deployed() -> None:
    """At least one rehearsed combination has a value that is not the default; see rehearsal/combinations.py."""
    tried = {name for settings in COMBINATIONS.values() for name in settings}
    assert set(Settings.model_fields) - tried == {
        "layer_platform",  # of this machine, for tests and laptops
        "label_exclusion_filters",  # as is the other half of the filters
        "label_category_inclusion_filters",
    }


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("auth", get_args(Auth)),
        ("architecture", get_args(Architecture)),
        ("format", get_args(Format)),
        ("monitoring", get_args(MonitoringLevel)),
        ("removal_policy", get_args(Removal)),
        ("python_version", ("3.12", "3.13", "3.14")),
    ],
)
def test_every_value_of_a_choice_is_rehearsed(name: str, values: tuple[str, ...]) -> None:
    rehearsed = {getattr(Settings.from_context(context(each)), name) for each in COMBINATIONS}
    assert rehearsed == set(values)
    assert set(LINTED) <= COMBINATIONS.keys()
    assert len(COMBINATIONS) > 15


def test_a_deployment_sets_its_names_apart_and_without_one_they_are_as_documented() -> None:
    plain, staging = Settings(), Settings(deployment="staging")
    assert (plain.named("APIStack"), staging.named("APIStack")) == ("APIStack", "staging-APIStack")
    assert (plain.tags, staging.tags) == ({"sightline:deployment": "default"}, {"sightline:deployment": "staging"})
    assert (plain.endpoints_parameter, plain.thirdparty_parameter) == ("/sightline/endpoints", "thirdparty_endpoint")
    assert staging.endpoints_parameter == "/sightline/staging/endpoints"
    assert staging.third_parties[0].url_parameter == "/sightline/staging/thirdparty_endpoint"
    assert len(Settings(deployment="a" * 32).named("IntegrationStack")) <= 128


def test_the_settings_page_is_current() -> None:
    """`make settings` generates it."""
    assert PAGE.read_text() == settings_page()


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
