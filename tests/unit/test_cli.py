"""The list of commands, and `sightline env`, `guide` and `delete` with a given target."""

import shlex
from urllib.parse import unquote

import pytest
import requests
from typer.testing import CliRunner

from cli.commands.delete import image_url
from cli.commands.env import VARIABLES, exports
from cli.commands.guide import curl_lines
from cli.main import COMMANDS, app, load
from cli.target import Target, TargetName, local_target
from tests.conftest import ROOT

ON_AWS = Target(
    TargetName.AWS,
    upload_url="https://a/prod",
    labels_url="https://b/prod",
    deliveries_url="https://c/prod",
    api_key="it's $HOME; `id`",
    image_bucket="pictures",
    manifest_bucket="lists",
)
LOCAL = local_target(
    {
        "upload": "http://127.0.0.1:1/u",
        "labels": "http://127.0.0.1:1/l",
        "deliveries": "http://127.0.0.1:1/d",
        "api_key": "k",
        "aws": "http://127.0.0.1:1",
        "rekognition": "http://127.0.0.1:4",
        "photos": "http://127.0.0.1:2/",
        "partner": "http://127.0.0.1:3/",
        "bucket": "pictures",
        "manifests": "lists",
    }
)
LISTED = {name: text for panel in COMMANDS.values() for name, text in panel.items()}


def exported(target: Target) -> dict[str, str]:
    words = [word for line in exports(target) for word in shlex.split(line) if word != "export"]
    return dict(word.split("=", 1) for word in words)


def test_every_module_of_a_command_is_listed() -> None:
    modules = {path.stem.replace("_", "-") for path in (ROOT / "cli/commands").glob("*.py")} - {"--init--"}
    assert set(LISTED) == modules


@pytest.mark.parametrize("name", LISTED)
def test_a_commands_help_begins_with_its_line_in_the_list_and_fits_80_columns(name: str) -> None:
    assert f"{load(name).help} ".startswith((f"{LISTED[name]} ", f"{LISTED[name]}\n"))
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "…" not in shown.stdout


def test_a_misspelt_command_is_answered_with_the_right_one() -> None:
    refused = CliRunner().invoke(app, ["serach", "dog"])
    assert refused.exit_code == 2
    assert "Did you mean 'search'?" in refused.stderr


def test_the_version_is_that_of_the_project() -> None:
    printed = CliRunner().invoke(app, ["--version"]).stdout
    assert f'version = "{printed.split()[1]}"' in (ROOT / "pyproject.toml").read_text()


def test_exported_values_survive_the_shell() -> None:
    assert exported(ON_AWS) == {
        "UPLOAD_URL": "https://a/prod",
        "LABELS_URL": "https://b/prod",
        "DELIVERIES_URL": "https://c/prod",
        "API_KEY": "it's $HOME; `id`",
        "IMAGE_BUCKET": "pictures",
        "MANIFEST_BUCKET": "lists",
    }


def test_a_local_systems_exports_point_aws_tools_to_it_and_mark_the_shell() -> None:
    variables = exported(LOCAL)
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_REGION"]) == ("test", "us-east-1")
    assert variables["SIGHTLINE_SHELL"] == "local"
    assert f"{variables['PARTNER']}/behaviour" == "http://127.0.0.1:3/behaviour"
    assert variables["PHOTO_URL"] == "http://127.0.0.1:2/astronaut.jpg"


def test_unset_takes_back_every_variable_that_env_sets() -> None:
    assert sorted(exported(LOCAL)) == sorted(VARIABLES)


def test_the_first_calls_name_the_target_that_was_found() -> None:
    lines = curl_lines(LOCAL)
    assert "--target local" in lines[0]
    assert '--data-urlencode "url=$PHOTO_URL"' in lines[1]
    assert '--data-urlencode "url=https://…"' in curl_lines(ON_AWS)[1]


@pytest.mark.parametrize("name", ["a.jpg", "holiday/red flower.jpg", "./a.jpg", "b/../a.jpg", "b//a.jpg", "/a.jpg"])
def test_a_deletion_names_the_image_that_was_meant(name: str) -> None:
    """HTTP clients resolve parts such as .. like folders; another image would be deleted."""
    prepared = requests.Request("DELETE", image_url(LOCAL, name)).prepare()
    assert unquote(prepared.url or "") == f"{LOCAL.labels_url}/images/{name}"
