"""One parser under atheris, whose inputs follow the branches that they reach.

Example: python -m tests.fuzz.guided yaml -max_total_time=20
"""

import sys

import atheris


def main() -> None:
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["chalicelib", "realtime", "yaml", "json"]):
        from tests.fuzz.parsers import PARSERS
    atheris.Setup(
        [sys.argv[0], "-max_len=4096", "-timeout=10", "-rss_limit_mb=1000", *options], PARSERS[name]
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
