"""The other front doors after SAM's expansion, the firewall, and what an environment may not ask for."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

import app as application
from infra import environments
from infra.environments import APIS, Domain, Network
from infra.front_doors import alb, firewall, rest
from infra.front_doors.doors import list_functions
from infra.front_doors.paths import PATH_OWNERS, ROUTED_FUNCTIONS, get_owner
from infra.front_doors.variants import DOMAIN, NETWORK, change_front_door
from infra.functions import LOGICAL_IDS
from tests.support.synth import Template, Templates, of_type

DEV, PROD = environments.load("dev"), environments.load("prod")
ALIASES = {f"{LOGICAL_IDS[name]}Aliaslive": name for name in ROUTED_FUNCTIONS}


def service(template: Templates, api: str) -> Template:
    return template("everything" if api == "rest" else f"everything-{api}", "service")


def only(template: Template, kind: str) -> Template:
    (properties,) = of_type(template, kind).values()
    return properties


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"api": "soap"}, "api must be one of rest, http, alb"),
        ({"api": "http", "waf": True}, "waf: AWS WAF cannot stand before an HTTP API"),
        ({"api": "alb", "domain": DOMAIN}, "network: a load balancer needs Network"),
        ({"api": "alb", "network": NETWORK}, "domain: a load balancer needs Domain"),
        ({"api": "http", "usage_plan": object()}, "usage_plan: only a REST API has one"),
    ],
)
def test_an_environment_names_the_field_that_does_not_fit(changes: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        replace(DEV, **changes)


@pytest.mark.parametrize(
    ("vpc", "subnets", "error"),
    [
        ("main", ("subnet-1", "subnet-2"), r"network\.vpc must be the id"),
        ("vpc-1", ("subnet-1", "subnet-1"), r"network\.subnets must be ids of two"),
        ("vpc-1", ("subnet-1", "10.0.0.0/24"), r"network\.subnets must be ids of two"),
    ],
)
def test_a_network_names_the_field_that_is_wrong(vpc: str, subnets: tuple[str, ...], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Network(vpc, subnets)


@pytest.mark.parametrize("env", environments.NAMES)
@pytest.mark.parametrize("api", APIS)
def test_every_environment_can_have_every_front_door(env: str, api: Any) -> None:
    assert change_front_door(environments.load(env), api).api == api


@pytest.mark.parametrize("api", APIS)
def test_only_the_front_door_may_call_an_alias_and_only_those_it_calls(template: Templates, api: str) -> None:
    principal = "elasticloadbalancing" if api == "alb" else "apigateway"
    permissions = of_type(service(template, api), "AWS::Lambda::Permission").values()
    called = {permission["FunctionName"]["Ref"] for permission in permissions}
    assert called == ALIASES.keys() | ({"AuthorizerAliaslive"} if api == "rest" else set())
    assert {permission["Principal"] for permission in permissions} == {f"{principal}.amazonaws.com"}
    assert all(permission["SourceArn"] for permission in permissions)


@pytest.mark.parametrize("api", ["http", "alb"])
def test_nothing_of_a_rest_api_is_left(template: Templates, api: str) -> None:
    resources = service(template, api)["Resources"].values()
    kinds = {resource["Type"] for resource in resources}
    assert not {"AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage", "AWS::ApiGateway::UsagePlan"} & kinds
    authorizer = of_type(service(template, api), "AWS::Lambda::Function")["Authorizer"]
    assert "ReservedConcurrentExecutions" not in authorizer


def test_an_http_api_sends_each_route_to_its_functions_alias(template: Templates) -> None:
    expanded = service(template, "http")
    integrations = of_type(expanded, "AWS::ApiGatewayV2::Integration")
    owners = {name: ALIASES[properties["IntegrationUri"]["Ref"]] for name, properties in integrations.items()}
    assert {properties["PayloadFormatVersion"] for properties in integrations.values()} == {"2.0"}
    routes = {
        route["RouteKey"]: owners[route["Target"]["Fn::Sub"].split("${")[1].rstrip("}")]
        for route in of_type(expanded, "AWS::ApiGatewayV2::Route").values()
    }
    expected = {f"ANY {path}": get_owner(path) for path in application.app.routes}
    assert routes == {**expected, "$default": "ingest"}


def test_an_http_api_is_throttled_and_logged_without_ids(template: Templates) -> None:
    stage = only(service(template, "http"), "AWS::ApiGatewayV2::Stage")
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == PROD.throttle.rate
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] == PROD.throttle.burst
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert logged["route"] == "$context.routeKey"
    for secret in ("identity", "path", "queryString", "header", "authorizer."):
        assert secret not in " ".join(logged.values())


@pytest.mark.parametrize("api", ["rest", "http"])
def test_where_there_is_a_domain_it_has_tls_1_2_and_is_the_only_way_in(template: Templates, api: str) -> None:
    expanded = service(template, api)
    assert only(expanded, "AWS::ApiGateway::DomainName")["SecurityPolicy"] == "TLS_1_2"
    mapping = only(expanded, "AWS::ApiGatewayV2::ApiMapping")
    assert mapping["ApiId"] == {"Ref": "RestAPI" if api == "rest" else "HttpApi"}
    if api == "http":
        assert only(expanded, "AWS::ApiGatewayV2::Api")["DisableExecuteApiEndpoint"] is True
    else:
        body = only(expanded, "AWS::ApiGateway::RestApi")["Body"]
        configuration = body["x-amazon-apigateway-endpoint-configuration"]
        assert configuration["disableExecuteApiEndpoint"] is True
    assert expanded["Outputs"]["EndpointURL"]["Value"] == f"https://{DOMAIN.name}"


def test_without_a_domain_the_default_endpoint_stays(template: Templates) -> None:
    expanded = template("dev-standalone", "service")
    assert "execute-api" in str(expanded["Outputs"]["EndpointURL"]["Value"])
    body = only(expanded, "AWS::ApiGateway::RestApi")["Body"]
    assert not body.get("x-amazon-apigateway-endpoint-configuration", {}).get("disableExecuteApiEndpoint")


def test_a_load_balancer_speaks_https_only_and_sends_each_path_to_its_function(template: Templates) -> None:
    expanded = service(template, "alb")
    listener = only(expanded, "AWS::ElasticLoadBalancingV2::Listener")
    assert (listener["Protocol"], listener["Port"], listener["SslPolicy"]) == ("HTTPS", 443, alb.TLS_POLICY)
    groups = of_type(expanded, "AWS::ElasticLoadBalancingV2::TargetGroup")
    owners = {name: ALIASES[group["Targets"][0]["Id"]["Ref"]] for name, group in groups.items()}
    rules = sorted(
        of_type(expanded, "AWS::ElasticLoadBalancingV2::ListenerRule").values(),
        key=lambda rule: rule["Priority"],
    )

    def find(path: str) -> str:
        for rule in rules:
            prefix, below = rule["Conditions"][0]["PathPatternConfig"]["Values"]
            if path == prefix or path.startswith(below.removesuffix("*")):
                return owners[rule["Actions"][0]["TargetGroupArn"]["Ref"]]
        return owners[listener["DefaultActions"][0]["TargetGroupArn"]["Ref"]]

    for path in (*application.app.routes, "/admin", "/admin/keys", "/console", "/console/console.js"):
        assert find(path) == get_owner(path), path
        assert find(f"{path}/") == get_owner(path), path
    assert len(rules) <= 10  # more have a price
    for name, group in groups.items():
        assert group["HealthCheckEnabled"] is False, name  # each would be an invocation
        assert "DependsOn" in expanded["Resources"][name]
        assert len(group["Name"]) <= 32
    attributes = only(expanded, "AWS::ElasticLoadBalancingV2::LoadBalancer")["LoadBalancerAttributes"]
    assert {"Key": "deletion_protection.enabled", "Value": "true"} in attributes


@pytest.mark.parametrize("env", environments.NAMES)
def test_names_of_target_groups_are_short_enough(env: str) -> None:
    for name in ROUTED_FUNCTIONS:
        assert len(alb.get_group_name(environments.load(env), name)) <= 32


@pytest.mark.parametrize("api", ["rest", "alb"])
def test_the_firewall_limits_each_key_and_answers_429_in_our_shape(template: Templates, api: str) -> None:
    expanded = service(template, api)
    wall = only(expanded, "AWS::WAFv2::WebACL")
    rules = {rule["Name"]: rule for rule in wall["Rules"]}
    by_key = rules["RateOfKey"]["Statement"]["RateBasedStatement"]
    (custom,) = by_key["CustomKeys"]
    assert custom["Header"]["Name"] == "authorization"
    assert by_key["Limit"] == PROD.throttle.rate // 2 * by_key["EvaluationWindowSec"]
    assert rules["Flood"]["Statement"]["RateBasedStatement"]["Limit"] == 4 * by_key["Limit"]
    for name in ("RateOfKey", "RateOfPublicKey", "Flood"):
        response = rules[name]["Action"]["Block"]["CustomResponse"]
        headers = {header["Name"]: header["Value"] for header in response["ResponseHeaders"]}
        assert (response["ResponseCode"], headers["Access-Control-Allow-Origin"]) == (429, "*")
        assert int(headers["Retry-After"]) > 0
        body = json.loads(wall["CustomResponseBodies"][response["CustomResponseBodyKey"]]["Content"])
        assert (body["error"]["code"], body["errorCode"]) == ("throttled", "GENERAL")
    association = only(expanded, "AWS::WAFv2::WebACLAssociation")["ResourceArn"]
    assert ("LoadBalancer" in str(association)) is (api == "alb")


@pytest.mark.parametrize("api", APIS)
def test_requests_to_the_management_api_reach_no_function_that_decides(api: Any) -> None:
    """With its function they reach that one; without it they reach the one that answers 404."""
    on = change_front_door(environments.load("staging"), api)
    off = replace(on, functions={name: each for name, each in on.functions.items() if name != "admin"})
    for path in ("/admin", "/admin/publish", "/console"):
        assert get_owner(path) == "admin"
    assert "admin" in list_functions(on)
    assert "admin" not in list_functions(off)
    body: dict[str, Any] = {
        "paths": {"/admin": {}, "/flags/evaluate": {}},
        "securityDefinitions": {},
        "info": {},
    }
    assert "/admin" in rest.adapt_definition(copy.deepcopy(body), on)["paths"]
    assert [*rest.adapt_definition(body, off)["paths"]] == ["/flags/evaluate"]


def test_an_environment_may_set_the_rate_of_a_key() -> None:
    assert firewall.get_key_limit(replace(PROD, key_rate=7)) == 7 * firewall.WINDOW_SECONDS


def test_every_prefix_has_a_route() -> None:
    for prefix, _ in PATH_OWNERS:
        assert any(path.startswith(prefix) for path in application.app.routes), prefix


def test_a_domain_without_a_zone_has_no_record() -> None:
    domain = Domain("decide.example.com", "arn:aws:acm:us-east-1:123456789012:certificate/1")
    environment = replace(DEV, api="alb", network=NETWORK, domain=domain)
    assert "DomainRecord" not in alb.build_resources(environment, NETWORK, domain)


@pytest.mark.parametrize(
    ("api", "dimension", "failed"),
    [
        ("rest", "ApiName", ["5XXError"]),
        ("http", "ApiId", ["5xx"]),
        ("alb", "LoadBalancer", ["HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"]),
    ],
)
def test_the_alarm_reads_the_metrics_of_its_front_door(
    template: Templates, api: str, dimension: str, failed: list[str]
) -> None:
    monitoring = template("everything" if api == "rest" else f"everything-{api}", "monitoring")
    metrics = of_type(monitoring, "AWS::CloudWatch::Alarm")["ApiErrors"]["Metrics"]
    read = [query["MetricStat"]["Metric"] for query in metrics if "MetricStat" in query]
    assert {*failed} < {metric["MetricName"] for metric in read}
    assert {metric["Dimensions"][0]["Name"] for metric in read} == {dimension}
    parameters = [parameter.get("Default") for parameter in monitoring.get("Parameters", {}).values()]
    written = [
        parameter["Name"] for parameter in of_type(service(template, api), "AWS::SSM::Parameter").values()
    ]
    assert [name for name in parameters if name == "/realtime/prod/front-door"] == written
    assert ("/realtime/prod/front-door" in written) is (api != "rest")
