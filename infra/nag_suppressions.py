"""Findings of cdk-nag (AwsSolutions) that we accept, each with its reason."""

from collections.abc import Mapping

SUPPRESSIONS: Mapping[str, str] = {
    "AwsSolutions-APIG2": "The service checks bodies itself, with better errors than the gateway's.",
    "AwsSolutions-APIG3": "A firewall has a monthly price: only production has one.",
    "AwsSolutions-APIG4": "Behind an HTTP API the functions decide, by the authorizer's own code.",
    "AwsSolutions-APIG6": "The execution log would never expire; the access log and traces suffice.",
    "AwsSolutions-EC23": "The load balancer of a public API: callers need a key, and WAF limits each.",
    "AwsSolutions-ELB2": "Its access log would hold whole URLs, and queries have user ids.",
    "AwsSolutions-IAM5[Resource::*]": "Actions of X-Ray, interfaces and lists take no resource.",
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:apigateway:*::/*]": (
        "The pipeline makes a gateway key for its smoke tests; its id and its plan's are random."
    ),
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:kms:*:key/*]": (
        "Only the key with this environment's alias, by a condition."
    ),
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::*/*]": "Objects under the written prefixes.",
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:dynamodb:*:table/*/stream/*]": (
        "A stream's ARN ends with the time at which it was turned on."
    ),
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudformation:*:stack/realtime-*]": (
        "A stack's ARN ends with a random id."
    ),
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:*:execution:realtime-*]": (
        "Executions of the release's machine have generated names."
    ),
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudwatch:*:alarm:realtime-*]": (
        "A release names its alarms by version."
    ),
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:lambda:*:function:realtime-*]": (
        "Versions and aliases of one function."
    ),
    "AwsSolutions-L1": "The bundle is for the Python that builds it; the pipeline has the newest.",
    "AwsSolutions-S1": "Only this service and the lake's readers have access; CloudTrail records it.",
    "AwsSolutions-SQS3": "They are dead-letter queues themselves; an alarm rings at the first record.",
}
