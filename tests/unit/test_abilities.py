"""Abilities read Rekognition's answers, and the setting says which pictures they are asked about."""

import dataclasses
import json
from typing import Any

import pytest
from botocore.session import get_session

from common.runtime.abilities import ABILITIES
from common.runtime.abilities.ability import PICTURE_ERRORS
from common.runtime.abilities.asked import asked_by
from common.runtime.abilities.enabled import as_metadata, enabled_abilities
from common.runtime.abilities.text import folded_prefix, folded_word
from common.runtime.recognition_event import AbilityResult, Box, EventError, Instance, Label, RecognitionEvent
from common.setting_types import SettingsError
from common.settings import Settings
from tests.findings import moderation

BOX = {"Left": 0.1, "Top": 0.2, "Width": 0.3, "Height": 0.4}
OUR_BOX = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
GEOMETRY = {"BoundingBox": BOX, "Polygon": [{"X": 0.1, "Y": 0.2}, {"X": 0.4, "Y": 0.6}]}


def word(text: str, **members: Any) -> dict[str, Any]:
    return {"DetectedText": text, "Type": "WORD", "Id": 1, "ParentId": 0, "Confidence": 99.0, "Geometry": GEOMETRY} | (
        members
    )


@pytest.mark.parametrize("name", ABILITIES)
def test_an_ability_is_an_operation_with_known_errors_and_parameters(name: str) -> None:
    ability = ABILITIES[name]
    operation = get_session().get_service_model("rekognition").operation_model(ability.operation)
    errors = {shape.name for shape in operation.error_shapes}
    assert PICTURE_ERRORS <= ability.final_errors <= errors
    assert ability.refusals <= errors - ability.final_errors
    request = operation.input_shape
    assert request
    assert set(ability.parameters({"attributes": ["SMILE"]})) <= set(request.members)


def test_text_has_lines_and_words_and_is_found_by_its_words() -> None:
    line = {name: value for name, value in word("INV-2026, Café", Type="LINE", Id=0).items() if name != "ParentId"}
    found = ABILITIES["text"].read({"TextDetections": [line, word("INV-2026,"), word("Café"), word("—")]}, {})
    assert found[0] == {
        "text": "INV-2026, Café",
        "type": "line",
        "id": 0,
        "confidence": 99.0,
        "box": OUR_BOX,
        "polygon": [{"x": 0.1, "y": 0.2}, {"x": 0.4, "y": 0.6}],
    }
    assert [each.get("parent_id") for each in found] == [None, 0, 0, 0]
    assert [each.spelling for each in ABILITIES["text"].names(found)] == ["INV-2026", "Café"]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Café", "cafe"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("(2026)", "2026"),
        ("INV-20", "inv-20"),
        ("…", ""),
    ],
)
def test_words_are_compared_without_case_accents_and_outer_punctuation(text: str, folded: str) -> None:
    assert folded_word(text) == folded


@pytest.mark.parametrize(
    ("text", "folded"),
    [("INV-20", "inv-20"), ("Inv-", "inv-"), ("$20", "20"), ("«Éc", "ec"), ("--", ""), ("", ""), ("a--", "a--")],
)
def test_the_beginning_of_a_word_keeps_punctuation_that_would_be_inside_the_word(text: str, folded: str) -> None:
    assert folded_prefix(text) == folded
    if folded:
        assert folded_word(f"{text}x") == f"{folded}x"


def test_a_threshold_selects_from_the_whole_answer_of_moderation() -> None:
    moderation = ABILITIES["moderation"]
    answer = {
        "ModerationLabels": [
            {"Name": "Smoking", "ParentName": "Tobacco", "TaxonomyLevel": 2, "Confidence": 61.0},
            {"Name": "Tobacco", "ParentName": "", "TaxonomyLevel": 1, "Confidence": 40.0},
        ],
        "ModerationModelVersion": "7.0",
    }
    assert moderation.parameters({"min_confidence": 60}) == moderation.parameters({"min_confidence": 10})
    smoking = {"name": "Smoking", "parent": "Tobacco", "level": 2, "confidence": 61.0}
    assert moderation.read(answer, {"min_confidence": 60}) == [smoking]
    assert len(moderation.read(answer, {"min_confidence": 10})) == 2
    assert moderation.model(answer) == "7.0"
    assert [each.spelling for each in moderation.names([smoking])] == ["Smoking", "Tobacco"]


