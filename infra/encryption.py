"""One key of the customer for everything that stores data, where the environment names or asks for one.

`kms_key` is the ARN of a key, or "create". AWS's own keys encrypt everything else (docs/adr/029).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from infra.environments import Environment
from infra.resource_names import ResourceNames, Value, substitute
from infra.stack import add_resources, build_retention_policies

if TYPE_CHECKING:
    import aws_cdk as cdk

PARAMETER = "KmsKey"
"""A template parameter: the ARN of a created key, which the data stack writes to SSM."""
DECRYPT, ENCRYPT = ("kms:Decrypt",), ("kms:Decrypt", "kms:GenerateDataKey")
READING = ("Get", "BatchGet", "Query", "Scan", "Describe", "List", "ConditionCheck")
"""How the names of actions that read begin. All others write, and writing needs a data key."""
TOPIC_SERVICES = ("budgets", "cloudwatch", "events")
"""They publish to the topics themselves, so they need the key."""


def _encrypt_table(key: Value) -> dict[str, Any]:
    return {"SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}}


def _encrypt_bucket(key: Value) -> dict[str, Any]:
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = [{"ServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": True}]
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": rules}}


def _encrypt_delivery(key: Value) -> dict[str, Any]:
    return {"DeliveryStreamEncryptionConfigurationInput": {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key}}


def _encrypt_query_results(key: Value) -> dict[str, Any]:
    path = "WorkGroupConfiguration.ResultConfiguration.EncryptionConfiguration"
    return {path: {"EncryptionOption": "SSE_KMS", "KmsKey": key}}


ENCRYPTED: Mapping[str, Callable[[Value], dict[str, Any]]] = {
    "AWS::Athena::WorkGroup": _encrypt_query_results,
    "AWS::DynamoDB::Table": _encrypt_table,
    "AWS::Kinesis::Stream": lambda key: {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": key}},
    "AWS::KinesisFirehose::DeliveryStream": _encrypt_delivery,
    "AWS::Lambda::Function": lambda key: {"KmsKeyArn": key},
    "AWS::Logs::LogGroup": lambda key: {"KmsKeyId": key},
    "AWS::S3::Bucket": _encrypt_bucket,
    "AWS::SNS::Topic": lambda key: {"KmsMasterKeyId": key},
    "AWS::SQS::Queue": lambda key: {"KmsMasterKeyId": key, "SqsManagedSseEnabled": False},
    "AWS::Serverless::Function": lambda key: {"KmsKeyArn": key},
}
"""The properties by which each type of resource takes the key."""


def get_key(environment: Environment, *, in_data_stack: bool = False) -> Value | None:
    """The key's ARN; None: AWS's own keys."""
    if environment.kms_key != "create":
        return environment.kms_key
    return {"Fn::GetAtt": ["EncryptionKey", "Arn"]} if in_data_stack else substitute(f"${{{PARAMETER}}}")


def add_parameter(environment: Environment, names: ResourceNames) -> ResourceNames:
    """``names`` with the template parameter that roles name."""
    if environment.kms_key != "create":
        return names
    return replace(names, parameters={**names.parameters, PARAMETER: name_parameter(environment)})


def encrypt(environment: Environment, app: "cdk.App", data: "cdk.Stack") -> None:
    """Set the key on every resource that stores data, in every stack."""
    import aws_cdk as cdk  # the pipeline releases and validates without it

    if environment.kms_key == "create":
        add_resources(data, build_resources(environment))
    for stack in app.node.children:
        key = get_key(environment, in_data_stack=stack.node.id == data.node.id)
        if key is None or not isinstance(stack, cdk.Stack):
            continue
        resources = [node for node in stack.node.find_all() if isinstance(node, cdk.CfnResource)]
        stored = [resource for resource in resources if resource.cfn_resource_type in ENCRYPTED]
        if stored and environment.kms_key == "create" and stack.node.id != data.node.id:
            stack.add_stack_dependency(data)
            _add_parameter(stack, environment)
        for resource in stored:
            for name, value in ENCRYPTED[resource.cfn_resource_type](key).items():
                resource.add_property_override(name, value)


def _add_parameter(stack: "cdk.Stack", environment: Environment) -> None:
    """Unless its own resources have named it already."""
    import aws_cdk as cdk

    parameters = {node.node.id for node in stack.node.find_all() if isinstance(node, cdk.CfnParameter)}
    if PARAMETER not in parameters:
        path = name_parameter(environment)
        cdk.CfnParameter(stack, PARAMETER, type="AWS::SSM::Parameter::Value<String>", default=path)


def name_parameter(environment: Environment) -> str:
    return f"/realtime/{environment.name}/kms-key"


def name_alias(environment: Environment) -> str:
    return f"alias/realtime-{environment.name}"


def build_resources(environment: Environment) -> dict[str, dict[str, Any]]:
    """A key of our own, which outlives the stack where the data does, its alias, and its ARN for others."""
    properties = {
        "Description": f"Encrypts what realtime-{environment.name} stores.",
        "EnableKeyRotation": True,
        "KeyPolicy": {"Version": "2012-10-17", "Statement": [_allow_account(), *build_service_statements()]},
    }
    key = {"Type": "AWS::KMS::Key", "Properties": properties, **build_retention_policies(environment)}
    alias = {"AliasName": name_alias(environment), "TargetKeyId": {"Ref": "EncryptionKey"}}
    parameter = {
        "Name": name_parameter(environment),
        "Type": "String",
        "Value": {"Fn::GetAtt": ["EncryptionKey", "Arn"]},
    }
    return {
        "EncryptionKey": key,
        # It names the key to who finds it when the stack is gone.
        "EncryptionKeyAlias": {
            "Type": "AWS::KMS::Alias",
            "Properties": alias,
            **build_retention_policies(environment),
        },
        "EncryptionKeyParameter": {"Type": "AWS::SSM::Parameter", "Properties": parameter},
    }


def _allow_account() -> dict[str, Any]:
    """Let the account's IAM policies decide who may use the key."""
    root = substitute("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")
    return {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}


def build_service_statements() -> list[dict[str, Any]]:
    """What the policy of any key, also one of the customer's own, must allow the services of AWS."""
    logs = substitute("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*")
    actions = ["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey"]
    return [
        {
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": {"Service": substitute("logs.${AWS::Region}.amazonaws.com")},
            "Action": [f"kms:{action}" for action in actions],
            "Resource": "*",
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs}},
        },
        {
            "Sid": "Topics",
            "Effect": "Allow",
            "Principal": {"Service": [f"{service}.amazonaws.com" for service in TOPIC_SERVICES]},
            "Action": list(ENCRYPT),
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        },
    ]


def list_key_actions(actions: Iterable[str]) -> tuple[str, ...]:
    """What a role needs on the key of the resources on which it may do ``actions``."""
    calls = [action.partition(":")[2] for action in actions]
    return DECRYPT if all(call.startswith(READING) for call in calls) else ENCRYPT
