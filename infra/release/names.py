"""Names that the machine and the commands share. Importing them needs no CDK, and so no Node.js."""

from chalicelib.domain.status.alarms import name_function
from infra.environments import Environment, FunctionName


def get_machine_name(environment: Environment) -> str:
    return f"realtime-{environment.name}-release"


def get_function_name(name: FunctionName, environment: Environment) -> str:
    return name_function(environment.name, name)
