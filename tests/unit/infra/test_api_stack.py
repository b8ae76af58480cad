"""The API after SAM's expansion: each path's function, the gateway's own answers, the access log."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest

from chalicelib.domain.keys import BEARER_PATTERN
from infra.environments import load
from infra.front_doors.paths import get_owner
from infra.front_doors.rest import (
    OPEN_PATHS,
    SELF_AUTHORIZED_PATHS,
    adapt_definition,
    list_operations,
)
from infra.functions import LOGICAL_IDS
from tests.support.synth import REST_VARIANTS, Template, Templates, of_type


def body(template: Templates, variant: str = "prod-standalone") -> Template:
    (api,) = of_type(template(variant, "service"), "AWS::ApiGateway::RestApi").values()
    definition: Template = api["Body"]
    return definition


def stage(template: Templates) -> Template:
    (properties,) = of_type(template("prod-standalone", "service"), "AWS::ApiGateway::Stage").values()
    return properties


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/assign", "assignment"),
        ("/assign/batch", "assignment"),
        ("/identify", "assignment"),
        ("/flags/evaluate", "feature_flags"),
        ("/flags/evaluate/batch", "feature_flags"),
        ("/ofrep/v1/evaluate/flags/{key}", "feature_flags"),
        ("/evidently/projects/{project}/evaluations", "feature_flags"),
        ("/evidently/projects/{project}/evaluations/{feature}", "feature_flags"),
        ("/evidently/events/projects/{project}", "ingest"),
        ("/events", "ingest"),
        ("/experiments/{key}/results", "ingest"),
        ("/health", "ingest"),
        ("/openapi.json", "ingest"),
        ("/admin", "admin"),
        ("/admin/flags/{key}/kill", "admin"),
        ("/console", "admin"),
        ("/console/{name}", "admin"),
    ],
)
def test_each_path_has_its_function(path: str, function: str) -> None:
    assert get_owner(path) == function


@pytest.mark.parametrize("variant", REST_VARIANTS)
def test_the_gateway_compresses_answers_that_are_worth_it(template: Templates, variant: str) -> None:
    (api,) = of_type(template(variant, "service"), "AWS::ApiGateway::RestApi").values()
    assert api["MinimumCompressionSize"] == 1024


@pytest.mark.parametrize("variant", REST_VARIANTS)
def test_every_route_calls_its_functions_alias(template: Templates, variant: str) -> None:
    routes = list(list_operations(body(template, variant)))
    assert len(routes) >= 12
    for path, _, method in routes:
        uri = method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        assert uri.endswith(f"/functions/${{{LOGICAL_IDS[get_owner(path)]}Aliaslive}}/invocations")


def test_every_route_but_the_open_ones_asks_the_authorizer(template: Templates) -> None:
    definition = body(template)
    for path, _, method in list_operations(definition):
        is_open = path in (*OPEN_PATHS, *SELF_AUTHORIZED_PATHS)
        assert method.get("security", []) == ([] if is_open else [{"authorizer": []}])
    (scheme,) = definition["securityDefinitions"].values()
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    assert scheme["name"] == "Authorization"
    assert authorizer["type"] == "token"
    assert authorizer["authorizerResultTtlInSeconds"] == 60
    assert "AuthorizerAliaslive" in authorizer["authorizerUri"]["Fn::Sub"]
    assert authorizer["identityValidationExpression"] == BEARER_PATTERN


def test_errors_of_the_gateway_have_our_shape_and_ofreps(template: Templates) -> None:
    answers = body(template)["x-amazon-apigateway-gateway-responses"]
    assert {"UNAUTHORIZED", "ACCESS_DENIED", "THROTTLED", "DEFAULT_4XX", "DEFAULT_5XX"} <= answers.keys()
    for answer in answers.values():
        answer_body = json.loads(answer["responseTemplates"]["application/json"])
        assert answer_body["error"].keys() == {"code", "message", "details"}
        assert answer_body["errorDetails"] == answer_body["error"]["message"]
        assert answer_body["key"] == ""
        assert answer["responseParameters"]["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
    throttled = answers["THROTTLED"]
    assert throttled["statusCode"] == 429
    assert throttled["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"
    assert answers["MISSING_AUTHENTICATION_TOKEN"]["statusCode"] == 404


def test_an_environment_may_let_browsers_send_more_headers(template: Templates) -> None:
    environment = replace(load("dev"), settings={"REALTIME_CORS_HEADERS": "X-Tenant"})
    definition = adapt_definition(deepcopy(body(template)), environment)
    answer = definition["paths"]["/events"]["options"]["x-amazon-apigateway-integration"]
    headers = answer["responses"]["default"]["responseParameters"]
    allowed = headers["method.response.header.Access-Control-Allow-Headers"]
    assert {"X-Tenant", "Traceparent", "Content-Type"} <= {*allowed.strip("'").split(",")}


def test_browsers_may_ask_from_anywhere(template: Templates) -> None:
    answer = body(template)["paths"]["/flags/evaluate/batch"]["options"]["x-amazon-apigateway-integration"]
    headers = answer["responses"]["default"]["responseParameters"]
    assert headers["method.response.header.Access-Control-Allow-Origin"] == "'*'"
    assert "If-None-Match" in headers["method.response.header.Access-Control-Allow-Headers"]
    assert headers["method.response.header.Access-Control-Expose-Headers"] == "'ETag,Retry-After'"


@pytest.mark.parametrize("variant", REST_VARIANTS)
def test_there_is_one_stage_and_no_way_around_it(template: Templates, variant: str) -> None:
    expanded = template(variant, "service")
    assert [
        properties["StageName"] for properties in of_type(expanded, "AWS::ApiGateway::Stage").values()
    ] == ["api"]
    (deployment,) = of_type(expanded, "AWS::ApiGateway::Deployment").values()
    assert "StageName" not in deployment


def test_requests_are_throttled_traced_and_measured_but_bodies_never_logged(template: Templates) -> None:
    properties = stage(template)
    (settings,) = properties["MethodSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (34_000, 17_000)
    assert settings["MetricsEnabled"] is False  # $0.30 a month for each metric of each route
    assert settings["DataTraceEnabled"] is False
    assert settings["LoggingLevel"] == "OFF"  # its log would be kept for ever
    assert properties["TracingEnabled"] is True


def test_the_access_log_has_no_field_that_could_hold_an_id_a_key_or_an_address(template: Templates) -> None:
    logged = json.loads(stage(template)["AccessLogSetting"]["Format"])
    text = " ".join(logged.values())
    for secret in ("identity", "requestOverride", "path ", "querystring", "header", "principalId", "claims"):
        assert secret not in text
    assert logged["route"] == "$context.resourcePath"
    assert {"requestId", "functionRequestId", "traceId", "status", "latency"} <= logged.keys()


def test_a_firewall_stands_before_production_only(template: Templates) -> None:
    (wall,) = of_type(template("prod-standalone", "service"), "AWS::WAFv2::WebACL").values()
    assert {rule["Name"] for rule in wall["Rules"]} == {
        "RateOfKey",
        "RateOfPublicKey",
        "Flood",
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
    }
    assert all(not rule["VisibilityConfig"]["SampledRequestsEnabled"] for rule in wall["Rules"])
    assert of_type(template("prod-standalone", "service"), "AWS::WAFv2::WebACLAssociation")
    assert not of_type(template("dev-standalone", "service"), "AWS::WAFv2::WebACL")


def test_a_domain_and_a_usage_plan_are_added_where_they_are_asked_for(template: Templates) -> None:
    expanded = template("everything", "service")
    (domain,) = of_type(expanded, "AWS::ApiGateway::DomainName").values()
    assert (domain["DomainName"], domain["SecurityPolicy"]) == ("decide.example.com", "TLS_1_2")
    assert of_type(expanded, "AWS::ApiGatewayV2::ApiMapping")
    assert of_type(expanded, "AWS::Route53::RecordSet")
    (plan,) = of_type(expanded, "AWS::ApiGateway::UsagePlan").values()
    assert plan["Throttle"] == {"RateLimit": 10, "BurstLimit": 20}
    assert plan["Quota"] == {"Limit": 1_000_000, "Period": "MONTH"}
    for path, _, method in list_operations(body(template, "everything")):
        assert ({"gateway_key": []} in method.get("security", [])) is (
            path not in OPEN_PATHS and get_owner(path) != "admin"
        )
    assert not of_type(template("prod-standalone", "service"), "AWS::ApiGateway::UsagePlan")
