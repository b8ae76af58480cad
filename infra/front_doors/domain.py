"""The domain name of a front door, with TLS 1.2 at least.

REST and HTTP API have the same resources, so that a change of the front door only changes the mapping.
"""

from typing import Any

from infra.environments import Domain
from infra.resource_names import Value


def build_resources(domain: Domain, api: dict[str, str], stage: dict[str, str]) -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = {
        "DomainName": {
            "Type": "AWS::ApiGateway::DomainName",
            "Properties": {
                "DomainName": domain.name,
                "RegionalCertificateArn": domain.certificate_arn,
                "EndpointConfiguration": {"Types": ["REGIONAL"]},
                "SecurityPolicy": "TLS_1_2",
            },
        },
        "DomainMapping": {
            "Type": "AWS::ApiGatewayV2::ApiMapping",
            "Properties": {"DomainName": {"Ref": "DomainName"}, "ApiId": api, "Stage": stage},
        },
    }
    dns_name, zone = (
        {"Fn::GetAtt": ["DomainName", name]} for name in ("RegionalDomainName", "RegionalHostedZoneId")
    )
    return resources | build_record(domain, dns_name, zone)


def build_record(domain: Domain, dns_name: Value, zone: Value) -> dict[str, dict[str, Any]]:
    """The domain's record, where its zone is named; it points at ``dns_name`` in the zone of AWS's."""
    if not domain.hosted_zone_id:
        return {}
    properties = {
        "Name": domain.name,
        "Type": "A",
        "HostedZoneId": domain.hosted_zone_id,
        "AliasTarget": {"DNSName": dns_name, "HostedZoneId": zone},
    }
    return {"DomainRecord": {"Type": "AWS::Route53::RecordSet", "Properties": properties}}
