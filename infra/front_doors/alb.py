"""An Application Load Balancer: HTTPS, one target group a function, rules by path.

The functions find routes, decide about keys and answer errors themselves (chalicelib/api/front_door.py).
"""

from typing import Any

from infra.environments import Domain, Environment, FunctionName, Network
from infra.front_doors.domain import build_record
from infra.front_doors.paths import PATH_OWNERS, list_routed
from infra.functions import LOGICAL_IDS
from infra.release.alias import refer_to_alias
from infra.resource_names import substitute

BALANCER = {"Ref": "LoadBalancer"}
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.3 and 1.2."""
IDLE_SECONDS = 30


def build_resources(environment: Environment, network: Network, domain: Domain) -> dict[str, dict[str, Any]]:
    resources = {
        "LoadBalancerGroup": _build_security_group(environment, network),
        "LoadBalancer": _build_balancer(environment, network),
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": BALANCER,
                "Port": 443,
                "Protocol": "HTTPS",
                "SslPolicy": TLS_POLICY,
                "Certificates": [{"CertificateArn": domain.certificate_arn}],
                "DefaultActions": [_forward_to("ingest")],  # which answers 404 for an unknown path
            },
        },
    }
    routed = list_routed(environment)
    for name in routed:
        resources[_get_group_id(name)] = _build_target_group(environment, name)
    prefixes = [(prefix, owner) for prefix, owner in PATH_OWNERS if owner != "ingest" and owner in routed]
    for priority, (prefix, owner) in enumerate(prefixes, 1):
        resources[f"ListenerRule{priority}"] = {
            "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
            "Properties": {
                "ListenerArn": {"Ref": "Listener"},
                "Priority": priority,
                "Conditions": [
                    {"Field": "path-pattern", "PathPatternConfig": {"Values": [prefix, f"{prefix}/*"]}}
                ],
                "Actions": [_forward_to(owner)],
            },
        }
    dns_name, zone = ({"Fn::GetAtt": ["LoadBalancer", name]} for name in ("DNSName", "CanonicalHostedZoneID"))
    return resources | build_record(domain, dns_name, zone)


def build_permission(environment: Environment, name: FunctionName) -> dict[str, Any]:
    """The target group may call the alias. Its ARN ends with an id that is not known yet."""
    group = get_group_name(environment, name)
    arn = "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:targetgroup/"
    properties = {
        "FunctionName": refer_to_alias(LOGICAL_IDS[name]),
        "Action": "lambda:InvokeFunction",
        "Principal": "elasticloadbalancing.amazonaws.com",
        "SourceArn": substitute(f"{arn}{group}/*"),
    }
    return {"Type": "AWS::Lambda::Permission", "Properties": properties}


def get_group_name(environment: Environment, name: FunctionName) -> str:
    """At most 32 characters, without underscores."""
    return f"realtime-{environment.name}-{name.replace('_', '-')}"


def _get_group_id(name: FunctionName) -> str:
    return f"{LOGICAL_IDS[name]}Targets"


def _forward_to(name: FunctionName) -> dict[str, Any]:
    return {"Type": "forward", "TargetGroupArn": {"Ref": _get_group_id(name)}}


def _build_target_group(environment: Environment, name: FunctionName) -> dict[str, Any]:
    """Without health checks: each would be an invocation."""
    return {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "DependsOn": f"{LOGICAL_IDS[name]}InvokePermission",  # registering a target needs it
        "Properties": {
            "Name": get_group_name(environment, name),
            "TargetType": "lambda",
            "HealthCheckEnabled": False,
            "Targets": [{"Id": refer_to_alias(LOGICAL_IDS[name])}],
            "TargetGroupAttributes": [{"Key": "lambda.multi_value_headers.enabled", "Value": "false"}],
        },
    }


def _build_balancer(environment: Environment, network: Network) -> dict[str, Any]:
    """Without an access log: it would hold whole URLs, and a query has user ids."""
    attributes = {
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "idle_timeout.timeout_seconds": str(IDLE_SECONDS),
        "deletion_protection.enabled": str(environment.retain).lower(),
    }
    properties = {
        "Name": f"realtime-{environment.name}",
        "Type": "application",
        "Scheme": "internet-facing",
        "Subnets": list(network.subnets),
        "SecurityGroups": [{"Fn::GetAtt": ["LoadBalancerGroup", "GroupId"]}],
        "LoadBalancerAttributes": [{"Key": key, "Value": value} for key, value in attributes.items()],
    }
    return {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": properties}


def _build_security_group(environment: Environment, network: Network) -> dict[str, Any]:
    """HTTPS from everywhere. Functions are not called through the network, so nothing goes out."""
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Description": "HTTPS"}
    nowhere = {"IpProtocol": "icmp", "FromPort": 252, "ToPort": 86, "CidrIp": "255.255.255.255/32"}
    properties = {
        "GroupDescription": f"HTTPS to realtime-{environment.name}",
        "VpcId": network.vpc,
        "SecurityGroupIngress": [{**https, "CidrIp": "0.0.0.0/0"}, {**https, "CidrIpv6": "::/0"}],
        "SecurityGroupEgress": [{**nowhere, "Description": "Nothing goes out"}],
    }
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}
