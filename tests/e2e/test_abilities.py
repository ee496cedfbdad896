"""Abilities on a cloud of their own: asked for by every way of uploading. Each is paid for once, and none delays
another."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from common.prices import cost_of
from common.runtime.abilities import ABILITIES
from local.cloud import Cloud
from tests import partner_documents
from tests.e2e.conftest import System, system_of, wait_for
from tests.e2e.gallery.chromium import DEVICES, running_chromium, screenshot_folder, take_screenshot
from tests.e2e.gallery.visit import Visit
from tests.e2e.test_commands import sightline
from tests.e2e.test_nothing_lost import distinct_picture
from tests.local.photos import photo
from tests.source_server import Source

THROTTLED_SECONDS = float(os.environ.get("SIGHTLINE_THROTTLED_SECONDS", "5"))
"""`make test-abilities` takes 120."""

SETTING = {
    "text": {"when": "asked"},
    "moderation": {"when": ["refused/"]},
    "faces": {"when": ["people/"], "attributes": ["SMILE"]},
    "celebrities": {"when": "asked"},
}
RECEIVERS = [
    {"name": "thirdparty", "url_parameter": "thirdparty_endpoint"},
    {"name": "second", "url_parameter": "second_endpoint", "schema": 2},
]
PAGES = ("pages/url.png", "pages/bucket.png", "pages/manifest.png")
FIRST_LINE, LINES = "Region-based segmentation", 7


@pytest.fixture(scope="module")
def cloud(source: Source, models: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    running = Cloud(
        tmp_path_factory.mktemp("abilities"),
        say=print,
        sources=[source.host_and_port],
        models=[Path(model) for model in models.split(os.pathsep) if model],
        context={"receivers": json.dumps(RECEIVERS), "abilities": json.dumps(SETTING)},
    )
    running.up()
    yield running
    running.down()


@pytest.fixture(scope="module")
def system(cloud: Cloud) -> System:
    """The system. Its second receiver has the partner's address too."""
    running = system_of(cloud)
    address = running.endpoints.partner
    running.client("ssm").put_parameter(Name="second_endpoint", Value=address, Type="String", Overwrite=True)
    return running


def refused(system: System, operation: str) -> int:
    """Return the number of refused calls of an operation."""
    stats = requests.get(f"{system.endpoints.rekognition}/stats", timeout=60).json()
    return sum(stats["refused"].get(operation, {}).values())


def put(system: System, name: str, body: bytes, *abilities: str) -> None:
    """Put a picture that asks for abilities into the bucket."""
    asked = {"abilities": ",".join(abilities)}
    system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=body, Metadata=asked)


def found(system: System, **query: Any) -> set[str]:
    """Return the names of the images that a search finds."""
    address = f"{system.endpoints.labels}/search"
    answer = requests.get(address, params=query, headers=system.headers, timeout=60)
    assert answer.ok, answer.text
    return {entry["image"] for entry in answer.json()}


def usage(system: System) -> Any:
    return requests.get(f"{system.endpoints.labels}/usage", headers=system.headers, timeout=60).json()