def test_faces_keep_only_the_attributes_that_the_setting_names() -> None:
    faces = ABILITIES["faces"]
    face = {
        "BoundingBox": BOX,
        "Confidence": 99.0,
        "Landmarks": [{"Type": "eyeLeft", "X": 0.2, "Y": 0.3}],
        "Pose": {"Roll": 1.0, "Yaw": 2.0, "Pitch": 3.0},
        "Quality": {"Brightness": 80.0, "Sharpness": 90.0},
        "Smile": {"Value": True, "Confidence": 97.0},
        "AgeRange": {"Low": 20, "High": 30},
    }
    assert faces.parameters({"attributes": ["SMILE"]}) == {"Attributes": ["DEFAULT", "SMILE"]}
    (found,) = faces.read({"FaceDetails": [face]}, {"attributes": ["SMILE"]})
    assert found == {
        "confidence": 99.0,
        "box": OUR_BOX,
        "landmarks": [{"type": "eye_left", "x": 0.2, "y": 0.3}],
        "pose": {"roll": 1.0, "yaw": 2.0, "pitch": 3.0},
        "quality": {"brightness": 80.0, "sharpness": 90.0},
        "attributes": {"smile": {"value": True, "confidence": 97.0}},
    }
    assert list(faces.names([found])) == []


def test_celebrities_leave_other_people_out() -> None:
    celebrity = {"Name": "Ada", "Id": "1a", "Urls": [], "MatchConfidence": 91.0, "Face": {"BoundingBox": BOX}}
    celebrities = ABILITIES["celebrities"]
    found = celebrities.read({"CelebrityFaces": [celebrity], "UnrecognizedFaces": [{"BoundingBox": BOX}]}, {})
    assert found == [{"name": "Ada", "id": "1a", "urls": [], "confidence": 91.0, "box": OUR_BOX}]
    assert [each.spelling for each in celebrities.names(found)] == ["Ada"]


def test_the_setting_says_which_pictures_an_ability_is_asked_about() -> None:
    settings = Settings.from_context(
        {
            "region": "eu-central-1",
            "abilities": '{"text": {"when": "always"}, "moderation": {"when": ["in/"]}, "faces": {"when": "asked"}}',
        }
    )
    enabled = enabled_abilities(json.dumps(settings.ability_options))

    def wanted(image: str, *asked: str) -> set[str]:
        return {name for name, each in enabled.items() if each.is_wanted(image, asked)}

    assert wanted("a.jpg") == {"text"}
    assert wanted("in/a.jpg") == {"text", "moderation"}
    assert wanted("a.jpg", "faces", "celebrities") == {"text", "faces"}
    assert enabled["text"].options["calls_per_second"] == 5
    assert enabled["faces"].options["calls_per_second"] == 25


def test_an_object_asks_for_abilities_by_its_metadata() -> None:
    metadata = as_metadata(["faces", "celebrities", "faces"])
    assert metadata == {"abilities": "celebrities,faces"}
    assert asked_by(metadata) == {"faces", "celebrities"}
    assert asked_by({"abilities": "text, faces "}) == {"text", "faces"}
    assert asked_by({}) == set()


