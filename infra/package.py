"""`make package`: build the bundle for Lambda; print its size and what byte-code saves at a cold start."""

import sys
import zipfile
from pathlib import Path

from infra.bundle import HOST_TARGET, LAMBDA_TARGET, MAX_BUNDLE_BYTES, BundleError, build_bundle
from infra.cold_start import HANDLERS, measure_cold_start, measure_first_decision
from infra.python_version import describe_other_python
from infra.sbom import write_sbom


def main() -> None:
    try:
        bundle, runnable = build_bundle(LAMBDA_TARGET), build_bundle(HOST_TARGET)
    except BundleError as error:
        sys.exit(f"package: {error}")
    sbom = write_sbom(bundle, LAMBDA_TARGET)
    target, size = LAMBDA_TARGET, bundle.stat().st_size
    print(f"{bundle.relative_to(Path.cwd())}")
    print(f"{sbom.relative_to(Path.cwd())}, what is in it (CycloneDX)")
    print(f"  for        {target.runtime} on {target.machine}, glibc 2.{target.glibc} or newer")
    print(f"  size       {size / 1024**2:.2f} MB of {MAX_BUNDLE_BYTES / 1024**2:.0f} MB zipped")
    with zipfile.ZipFile(bundle) as archive:
        entries = archive.infolist()
    code = sum(entry.compress_size for entry in entries if entry.filename.endswith(".pyc"))
    libraries = sum(".so" in entry.filename for entry in entries)
    print(f"  of which   {code / 1024**2:.2f} MB byte-code; {libraries} libraries, all for {target.machine}")
    print("  cold start: ms of CPU from a fresh interpreter to the first answer, of the same bundle for this")
    print("             machine, with byte-code and without")
    for function in HANDLERS:
        compiled, plain = measure_cold_start(runnable, function)
        print(f"    {function:<16} {compiled:4.0f} {plain:5.0f}  {100 * compiled / plain:.0f} %")
    primed, unprimed = measure_first_decision(runnable)
    print("  first decision after the start, without the time of AWS:")
    print(f"             {primed:.1f} ms primed, {unprimed:.0f} ms not primed")
    if note := describe_other_python():
        print(note)


if __name__ == "__main__":
    main()