@pytest.fixture(scope="module")
def records(system: System, source: Source) -> dict[str, Any]:
    """Return the records of a page of text that came by URL, into the bucket and by a manifest."""
    source.files["page.png"] = photo("page.png")
    url = f"{source.address}/file.png?page.png"
    by_url, by_bucket, by_manifest = PAGES
    wish = {"url": url, "name": by_url, "abilities": ["text"]}
    posted = requests.post(f"{system.endpoints.upload}/images", json=wish, headers=system.headers, timeout=60)
    assert posted.status_code == 201, posted.text
    put(system, by_bucket, photo("page.png"), "text")
    table = f"url,name,abilities\n{url},{by_manifest},text\n"
    system.s3().put_object(Bucket=system.endpoints.manifests, Key="pages.csv", Body=table)
    return {name: wait_for(partial(system.image, name)) for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_each_line_of_a_page_is_read_whichever_way_it_comes(records: dict[str, Any], name: str) -> None:
    assert set(records[name]["abilities"]) == {"text"}
    text = records[name]["abilities"]["text"]
    lines = [each["text"] for each in text["found"] if each["type"] == "line"]
    assert (text["status"], len(lines), lines[0]) == ("done", LINES, FIRST_LINE)


@pytest.mark.parametrize("text", ["SEGMENTATION", "markers", "coins", "histog*"])
@pytest.mark.usefixtures("records")
def test_a_page_is_found_by_its_words_and_by_a_prefix(system: System, text: str) -> None:
    wait_for(lambda: found(system, text=text) == set(PAGES))


@pytest.mark.usefixtures("records")
def test_a_search_combines_words_and_prefixes(system: System) -> None:
    wait_for(lambda: found(system, text=["segmentation", "markers", "coins", "histog*"]) == set(PAGES))
    assert found(system, text=["markers", "absent"]) == set()
    assert found(system, text=["markers", "absent"], match="any") == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.usefixtures("records")
def test_the_partner_gets_the_texts_in_schema_2_and_only_labels_in_schema_1(system: System, name: str) -> None:
    bodies = wait_for(lambda: len(found := system.documents(name)) == len(RECEIVERS) and found)
    [first], [second] = ([b for b in bodies if ("recognition:2" in b) == is_second] for is_second in (False, True))
    assert partner_documents.read(first)["image"] == partner_documents.read_2(second)["image"] == name
    assert "abilities" not in first
    [ability] = partner_documents.read_2(second)["abilities"]["ability"]
    lines = [each["text"] for each in ability["found"]["text_detection"] if each["type"] == ["line"]]
    assert (len(lines), lines[0]) == (LINES, [FIRST_LINE])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.usefixtures("records")
def test_the_gallery_draws_the_lines_of_a_page(system: System, tmp_path: Path, device: str) -> None:
    with running_chromium() as browser:
        visit = Visit(browser.new_context(**DEVICES[device]), system)
        visit.give_key()
        page = visit.open(f"#{PAGES[0]}")
        expect(page.locator(".outlines polygon")).to_have_count(LINES)
        expect(page.get_by_role("list", name="Text").get_by_role("listitem")).to_have_count(LINES)
        expect(page.get_by_text("thirdparty: delivered")).to_be_visible()
        take_screenshot(page, screenshot_folder(tmp_path) / f"gallery/text-{device}.jpg")
        visit.context.close()
        visit.expect_clean()


def test_five_names_for_the_same_bytes_make_a_call_for_each_of_three_abilities(system: System) -> None:
    names, before = [f"people/{number}.png" for number in range(5)], system.answered()
    for name in names:
        put(system, name, photo("astronaut.png"), "text", "celebrities")
    made = [wait_for(partial(system.image, name))["abilities"] for name in names]
    wait_for(system.is_idle)
    assert system.answered() - before == Counter(("DetectLabels", "DetectText", "DetectFaces", "RecognizeCelebrities"))
    assert all(each == made[0] for each in made)
    assert set(made[0]) == {"text", "faces", "celebrities"}
    [face] = made[0]["faces"]["found"]
    assert set(face["attributes"]) == {"smile"}


@pytest.mark.timeout(300 + 4 * int(THROTTLED_SECONDS))
def test_while_one_ability_is_throttled_labels_and_other_abilities_are_asked_once(system: System) -> None:
    """The first call passes, because the limit has a burst of one. All others are refused until it is lifted."""
    rehearsal = f"{system.endpoints.rekognition}/rehearsal"
    names, before = [f"people/throttled {number}.png" for number in range(6)], system.answered()
    slow = {"operation": "DetectText", "calls_per_second": 0.001}
    requests.post(rehearsal, json=slow, timeout=60).raise_for_status()
    for name in names:
        put(system, name, distinct_picture(), "text")
    wait_for(lambda: system.answered()["DetectFaces"] - before["DetectFaces"] == len(names))
    refusals = wait_for(partial(refused, system, "DetectText"))
    with pytest.raises(AssertionError, match="still False"):
        wait_for(lambda: len([name for name in names if system.image(name)]) > 1, THROTTLED_SECONDS)
    requests.post(rehearsal, json={**slow, "calls_per_second": None}, timeout=60).raise_for_status()

    made = [wait_for(partial(system.image, name), 60 + 3 * THROTTLED_SECONDS)["abilities"] for name in names]
    assert {(name, each["status"]) for one in made for name, each in one.items()} == {
        ("text", "done"),
        ("faces", "done"),
    }
    wait_for(system.is_idle)
    assert system.answered() - before == Counter(
        dict.fromkeys(("DetectLabels", "DetectText", "DetectFaces"), len(names))
    )
    assert refused(system, "DetectText") >= refusals >= 1
    assert system.depth("UploadedImageDeadLetters") == 0


@contextmanager
def disabled(system: System, ability: str) -> Iterator[None]:
    """Run the recogniser without an ability, as before it was enabled."""
    functions = system.client("lambda")
    names = [function["FunctionName"] for function in functions.list_functions()["Functions"]]
    [worker] = [name for name in names if "ImageRecognition" in name]
    before = functions.get_function_configuration(FunctionName=worker)["Environment"]["Variables"]
    abilities = {name: each for name, each in json.loads(before["ABILITIES"]).items() if name != ability}
    variables = {**before, "ABILITIES": json.dumps(abilities)}
    functions.update_function_configuration(FunctionName=worker, Environment={"Variables": variables})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=worker, Environment={"Variables": before})


