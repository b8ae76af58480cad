"""What is in a bundle, as CycloneDX: each package with its licence and the hash of its wheel."""

import json
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

import chalicelib
from infra.bundle import BuildTarget, get_wheels
from infra.packages import Package, read_wheels


def write_sbom(bundle: Path, target: BuildTarget) -> Path:
    """Beside the bundle. The same bundle gives the same bytes: no time, and its own hash as serial number."""
    digest = sha256(bundle.read_bytes()).hexdigest()
    chalice = Package("chalice", version("chalice"), "Apache-2.0")
    service = Component(
        type=ComponentType.APPLICATION,
        name="realtime",
        version=chalicelib.__version__,
        bom_ref="realtime",
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
    )
    path = bundle.with_suffix(".cdx.json")
    path.write_text(
        _render(service, [*read_wheels(get_wheels(target)), chalice], UUID(digest[:32], version=4))
    )
    return path


def _render(service: Component, packages: Iterable[Package], serial_number: UUID) -> str:
    bom = Bom(components=[_describe(package) for package in packages], serial_number=serial_number)
    bom.metadata.component = service
    bom.register_dependency(service, bom.components)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    del document["metadata"]["timestamp"]
    return json.dumps(document, indent=2) + "\n"


def _describe(package: Package) -> Component:
    purl = PackageURL("pypi", name=package.name, version=package.version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)] if package.sha256 else []
    licences = [LicenseFactory().make_from_string(package.licence)]
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=licences,
        hashes=hashes,
    )
