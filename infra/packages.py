"""The name, version and licence of packages, from their own metadata: of wheels, or as they are installed."""

import re
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from infra.bundle import ROOT

LOCKS = ROOT / "locks"
_SPDX = {
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",  # python-dateutil
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MPLv2.0": "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""How packages without a licence expression write it → its SPDX expression."""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    name: str
    version: str
    licence: str
    """An SPDX expression; or what the package itself says, if that is none."""
    sha256: str = ""
    """Of its wheel."""


def read_wheels(folder: Path) -> list[Package]:
    return sorted(_read_wheel(wheel) for wheel in folder.glob("*.whl"))


def read_installed(lock: str) -> list[Package]:
    """What a lock file has and this environment, too: some packages are for other systems only."""
    packages = []
    for name in sorted(set(re.findall(r"^([\w.-]+)==", (LOCKS / lock).read_text(), re.MULTILINE))):
        try:
            fields = metadata(name)
        except PackageNotFoundError:
            continue
        packages.append(Package(_normalise(fields["Name"]), fields["Version"], _find_licence(fields)))  # type: ignore[arg-type] # a Message
    return packages


def _read_wheel(wheel: Path) -> Package:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
        fields = HeaderParser().parsestr(archive.read(path).decode())
    digest = sha256(wheel.read_bytes()).hexdigest()
    return Package(_normalise(fields["Name"]), fields["Version"], _find_licence(fields), digest)


def _normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _find_licence(fields: Message) -> str:
    """By PEP 639; else the one classifier, or the field that older packages have."""
    if expression := fields["License-Expression"]:
        return str(expression)
    written = str(fields["License"] or "").strip().partition("\n")[0]
    classified = [
        text.rpartition(" :: ")[2]
        for text in fields.get_all("Classifier") or []
        if text.startswith("License :: ") and text != "License :: OSI Approved"
    ]
    if len(classified) == 1:
        return _SPDX.get(classified[0], classified[0])
    return _SPDX.get(written, written or " AND ".join(classified))
