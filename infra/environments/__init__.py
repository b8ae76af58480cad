"""The environments: a file of typed values for each."""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from infra.release.steps import Release

FunctionName: TypeAlias = Literal[
    "assignment",
    "feature_flags",
    "ingest",
    "event_processor",
    "assignment_sync",
    "authorizer",
    "webhooks",
    "admin",
]
NAMES = ("dev", "staging", "prod")
PRIMED: tuple[FunctionName, ...] = ("assignment", "feature_flags")
"""Those that app.py gives to `chalicelib.priming`."""
OPTIONAL: tuple[FunctionName, ...] = ("admin",)
"""Those that an environment may leave out. Then nothing of them is deployed but their log, and no path."""


@dataclass(frozen=True, slots=True)
class Function:
    """Memory in MB, timeout in seconds. A hundredth of answers, or batches, may take over ``p99_ms``."""

    p99_ms: int
    memory: int = 1024
    timeout: int = 10
    reserved: int | None = None
    provisioned: int | None = None
    """Warm containers of the version that has the traffic. Excludes SnapStart."""
    snap_start: bool = False
    """Containers start from a snapshot, for which each version that is kept costs (docs/deployment.md)."""

    def __post_init__(self) -> None:
        if not 512 <= self.memory <= 1024:
            raise ValueError(f"memory must be 512 to 1024 MB, got {self.memory}")
        if self.provisioned and self.snap_start:
            raise ValueError("provisioned excludes snap_start: set one of them")
        if self.provisioned and self.reserved is not None and 2 * self.provisioned > self.reserved:
            raise ValueError(
                f"provisioned {self.provisioned} exceeds half of the reserved {self.reserved}: "
                "during a release two versions have warm containers"
            )


@dataclass(frozen=True, slots=True)
class Peak:
    """The load that an environment is sized for: requests in its busiest second, events in its busiest hour.

    A test computes from it what `reserved`, `throttle` and `shards` must be at least (docs/capacity.md).
    """

    assigns: int
    flags: int
    events_per_hour: int


@dataclass(frozen=True, slots=True)
class Throttle:
    """Requests a second, and the burst above them."""

    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class UsagePlan:
    """A quota for callers with an API Gateway key (`X-API-Key`), which they send beside their API key."""

    throttle: Throttle
    requests_per_month: int


@dataclass(frozen=True, slots=True)
class Domain:
    name: str
    certificate_arn: str
    hosted_zone_id: str | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """Where alarms go: an email address, or the ARN of a topic that exists and has subscribers of its own."""

    email: str | None = None
    topic_arn: str | None = None

    def __post_init__(self) -> None:
        if bool(self.email) == bool(self.topic_arn):
            raise ValueError("Contact needs email or topic_arn, and not both")
        if self.email and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", self.email):
            raise ValueError(f"email must be an address such as on-call@example.com, got {self.email!r}")
        if self.topic_arn and not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:\S+", self.topic_arn):
            raise ValueError(f"topic_arn must be the ARN of an SNS topic, got {self.topic_arn!r}")


@dataclass(frozen=True, slots=True)
class Network:
    """Where a load balancer stands: a VPC, and public subnets of it in two zones or more."""

    vpc: str
    subnets: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.vpc.startswith("vpc-"):
            raise ValueError(f"network.vpc must be the id of a VPC, such as vpc-0a1b2c3d, got {self.vpc!r}")
        if len(set(self.subnets)) < 2 or not all(name.startswith("subnet-") for name in self.subnets):
            raise ValueError(f"network.subnets must be ids of two subnets or more, got {self.subnets!r}")


Api: TypeAlias = Literal["rest", "http", "alb"]
APIS: tuple[Api, ...] = get_args(Api)


