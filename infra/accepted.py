"""Findings of cdk-nag (AwsSolutions) that are meant, each with its reason."""

from collections.abc import Mapping

ACCEPTED: Mapping[str, str] = {
    "AwsSolutions-APIG2": "The service checks bodies itself, with better errors than the gateway's.",
    "AwsSolutions-IAM4[Policy::arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda]": (
        "SAM gives CodeDeploy this role; it reaches functions by the prefix CodeDeployHook_ only."
    ),
    "AwsSolutions-IAM5[Resource::*]": "X-Ray's actions, and a VPC's interfaces, know no resource.",
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::*/*]": "Objects below the one prefix written to.",
    "AwsSolutions-L1": "Byte-code is of the interpreter that builds; the pipeline builds on the latest.",
    "AwsSolutions-S1": "Only this service and the data lake's readers have access; CloudTrail records them.",
    "AwsSolutions-SQS3": "These queues are where records end; an alarm rings at the first one.",
}
