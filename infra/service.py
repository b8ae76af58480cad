"""The service stack: Chalice's construct, whose template the other modules rewrite."""

import base64
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from chalice.cdk import Chalice
from constructs import Construct

from infra import functions
from infra.bundle import BUILD_FOLDER, BuildTarget, build_bundle
from infra.chalice_template import make_template
from infra.environments import Environment
from infra.front_doors import doors, rest
from infra.functions import LOGICAL_IDS
from infra.release import machine
from infra.resource_names import ResourceNames
from infra.stack import add_resources


class Service(cdk.Stack):
    def __init__(
        self,
        scope: Construct,
        environment: Environment,
        names: ResourceNames,
        target: BuildTarget,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, f"realtime-{environment.name}-service", **kwargs)
        reason = "made by SAM; tests/unit/infra follows every reference after the expansion"
        rules = [f"CloudFormation-Validate::{rule}" for rule in ("F1018", "F1020")]
        cdk.Validations.of(self).acknowledge(*(cdk.Acknowledgment(id=rule, reason=reason) for rule in rules))
        app = EmbeddedApp(self, environment, names, target)
        add_resources(self, machine.build_resources(environment, app.sha256))
        if environment.api == "rest":
            app.get_resource("RestAPI").add_property_override("DefinitionBody", app.definition)
        add_resources(self, doors.build_resources(environment, app.definition["paths"]))
        address = doors.get_address(environment)
        cdk.CfnOutput(self, "EndpointURL", value=cdk.Token.as_string(address))


class EmbeddedApp(Chalice):
    """Chalice's construct with our bundle, which has byte-code, and our template."""

    def __init__(
        self, scope: cdk.Stack, environment: Environment, names: ResourceNames, target: BuildTarget
    ) -> None:
        self._environment, self._names, self._target = environment, names, target
        self.definition: dict[str, Any] = {}
        self.sha256 = ""
        BUILD_FOLDER.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD_FOLDER) as folder:
            self._folder = Path(folder)
            super().__init__(scope, "App", source_dir=".")

    def _package_app(self) -> None:
        bundle = build_bundle(self._target)
        self.sha256 = base64.b64encode(hashlib.sha256(bundle.read_bytes()).digest()).decode()
        sam = make_template(bundle)
        resources = sam["Resources"]
        sam["Parameters"] = {
            name: {"Type": "AWS::SSM::Parameter::Value<String>", "Default": path}
            for name, path in self._names.parameters.items()
        }
        functions.configure_functions(resources, self._environment, self._names, self._target)
        rest_api = resources["RestAPI"]["Properties"]
        self.definition = rest.adapt_definition(rest_api.pop("DefinitionBody"), self._environment)
        del sam["Outputs"]["EndpointURL"]
        if self._environment.api == "rest":
            rest_api |= rest.build_stage(self._environment)
            resources["AccessLog"] = rest.build_access_log(self._environment)
        else:
            del resources["RestAPI"], sam["Outputs"]["RestAPIId"]
        for logical_id in ("APIHandlerInvokePermission", f"{LOGICAL_IDS['authorizer']}InvokePermission"):
            del resources[logical_id]  # they would permit calls of the unqualified functions
        self._sam_package_dir = str(self._folder)
        (self._folder / "sam.json").write_text(json.dumps(sam))
        shutil.copy(bundle, self._folder / "deployment.zip")

    def _generate_sam_template_with_assets(self, _chalice_out: str, package_id: str) -> str:
        path: str = super()._generate_sam_template_with_assets(str(self._folder), package_id)
        return path
