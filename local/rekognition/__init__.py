"""A local Amazon Rekognition: the same protocol, with answers computed from the picture.

`python -m local.rekognition --port 4567` serves DetectLabels and other operations to any AWS SDK whose
`AWS_ENDPOINT_URL_REKOGNITION` names it. docs/local-rekognition.md tells what it sees.
"""