@dataclass(frozen=True, slots=True)
class Environment:
    name: str
    functions: Mapping[FunctionName, Function]
    """Naming `admin` turns on the management API and the console."""
    peak: Peak
    throttle: Throttle
    release: Release
    """How traffic moves to a new version."""
    retain: bool
    """Tables, stream, bucket and queues outlive the stack."""
    shards: int | None
    """None: the stream scales itself."""
    log_days: int
    budget_usd: int
    """The monthly cost that the budget warns of."""
    reports: bool = True
    """Lambda logs duration, memory and cold start of every invocation."""
    python: str | None = "3.13"
    """The version that it runs, so the only one that may build it. None: whichever builds."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """`REALTIME_*` variables that differ from the defaults in docs/settings.md."""
    pages: "Contact | None" = None
    """Who is woken by alarms; prod is not deployed without."""
    tickets: "Contact | None" = None
    """Who gets the alarms that can wait for the next working day. None: the contact of `pages`."""
    api_p99_ms: int = 150
    """A hundredth of requests may take longer at the front door, with authorizer, network and cold starts."""
    api: Api = "rest"
    """What stands before the functions: a REST API, an HTTP API or a load balancer."""
    network: Network | None = None
    """For a load balancer."""
    waf: bool = False
    usage_plan: UsagePlan | None = None
    domain: Domain | None = None
    key_rate: int | None = None
    """Requests a second that the firewall allows one API key; None: half of ``throttle.rate``."""
    account: str | None = None
    """The AWS account that it belongs to; the commands refuse any other. None: any."""
    region: str | None = None
    """Its region, such as eu-west-1, likewise."""
    kms_key: str | None = None
    """The ARN of the customer's key that encrypts all that is stored, or "create". None: AWS's own keys."""

    def __post_init__(self) -> None:
        self._check_api()
        if "REALTIME_ADMIN" in self.settings:
            raise ValueError("settings: REALTIME_ADMIN follows functions; name the function admin there")
        for name, function in self.functions.items():
            if function.snap_start and name not in PRIMED:
                raise ValueError(f"{name}: snap_start is only for {' and '.join(PRIMED)}, which are primed")
        if self.account is not None and not re.fullmatch(r"\d{12}", self.account):
            raise ValueError(f"account must be 12 digits, as text, got {self.account!r}")
        if self.region is not None and not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-\d", self.region):
            raise ValueError(f"region must be one such as eu-west-1, got {self.region!r}")
        if self.kms_key not in (None, "create"):
            require_key_arn(self.kms_key, "kms_key")

    def _check_api(self) -> None:
        if self.api not in APIS:
            raise ValueError(f"api must be one of {', '.join(APIS)}, got {self.api!r}")
        if self.api == "http" and self.waf:
            raise ValueError("waf: AWS WAF cannot stand before an HTTP API; use waf=False, or another api")
        if self.api != "rest" and self.usage_plan:
            raise ValueError(f"usage_plan: only a REST API has one; use api='rest', not {self.api!r}")
        if self.api == "alb" and not self.network:
            raise ValueError("network: a load balancer needs Network(vpc=…, subnets=(…, …))")
        if self.api == "alb" and not self.domain:
            raise ValueError("domain: a load balancer needs Domain(name=…, certificate_arn=…) to speak HTTPS")


def require_key_arn(value: str, field: str) -> str:
    """An alias does not do: log groups and policies take ARNs of keys only."""
    if not re.fullmatch(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", value):
        raise ValueError(f"{field} must be the ARN of a key (arn:aws:kms:…:key/…), got {value!r}")
    return value


def load(name: str) -> Environment:
    if name not in NAMES:
        raise ValueError(f"there is no environment {name!r}; use -c env={'|'.join(NAMES)}")
    environment: Environment = importlib.import_module(f"infra.environments.{name}").ENVIRONMENT
    return check_functions(environment)


def check_functions(environment: Environment) -> Environment:
    """``environment``, if it has all functions that are deployed everywhere. Raises ValueError."""
    if missing := {*get_args(FunctionName)} - {*OPTIONAL} - environment.functions.keys():
        raise ValueError(f"functions: {', '.join(sorted(missing))} must be there")
    return environment
