"""Recognises pictures as the public three-stack workshop does. `benchmarks/pipeline.py` compares Sightline with it.

This function handles one message after the other, calls Rekognition for each picture, stores no answers for reuse, and
fails the whole batch if one message fails.
"""

import json
import os
from typing import Any
from urllib.parse import unquote_plus

import boto3

rekognition = boto3.client("rekognition")
dynamodb = boto3.client("dynamodb")
sns = boto3.client("sns")


def handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Handle a batch of S3 notifications. Lambda calls this function."""
    for message in event["Records"]:
        for record in json.loads(message["body"])["Records"]:
            recognize(record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"]))


def recognize(bucket: str, key: str) -> None:
    """Recognise a picture, store its labels, and publish them."""
    answer = rekognition.detect_labels(
        Image={"S3Object": {"Bucket": bucket, "Name": key}}, MaxLabels=10, MinConfidence=70
    )
    labels = str([label["Name"] for label in answer["Labels"]])
    dynamodb.put_item(TableName=os.environ["TABLE"], Item={"image": {"S": key}, "labels": {"S": labels}})
    sns.publish(TopicArn=os.environ["TOPIC_ARN"], Message=json.dumps({"image": key, "labels": labels}))
    print("Labels:", labels)
