"""Findings of cdk-nag (AwsSolutions) that are meant, each with its reason."""

from collections.abc import Mapping

ACCEPTED: Mapping[str, str] = {
    "AwsSolutions-APIG2": "The service checks bodies itself, with better errors than the gateway's.",
    "AwsSolutions-APIG3": "A firewall costs by the month: only production has one, as a test demands.",
    "AwsSolutions-APIG6": "Its execution log would never expire; the access log and traces say the same.",
    "AwsSolutions-IAM4[Policy::arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda]": (
        "SAM gives CodeDeploy this role; it reaches functions by the prefix CodeDeployHook_ only."
    ),
    "AwsSolutions-IAM5[Resource::*]": "X-Ray, a VPC's interfaces and lists of alarms know no resource.",
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::*/*]": "Objects below the one prefix written to.",
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:dynamodb:*:table/*/stream/*]": (
        "A stream's ARN ends with the time at which it was turned on."
    ),
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:iam::*role/cdk-hnb659fds-*]": (
        "CDK's own bootstrap roles, through which every deployment works."
    ),
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudformation:*:stack/realtime-*]": (
        "A stack's ARN ends with an id that is made anew."
    ),
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:codedeploy:*:deploymentgroup:realtime-*]": (
        "SAM makes up the names of its deployment groups."
    ),
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:lambda:*:function:realtime-*]": (
        "Versions and aliases of one function."
    ),
    "AwsSolutions-L1": "Byte-code is of the interpreter that builds; the pipeline builds on the latest.",
    "AwsSolutions-S1": "Only this service and the data lake's readers have access; CloudTrail records them.",
    "AwsSolutions-SQS3": "These queues are where records end; an alarm rings at the first one.",
}
