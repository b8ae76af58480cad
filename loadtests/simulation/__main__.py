"""`make simulate`: how often do tests find a difference between users whom nothing divides but chance?

make simulate ARGS="--scale 0.1"
"""

import argparse
import sys
from collections.abc import Sequence

from loadtests.simulation.table import Row, run_simulations


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="1: 4,000 runs, some minutes.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if not 0.001 <= options.scale <= 100:
        parser.error("--scale must be between 0.001 and 100")
    group, wrong = "", []
    for row in run_simulations(options.scale, options.seed):
        if row.group != group:
            group = row.group
            print(f"\n{group}")
        print(f"  {_describe(row)}", flush=True)
        if not row.is_right:
            wrong.append(row)
    for row in wrong:
        print(f"\nNot as it should be: {row.group}, {_describe(row)}", file=sys.stderr)
    return int(bool(wrong))


def _describe(row: Row) -> str:
    error = (row.rate * (1 - row.rate) / row.runs) ** 0.5
    return f"{row.name:<40} {100 * row.rate:5.1f} % (se {100 * error:.2f}) {row.note}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
