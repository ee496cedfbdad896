"""Announce records on the labels topic."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from common.runtime.abilities.moderation import MODERATION
from common.runtime.recognition_event import RecognitionEvent

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

logger = Logger()


@dataclass(frozen=True)
class LabelsTopic:
    """The topic to which every consumer of results subscribes."""

    sns: "SNSClient"
    arn: str

    def announce(self, event: RecognitionEvent) -> None:
        """Publish an event, with attributes for the subscriptions' filters.

        Raises:
            ClientError, BotoCoreError: a transient error.
        """
        attributes: dict[str, MessageAttributeValueTypeDef] = {
            "event": {"DataType": "String", "StringValue": event.event}
        }
        for name, values in (("labels", [label.name for label in event.labels]), ("moderation", _moderation(event))):
            if values:
                attributes[name] = {"DataType": "String.Array", "StringValue": json.dumps(values)}
        self.sns.publish(TopicArn=self.arn, Message=event.to_json(), MessageAttributes=attributes)
        logger.info("announced", extra={"event": event.event, "event_id": event.event_id})


def _moderation(event: RecognitionEvent) -> list[str]:
    """Return the names of the picture's moderation labels and of their parents, each once."""
    result = event.abilities.get(MODERATION.name)
    return list(dict.fromkeys(each.spelling for each in MODERATION.names(result.found))) if result else []
