"""Environments with another front door than their own, to synthesise and test each of them."""

from dataclasses import replace

from infra.environments import Api, Domain, Environment, Network

DOMAIN = Domain("decide.example.com", "arn:aws:acm:us-east-1:123456789012:certificate/1", "Z123")
NETWORK = Network("vpc-0a1b2c3d", ("subnet-0a1b2c3d", "subnet-1a1b2c3d"))


def change_front_door(environment: Environment, api: Api) -> Environment:
    """With an example's network and domain for a load balancer, and without what cannot be there."""
    if api == environment.api:
        return environment
    is_balanced = api == "alb"
    return replace(
        environment,
        api=api,
        network=environment.network or (NETWORK if is_balanced else None),
        domain=environment.domain or (DOMAIN if is_balanced else None),
        waf=environment.waf and api != "http",
        usage_plan=environment.usage_plan if api == "rest" else None,
    )
