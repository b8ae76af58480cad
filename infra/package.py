"""`make package`: the bundle for Lambda, its size, and what its byte-code saves at a cold start."""

import sys
import zipfile
from pathlib import Path

from infra.bundle import HOST, LAMBDA, LIMIT, BundleError, build
from infra.cold_start import measure


def main() -> None:
    try:
        bundle, runnable = build(LAMBDA), build(HOST)
    except BundleError as error:
        sys.exit(f"package: {error}")
    size = bundle.stat().st_size
    print(f"{bundle.relative_to(Path.cwd())}")
    print(f"  for        {LAMBDA.runtime} on {LAMBDA.machine}, glibc 2.{LAMBDA.glibc} or newer")
    print(f"  size       {size / 1024**2:.2f} MB of {LIMIT / 1024**2:.0f} MB zipped")
    with zipfile.ZipFile(bundle) as archive:
        entries = archive.infolist()
    code = sum(entry.compress_size for entry in entries if entry.filename.endswith(".pyc"))
    libraries = sum(".so" in entry.filename for entry in entries)
    print(f"  of which   {code / 1024**2:.2f} MB byte-code; {libraries} libraries, all for {LAMBDA.machine}")
    compiled, plain = measure(runnable)
    print("  cold start, from a fresh interpreter to the first answer, of the same bundle for this machine:")
    share = 100 * compiled / plain
    print(f"             {compiled:.0f} ms with byte-code, {plain:.0f} ms without: {share:.0f} %")


if __name__ == "__main__":
    main()
