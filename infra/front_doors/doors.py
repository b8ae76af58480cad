"""The front door that an environment asks for."""

from collections.abc import Iterable
from typing import Any

from infra.environments import Environment, FunctionName
from infra.front_doors import alb, domain, firewall, http, rest
from infra.front_doors.parameter import get_path
from infra.front_doors.paths import list_routed
from infra.functions import LOGICAL_IDS
from infra.release.alias import refer_to_alias
from infra.resource_names import Value, substitute

IDS: dict[str, dict[str, Any]] = {
    "http": {"Ref": "HttpApi"},
    "alb": {"Fn::GetAtt": ["LoadBalancer", "LoadBalancerFullName"]},
}


def build_resources(environment: Environment, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """All but the REST API itself, which is in Chalice's template. ``paths`` are the routes' patterns."""
    resources = {
        f"{LOGICAL_IDS[name]}InvokePermission": _build_permission(environment, name)
        for name in list_functions(environment)
    }
    if environment.api == "alb":
        assert environment.network  # noqa: S101 - Environment checks both
        assert environment.domain  # noqa: S101
        resources |= alb.build_resources(environment, environment.network, environment.domain)
    elif environment.api == "http":
        resources |= http.build_resources(environment, paths)
        resources["AccessLog"] = rest.build_access_log(environment)
        if environment.domain:
            stage = {"Ref": "HttpStage"}
            resources |= domain.build_resources(environment.domain, {"Ref": "HttpApi"}, stage)
    elif environment.domain:
        stage = {"Ref": "RestAPI.Stage"}
        resources |= domain.build_resources(environment.domain, {"Ref": "RestAPI"}, stage)
    if environment.api in IDS:
        properties = {
            "Name": get_path(environment),
            "Type": "String",
            "Value": IDS[environment.api],
            "Description": "The front door, as its metrics name it",
        }
        resources["FrontDoorId"] = {"Type": "AWS::SSM::Parameter", "Properties": properties}
    if environment.usage_plan:
        resources["UsagePlan"] = rest.build_usage_plan(environment.usage_plan, environment)
    return resources | firewall.build_resources(environment)


def list_functions(environment: Environment) -> tuple[FunctionName, ...]:
    """Those that the front door calls. Only a REST API calls the authorizer."""
    routed = list_routed(environment)
    return (*routed, "authorizer") if environment.api == "rest" else routed


def get_address(environment: Environment) -> Value:
    """The URL without a slash at its end."""
    if environment.domain:
        return f"https://{environment.domain.name}"
    if environment.api == "http":
        return substitute("https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}")
    return substitute("https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api")


def _build_permission(environment: Environment, name: FunctionName) -> dict[str, Any]:
    """The front door may call the alias, and not the unqualified function."""
    if environment.api == "alb":
        return alb.build_permission(environment, name)
    api = "HttpApi" if environment.api == "http" else "RestAPI"
    arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
    properties = {
        "FunctionName": refer_to_alias(LOGICAL_IDS[name]),
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": substitute(f"{arn}${{{api}}}/*"),
    }
    return {"Type": "AWS::Lambda::Permission", "Properties": properties}
