"""How the monitoring stack learns the id of an HTTP API or a load balancer, which AWS makes up.

The service stack writes it to an SSM parameter, since an export could not be replaced. A REST API is measured
by its name.
"""

from infra.environments import Environment

NAME = "FrontDoorId"
FRONT_DOOR_ID = f"${{{NAME}}}"
"""For `Fn::Sub`."""


def get_parameters(environment: Environment) -> dict[str, str]:
    """Template parameter → path of the SSM parameter."""
    return {} if environment.api == "rest" else {NAME: get_path(environment)}


def get_path(environment: Environment) -> str:
    return f"/realtime/{environment.name}/front-door"
