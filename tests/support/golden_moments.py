"""The exact sums behind the golden numbers: of CDNOW's customers, all of them and as `make run` has them.

`python -m tests.support.golden_moments` writes the file again.
"""

import json
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cache
from typing import Any

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from chalicelib.domain.definitions.compiler import compile_experiment, parse_experiment
from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.timestamps import parse_timestamp
from realtime.analysis.model import Design, Moments, PlannedMetric, Sums
from realtime.definition_files.syntax import parse_documents
from realtime.demo.cdnow import DEFINITIONS, SAMPLE, read_customers
from tests.support.analysis_reference import SCALE, Anchor, build_moments
from tests.support.cdnow import assign_customers, read_purchases
from tests.support.experiments import experiment
from tests.support.paths import ROOT

FILE = ROOT / "tests" / "support" / "golden_moments.json"
_PURCHASE = {"event": "purchase"}
_VALUE = {"event": "purchase", "aggregate": "sum"}


_DOCUMENTS: Mapping[str, dict[str, Any]] = {
    "conversion": {"event": "purchase", "aggregate": "conversion"},
    "orders": _PURCHASE,
    "revenue": _VALUE,
    "capped-revenue": _VALUE | {"cap": 0.99},
    "order-value": {"numerator": _VALUE, "denominator": _PURCHASE},
}


def list_metrics(name: str) -> dict[str, MetricDocument]:
    fields = {"window": "90d", "pre_period": "90d"} if name == "q2" else {"window": "30d"}
    return {
        key: MetricDocument.model_validate({"key": key} | document | fields)
        for key, document in _DOCUMENTS.items()
    }


def make_design(name: str, **fields: Any) -> Design:
    """``q2``, ``sample`` or ``full``; every metric is secondary unless ``metrics`` says otherwise."""
    treatment = "treatment" if name == "q2" else "free-shipping"
    plan: dict[str, Any] = {
        "metrics": [PlannedMetric(metric, "secondary") for metric in list_metrics(name).values()]
    }
    if name == "q2":
        plan["planned_users"] = 20_000
    key = "cdnow-q2" if name == "q2" else "cdnow-free-shipping"
    shares = {"control": 0.5, treatment: 0.5}
    anchor = "assignment" if name == "q2" else "exposure"
    return Design(key, key, 1, 1, shares, "control", anchor, **(plan | fields))


def build_anchors(name: str) -> list[Anchor]:
    if name == "q2":
        return assign_customers(experiment("cdnow-q2"), read_customers(), parse_timestamp("1997-04-01"))
    return assign_customers(_read_demo_experiment(), read_customers(SAMPLE if name == "sample" else 1))


def build_golden(name: str) -> Iterator[tuple[str, Moments]]:
    anchors, design = build_anchors(name), make_design(name)
    for key, metric in reversed(list_metrics(name).items()):
        yield key, build_moments(design, metric, anchors, read_purchases())


@cache
def read_golden(name: str) -> dict[str, Moments]:
    written = json.loads(FILE.read_text())[name]
    return {
        key: Moments(
            metric,
            [_read_sums(variant, numbers) for variant, numbers in written[key]["sums"].items()],
            cap=_read_amount(written[key]["cap"]),
            pre_cap=_read_amount(written[key]["pre_cap"]),
        )
        for key, metric in list_metrics(name).items()
    }


def _read_sums(variant: str, numbers: Mapping[str, int]) -> Sums:
    names = [name for name in numbers if set(name) <= set("ydxz")]
    totals = {name: Fraction(numbers[name], SCALE) for name in names if len(name) == 1}
    products = {name: Fraction(numbers[name], SCALE**2) for name in names if len(name) == 2}
    largest = Fraction(numbers["largest"], SCALE)
    return Sums(variant, numbers["users"], totals, products, numbers["converted"], largest)


def _write_sums(sums: Sums) -> dict[str, int]:
    return {
        "users": sums.users,
        "converted": sums.converted,
        "largest": int(sums.largest * SCALE),
        **{name: int(total * SCALE) for name, total in sums.totals.items()},
        **{name: int(product * SCALE**2) for name, product in sums.products.items()},
    }


def _read_amount(number: int | None) -> Fraction | None:
    return None if number is None else Fraction(number, SCALE)


def _write_amount(amount: Fraction | None) -> int | None:
    return None if amount is None else int(amount * SCALE)


def _write(moments: Moments) -> dict[str, Any]:
    return {
        "cap": _write_amount(moments.cap),
        "pre_cap": _write_amount(moments.pre_cap),
        "sums": {sums.variant: _write_sums(sums) for sums in moments.sums},
    }


def _read_demo_experiment() -> Experiment:
    path = DEFINITIONS / "experiments.yaml"
    [documents] = parse_documents(path.read_bytes(), path.suffix)
    [document] = [one for one in documents["experiments"] if one["key"] == "cdnow-free-shipping"]
    return compile_experiment(parse_experiment(document))


if __name__ == "__main__":
    golden = {
        name: {key: _write(moments) for key, moments in build_golden(name)}
        for name in ("q2", "sample", "full")
    }
    FILE.write_text(json.dumps(golden, indent=1) + "\n")