def test_no_ability_is_enabled_by_default() -> None:
    assert Settings.from_context({}).ability_options == {}
    assert enabled_abilities("") == {}
    assert as_metadata([]) == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "abilities is '{', which is not JSON"),
        ('{"txt": {}}', "abilities: txt is not known; expected text, moderation, faces, celebrities"),
        ('{"text": {}}', "abilities: text: when is missing"),
        ('{"text": {"when": "never"}}', "abilities: text: when has 'never'; expected \"always\""),
        (
            '{"faces": {"when": "asked", "attributes": ["NOSE"]}}',
            "attributes has 'NOSE'; expected a list of attributes",
        ),
        ("[]", "abilities is []; expected an object with text, moderation, faces, celebrities"),
        ('{"text": "always"}', "abilities: text is 'always'; expected an object with when, calls_per_second"),
        (
            '{"faces": {"when": "asked", "attributes": ["SMILE", "SMILE"]}}',
            "attributes has SMILE twice; expected a list",
        ),
        (
            '{"moderation": {"when": "asked", "min_confidence": true}}',
            "min_confidence is True; expected a number from 0",
        ),
        ('{"text": {"when": "asked", "calls_per_second": "5"}}', "calls_per_second is '5'; expected a number from 0.1"),
        ('{"faces": {"when": "asked", "calls_per_second": 0}}', "is 0; expected a number from 0.1 to 10,000"),
    ],
)
def test_a_wrong_setting_is_explained(value: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_context({"abilities": value})
    assert message in str(error.value)


def _large(labels: int = 0) -> RecognitionEvent:
    points = [{"x": 0.123456789, "y": 0.987654321}] * 40
    finding = {"text": "word", "type": "word", "id": 1, "confidence": 99.0, "box": OUR_BOX, "polygon": points}
    box = Box(left=0.1, top=0.1, width=0.1, height=0.1)
    label = Label(name="Dog", confidence=99.0, instances=(Instance(confidence=99.0, box=box),) * 20)
    return RecognitionEvent(
        event="image.recognized",
        event_id="e",
        image="a.jpg",
        image_id="i",
        bucket="b",
        version_id=None,
        source_url=None,
        occurred_at="2026-11-29T12:00:00.000Z",
        model="3.0",
        labels=(label,) * labels,
        abilities={"text": AbilityResult(status="done", at="2026-11-29T12:00:00.000Z", found=(finding,) * 150)},
    )


def test_a_document_with_results_reads_back_and_one_without_has_no_such_member() -> None:
    event = dataclasses.replace(
        _large(), abilities={"text": AbilityResult(status="done", at="t", found=({"text": "a"},))}
    )
    assert RecognitionEvent.from_json(event.to_json()) == event
    assert "abilities" not in dataclasses.replace(event, abilities={}).to_json()


def test_findings_shrink_before_the_labels_lose_their_instances() -> None:
    event = RecognitionEvent.from_json(_large(labels=20).to_json())
    assert event.abilities["text"].truncated
    assert len(event.abilities["text"].found) == 150
    assert "polygon" not in event.abilities["text"].found[0]
    assert event.labels[0].instances
    assert not event.truncated


def test_a_document_that_is_too_large_keeps_the_labels_of_moderation() -> None:
    """Otherwise a picture that should be hidden would be shown."""
    event = _large(labels=120)
    found = event.abilities["text"].found * 10
    results = {"text": dataclasses.replace(event.abilities["text"], found=found), "moderation": moderation("Gore")}
    read = RecognitionEvent.from_json(dataclasses.replace(event, abilities=results).to_json())
    assert (read.abilities["text"].found, read.abilities["text"].truncated) == ((), True)
    assert read.abilities["moderation"] == results["moderation"]


@pytest.mark.parametrize("labels", [20, 110, 126, 127, 128, 140])
def test_abilities_do_not_change_the_labels_of_a_document(labels: int) -> None:
    event = _large(labels)
    with_abilities = dataclasses.replace(event, abilities=event.abilities | {"moderation": moderation("Gore")})
    read, plain = (
        RecognitionEvent.from_json(each.to_json())
        for each in (with_abilities, dataclasses.replace(event, abilities={}))
    )
    assert (read.labels, read.truncated) == (plain.labels, plain.truncated)


@pytest.mark.parametrize("abilities", [[], {"text": None}, {"text": {"status": "done", "at": "t", "found": [1]}}])
def test_absurd_results_fail_alone(abilities: Any) -> None:
    document = json.loads(dataclasses.replace(_large(), abilities={}).to_json()) | {"abilities": abilities}
    with pytest.raises(EventError):
        RecognitionEvent.from_json(json.dumps(document))
