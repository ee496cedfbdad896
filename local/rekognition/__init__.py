"""A local Amazon Rekognition: the same protocol, with answers computed from the picture.

`python -m local.rekognition --port 4567` serves DetectLabels and other operations. AWS SDKs call the local Rekognition
if `AWS_ENDPOINT_URL_REKOGNITION` is `http://127.0.0.1:4567`. docs/local-rekognition.md lists what it can see.
"""
