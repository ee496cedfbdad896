"""The operations that this service answers. Each operation checks the request first, then answers for the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from local.rekognition import face_details, labels, moderation, texts
from local.rekognition.engines.faces import FaceEngine
from local.rekognition.engines.text import TextEngine
from local.rekognition.protocol import invalid_parameter
from local.rekognition.sight import is_ready, version_of
from local.rekognition.weights.store import AGAIN

if TYPE_CHECKING:
    from local.rekognition.engines.moderation import ModerationEngine
    from local.rekognition.pictures import Picture
    from local.rekognition.sight import Sight

Request = Mapping[str, Any]

Answerer = Callable[["Picture"], dict[str, Any]]
"""Returns the answer for a picture. Raises ServiceError (InvalidImageFormatException) if the picture is damaged."""

LACKING = f"the engine {{}} is needed, but this server does not run that engine; to build missing networks: {AGAIN}"

UNMODERATED = (
    "without a model for moderation an empty answer would mean 'safe'; "
    "start the server with --moderation to use open_nsfw, whose recall is unknown"
)


@dataclass(frozen=True)
class Operation:
    """An operation of Rekognition."""

    about: str
    """A description of the operation's answer."""
    refusal: str
    """If the operation is refused: the reason and the remedy."""
    prepare: Callable[[Request], Answerer] | None
    """Checks everything in a request but the picture. Raises ServiceError (InvalidParameterException).

    None if the operation is refused.
    """

    def describe(self) -> str:
        """Return a sentence for GET /health."""
        return self.about if self.prepare else f"refused: {self.refusal}"


class Operations:
    """The operations of a server, by name."""

    def __init__(
        self, sight: Sight, *, text: TextEngine | None = None, moderation: ModerationEngine | None = None
    ) -> None:
        """Answer the operations that these engines make possible. Faces come from the face engine in `sight`."""
        faces = next((engine for engine in sight.engines if isinstance(engine, FaceEngine)), None)
        reader = text if text and is_ready(text) else None
        self.further_engines = [engine for engine in (reader, moderation) if engine]
        """The engines that DetectLabels does not use."""
        no_faces, no_text = LACKING.format(FaceEngine.name), LACKING.format(TextEngine.name)
        self._by_name = {
            "DetectLabels": Operation("labels by all engines", "", partial(_prepare_labels, sight)),
            "DetectText": Operation(
                "lines and words (rapidocr)", no_text, partial(_prepare_text, reader) if reader else None
            ),
            "DetectFaces": Operation("faces (blazeface)", no_faces, partial(_prepare_faces, faces) if faces else None),
            "RecognizeCelebrities": Operation(
                "faces (blazeface), without names", no_faces, partial(_prepare_celebrities, faces) if faces else None
            ),
            "DetectModerationLabels": Operation(
                "one label (open_nsfw); its recall is unknown",
                UNMODERATED,
                partial(_prepare_moderation, moderation) if moderation else None,
            ),
        }

    @property
    def names(self) -> list[str]:
        """The names of all known operations. Refused operations are included."""
        return list(self._by_name)

    def require(self, operation: str) -> Callable[[Request], Answerer]:
        """Return the preparation of an operation's answers.

        Raises:
            ServiceError: InvalidParameterException if this service does not answer the operation.
        """
        if operation not in self._by_name:
            raise invalid_parameter(f"{operation} is not part of this local service")
        found = self._by_name[operation]
        if found.prepare is None:
            raise invalid_parameter(f"{operation} is refused: {found.refusal}")
        return found.prepare

    def describe(self) -> dict[str, str]:
        """Return a sentence about each operation."""
        return {name: operation.describe() for name, operation in self._by_name.items()}


def _prepare_labels(sight: Sight, request: Request) -> Answerer:
    question = labels.Question.of(request)
    return lambda picture: labels.answer(question, sight.look(picture), version=sight.version)


def _prepare_text(engine: TextEngine, request: Request) -> Answerer:
    question = texts.Question.of(request)
    return lambda picture: texts.answer(question, engine.look(picture), version=version_of(engine.name))


def _prepare_faces(engine: FaceEngine, request: Request) -> Answerer:
    wanted = face_details.members_of(request)
    return lambda picture: face_details.answer(wanted, engine.look(picture), picture.pixels())


def _prepare_celebrities(engine: FaceEngine, _: Request) -> Answerer:
    return lambda picture: face_details.strangers(engine.look(picture), picture.pixels())


def _prepare_moderation(engine: ModerationEngine, request: Request) -> Answerer:
    question = moderation.Question.of(request)
    return lambda picture: moderation.answer(question, engine.score(picture), version=version_of(engine.name))
