"""On-demand list prices of us-east-1 in US dollars, as of November 2026. Rekognition's are in common/prices.py.

https://aws.amazon.com/{s3,dynamodb/on-demand,sqs,sns,api-gateway,lambda,cloudwatch,secrets-manager}/pricing/
"""

from common.prices import MILLION

S3_PUT = 5.00 / MILLION  # PUT, COPY, POST, LIST
S3_GET = 0.40 / MILLION  # GET and all other requests
S3_GB_MONTH = 0.023  # of the first 50 TB
DYNAMODB_WRITE_UNIT = 0.625 / MILLION  # 1 KB
DYNAMODB_READ_UNIT = 0.125 / MILLION  # 4 KB, read consistently
DYNAMODB_GB_MONTH = 0.25
DYNAMODB_BACKUP_GB_MONTH = 0.20  # point-in-time recovery
SQS_REQUEST = 0.40 / MILLION
SNS_PUBLISH = 0.50 / MILLION
SNS_FILTERED_GB = 0.09  # per GB of message bodies that filter policies read
SNS_EMAIL = 2.00 / 100_000
API_REQUEST = 3.50 / MILLION  # REST, of the first 333 million a month
LAMBDA_INVOCATION = 0.20 / MILLION
LAMBDA_GB_SECOND = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
LOG_GB_INGESTED = 0.50
LOG_GB_MONTH = 0.03
METRIC_MONTH = 0.30  # custom metrics
ALARM_MONTH = 0.10
DASHBOARD_MONTH = 3.00
XRAY_TRACE = 5.00 / MILLION
SECRET_MONTH = 0.40

FREE_TIER = {
    ("SQS", "requests"): 1_000_000,
    ("Lambda", "requests"): 1_000_000,
    ("Lambda", "GB s"): 400_000,
    ("CloudWatch", "alarms"): 10,
    ("CloudWatch", "metrics"): 10,
    ("CloudWatch", "dashboards"): 3,
    ("CloudWatch", "GB of logs"): 5,
}
"""The monthly free amounts of each account, by service and unit. Only amounts that an idle deployment uses are listed.
https://aws.amazon.com/free/ ("always free"), https://aws.amazon.com/cloudwatch/pricing/"""
