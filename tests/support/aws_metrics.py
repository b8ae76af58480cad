"""AWS's own metrics that alarms read: their dimensions, and the page of AWS's documentation that names them.

Written down from these pages in November 2026. An alarm on anything else would never ring.
"""

from collections.abc import Mapping

DOCS = "https://docs.aws.amazon.com"
LAMBDA = f"{DOCS}/lambda/latest/dg/monitoring-metrics-types.html"
REST = f"{DOCS}/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html"
DYNAMODB = f"{DOCS}/amazondynamodb/latest/developerguide/metrics-dimensions.html"
KINESIS = f"{DOCS}/streams/latest/dev/monitoring-with-cloudwatch.html"
SQS = f"{DOCS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"
FIREHOSE = f"{DOCS}/firehose/latest/dev/cloudwatch-metrics.html"
WAF = f"{DOCS}/waf/latest/developerguide/waf-metrics.html"

_FUNCTION = frozenset({"FunctionName"})
_API = frozenset({"ApiName"})
_TABLE, _INDEX = frozenset({"TableName"}), frozenset({"TableName", "GlobalSecondaryIndexName"})
_DELIVERY = frozenset({"DeliveryStreamName"})
_RULE = frozenset({"WebACL", "Rule", "Region"})

AWS_METRICS: Mapping[tuple[str, str], tuple[tuple[frozenset[str], ...], str]] = {
    ("AWS/Lambda", "Invocations"): ((_FUNCTION,), LAMBDA),
    ("AWS/Lambda", "Errors"): ((_FUNCTION,), LAMBDA),
    ("AWS/Lambda", "Throttles"): ((_FUNCTION,), LAMBDA),
    ("AWS/Lambda", "IteratorAge"): ((_FUNCTION,), LAMBDA),
    ("AWS/ApiGateway", "Count"): ((_API,), REST),
    ("AWS/ApiGateway", "4XXError"): ((_API,), REST),
    ("AWS/ApiGateway", "5XXError"): ((_API,), REST),
    ("AWS/ApiGateway", "Latency"): ((_API,), REST),
    ("AWS/DynamoDB", "ReadThrottleEvents"): ((_TABLE, _INDEX), DYNAMODB),
    ("AWS/DynamoDB", "WriteThrottleEvents"): ((_TABLE, _INDEX), DYNAMODB),
    ("AWS/Kinesis", "WriteProvisionedThroughputExceeded"): ((frozenset({"StreamName"}),), KINESIS),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ((frozenset({"QueueName"}),), SQS),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ((frozenset({"QueueName"}),), SQS),
    ("AWS/Firehose", "DeliveryToS3.Success"): ((_DELIVERY,), FIREHOSE),
    ("AWS/Firehose", "DeliveryToS3.DataFreshness"): ((_DELIVERY,), FIREHOSE),
    ("AWS/WAFV2", "BlockedRequests"): ((_RULE,), WAF),
    ("AWS/WAFV2", "AllowedRequests"): ((_RULE,), WAF),
}
