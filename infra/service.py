"""The service stack: Chalice's construct around the template as the other modules rewrite it."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from chalice.cdk import Chalice
from constructs import Construct

from infra import api, firewall, functions, rollout
from infra.bundle import BUILD, Target, build
from infra.chalice_template import template
from infra.environments import Environment
from infra.functions import LOGICAL
from infra.resource_names import ResourceNames
from infra.stack import add


class Service(cdk.Stack):
    def __init__(
        self, scope: Construct, environment: Environment, places: ResourceNames, target: Target, **kwargs: Any
    ) -> None:
        super().__init__(scope, f"realtime-{environment.name}-service", **kwargs)
        why = "made by SAM; tests/unit/infra follows every reference after the expansion"
        known = [f"CloudFormation-Validate::{rule}" for rule in ("F1018", "F1020")]
        cdk.Validations.of(self).acknowledge(*(cdk.Acknowledgment(id=rule, reason=why) for rule in known))
        app = EmbeddedApp(self, environment, places, target)
        # What names an alias or a version is added to Chalice's template, since the construct cannot
        # include a reference that only SAM resolves.
        for name, logical in LOGICAL.items():
            preference = rollout.preference(name, environment)
            app.get_resource(logical).add_property_override("DeploymentPreference", preference)
            add(self, rollout.resources(name, environment))
        add(self, rollout.api_errors(environment))
        for name in api.BEHIND:
            add(self, {f"{LOGICAL[name]}InvokePermission": api.permission(name)})
        rest = app.get_resource("RestAPI")
        rest.add_property_override("DefinitionBody", app.definition)
        add(self, firewall.resources(environment))
        if environment.usage_plan:
            add(self, {"UsagePlan": api.usage_plan(environment.usage_plan, environment)})


class EmbeddedApp(Chalice):
    """Chalice's construct, given a bundle with byte-code and a template that is already ours."""

    def __init__(
        self, scope: cdk.Stack, environment: Environment, places: ResourceNames, target: Target
    ) -> None:
        self._environment, self._places, self._target = environment, places, target
        self.definition: dict[str, Any] = {}
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            self._folder = Path(folder)
            super().__init__(scope, "App", source_dir=".")

    def _package_app(self) -> None:
        bundle = build(self._target)
        sam = template(bundle)
        resources = sam["Resources"]
        sam["Parameters"] = {
            name: {"Type": "AWS::SSM::Parameter::Value<String>", "Default": path}
            for name, path in self._places.parameters.items()
        }
        functions.shape(resources, self._environment, self._places, self._target)
        rest = resources["RestAPI"]["Properties"]
        self.definition = api.definition(rest.pop("DefinitionBody"), self._environment)
        rest |= api.stage(self._environment)
        resources["AccessLog"] = api.access_log(self._environment)
        for logical in ("APIHandlerInvokePermission", f"{LOGICAL['authorizer']}InvokePermission"):
            del resources[logical]  # for the unqualified functions
        self._sam_package_dir = str(self._folder)
        (self._folder / "sam.json").write_text(json.dumps(sam))
        shutil.copy(bundle, self._folder / "deployment.zip")

    def _generate_sam_template_with_assets(self, _chalice_out: str, package_id: str) -> str:
        found: str = super()._generate_sam_template_with_assets(str(self._folder), package_id)
        return found