def test_an_ability_that_is_enabled_later_is_asked_about_earlier_pictures_and_nothing_else(
    cloud: Cloud, system: System
) -> None:
    with disabled(system, "faces"):
        put(system, "people/before.png", distinct_picture())
        assert "abilities" not in wait_for(lambda: system.image("people/before.png"))
    before = system.answered()
    done = sightline(cloud, "reproject", "--ability", "faces")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 picture without faces" in done.stdout
    wait_for(lambda: system.image("people/before.png").get("abilities", {}).keys() == {"faces"})
    assert system.answered() - before == Counter(DetectFaces=1)
    assert "0 pictures without faces" in sightline(cloud, "reproject", "--ability", "faces").stdout


def test_usage_its_command_and_the_price_of_the_answered_calls_agree(cloud: Cloud, system: System) -> None:
    wait_for(system.is_idle)
    calls, shown = system.answered(), usage(system)
    assert (shown["calls"], shown["cost_usd"]) == (calls.total(), float(cost_of(calls.total())))
    shares = {ABILITIES[name].operation: each["calls"] for name, each in shown["abilities"].items()}
    assert {**shares, "DetectLabels": shown["calls"] - sum(shares.values())} == calls
    assert json.loads(sightline(cloud, "usage", "--json").stdout) == shown
    lines = [line.split() for line in sightline(cloud, "usage").stdout.splitlines()]
    for name, each in {shown["month"]: shown, **shown["abilities"]}.items():
        assert [name, f"{each['calls']:,}", f"${each['cost_usd']:,.3f}"] in [line[:3] for line in lines]


def test_an_ability_that_is_refused_for_good_holds_back_neither_labels_nor_other_abilities(system: System) -> None:
    """The local Rekognition refuses DetectModerationLabels, because it has no model for it."""
    put(system, "refused/a.png", distinct_picture(), "text")
    record = wait_for(lambda: system.image("refused/a.png"))
    assert (record["status"], record["abilities"]["text"]["status"]) == ("RECOGNIZED", "done")
    moderation = record["abilities"]["moderation"]
    assert (moderation["status"], moderation["failure"]["code"]) == ("failed", "InvalidParameterException")
