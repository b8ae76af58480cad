"""Amazon CloudWatch Evidently: features, launches, experiments and segments as its API answered them.

An override comes first, then the launch that runs, then the experiment that runs, then the default variation.
Evidently never published its hash, so no split of it can be carried over: a split is refused, unless the
option ``rebucket=yes`` says that its users may be divided anew.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from chalicelib.domain.timestamps import format_timestamp
from realtime.migration.evidently_documents import (
    ALL,
    PLURALS,
    Answers,
    Fields,
    read_time,
    read_values,
    read_weight,
    read_weights,
    write_metrics,
)
from realtime.migration.evidently_patterns import translate_pattern
from realtime.migration.model import Definition, Imported, Json, Names, Note, Refused, serve
from realtime.migration.rule_parts import make_rule, name_rules, read_objects, read_variant, require

REBUCKET = (
    "divides users by a hash that Evidently never published: --option rebucket=yes divides them anew, and "
    "import-assignments keeps the variants of an experiment that you have stored"
)


def translate(documents: Sequence[Json], options: Mapping[str, str]) -> Imported:
    answers = Answers(documents)
    imported = Imported()
    segments = _translate_segments(answers, imported)
    project = _Project(answers, segments, imported, can_rebucket=options.get("rebucket") == "yes")
    for name, feature in answers.by_kind["feature"].items():
        experiments: list[Definition] = []
        with imported.translating(name, f"features[{name}]"):
            imported.flags.append(project.translate_feature(name, feature, experiments))
            imported.experiments += experiments
    return imported


def _translate_segments(answers: Answers, imported: Imported) -> dict[str, str]:
    """Key by name, of those that were translated."""
    names = Names(answers.by_kind["segment"])
    keys = {}
    for name, segment in answers.by_kind["segment"].items():
        path = f"segments[{name}].pattern"
        with imported.translating(name, path):
            pattern = segment["pattern"]
            when = translate_pattern(json.loads(pattern) if isinstance(pattern, str) else pattern, path)
            data = {"key": names[name], **_describe(segment), "when": when}
            imported.segments.append(Definition(name, data))
            keys[name] = names[name]
            if "exists" in json.dumps(pattern) or "anything-but" in json.dumps(pattern):
                note = "an attribute that is null is here as one that is not there"
                imported.warnings.append(Note(name, path, note))
    return keys


def _describe(fields: Fields) -> dict[str, Json]:
    return {"description": fields["description"]} if fields.get("description") else {}


class _Project:
    def __init__(
        self, answers: Answers, segments: Mapping[str, str], imported: Imported, *, can_rebucket: bool
    ) -> None:
        self._answers, self._segments, self._imported = answers, segments, imported
        self._names = Names(answers.by_kind["feature"])
        self._experiments = Names(answers.by_kind["experiment"])
        self._can_rebucket = can_rebucket

    def translate_feature(self, name: str, feature: Fields, experiments: list[Definition]) -> Definition:
        """``experiments`` gets the one that the flag serves."""
        path = f"features[{name}]"
        if "variations" not in feature:
            raise Refused(path, "has no variations: list_features leaves them out, get_feature answers them")
        kind, values = read_values(feature, path)
        default = feature.get("defaultVariation") or next(iter(values))
        strategy = feature.get("evaluationStrategy")
        if strategy not in ("ALL_RULES", "DEFAULT_VARIATION"):
            raise Refused(f"{path}.evaluationStrategy", "must be ALL_RULES or DEFAULT_VARIATION")
        overrides = feature.get("entityOverrides") or {}
        rules: list[dict[str, Json]] = []
        if strategy == "ALL_RULES":
            rules = self._translate_rules(name, feature, values, experiments)
        elif overrides:
            reason = (
                "DEFAULT_VARIATION: it is not documented whether overrides count then; remove one of both"
            )
            raise Refused(f"{path}.entityOverrides", reason)
        for variation in overrides.values():
            if variation not in values:
                where = f"{path}.entityOverrides"
                raise Refused(where, f"serves {variation}, which is no variation of {name}")
        data: dict[str, Json] = {
            **self._names.head(name),
            **_describe(feature),
            "type": kind,
            "variants": values,
        }
        data |= {"overrides": dict(overrides)} if overrides else {}
        return Definition(name, {**data, "rules": name_rules(rules), "default": serve(default)})

    def _translate_rules(
        self, name: str, feature: Fields, values: Mapping[str, Json], experiments: list[Definition]
    ) -> list[dict[str, Json]]:
        for index, rule in enumerate(feature.get("evaluationRules") or ()):
            kind = {"aws.evidently.splits": "launch", "aws.evidently.onlineab": "experiment"}.get(
                rule["type"]
            )
            path = f"features[{name}].evaluationRules[{index}]"
            if kind is None:
                raise Refused(path, f"{rule['type']}: is no type that is known")
            if rule.get("name") not in self._answers.by_kind[kind]:
                raise Refused(
                    path, f"names the {kind} {rule.get('name')}: add what get_{kind} answers for it"
                )
        launches = [
            rule
            for launch, groups, path in self._find_running("launch", "groups", name)
            for rule in self._translate_launch(launch, groups, path, name)
        ]
        tests = [
            self._translate_experiment(experiment, treatments, path, name, values, experiments)
            for experiment, treatments, path in self._find_running("experiment", "treatments", name)
        ]
        if len(tests) > 1:
            raise Refused(f"features[{name}]", "has two experiments that run; Evidently allows one")
        served = {answer for rule in launches for answer in _list_served(rule["serve"])}
        if unknown := sorted(served - values.keys()):
            raise Refused(f"features[{name}]", f"a launch serves {unknown[0]}, which is no variation of it")
        return [*launches, *tests]

    def _find_running(
        self, kind: str, field: str, feature: str
    ) -> Iterator[tuple[Fields, dict[str, str], str]]:
        """With the variation of each group or treatment, by its name."""
        for name, fields in self._answers.by_kind[kind].items():
            path = f"{PLURALS.get(kind, f'{kind}s')}[{name}]"
            parts = read_objects(fields, field, path)
            variations = {part["name"]: part["featureVariations"] for _, part in parts}
            features = {key for each in variations.values() for key in each}
            if feature not in features or fields.get("status") in ("CREATED", "COMPLETED", "CANCELLED"):
                continue
            if fields.get("status") != "RUNNING":
                raise Refused(f"{path}.status", f"{fields.get('status')}: export it again when it is RUNNING")
            if len(features) > 1 or any(len(each) != 1 for each in variations.values()):
                raise Refused(f"{path}.{field}", "is about more than one feature")
            yield fields, {part: each[feature] for part, each in variations.items()}, path

    def _translate_launch(
        self, launch: Fields, groups: Mapping[str, str], path: str, feature: str
    ) -> Iterator[dict[str, Json]]:
        """The rules of each step. Whom a step does not take goes on to the experiment."""
        where = f"{path}.scheduledSplitsDefinition"
        steps = read_objects(launch["scheduledSplitsDefinition"], "steps", where)
        starts = [read_time(step["startTime"], f"{at}.startTime") for at, step in steps]
        if starts != sorted(set(starts)):
            raise Refused(where, "steps must begin one after the other")
        for index, (at, step) in enumerate(steps):
            clock = {"after": format_timestamp(starts[index], "seconds")}
            if index + 1 < len(steps):
                clock["before"] = format_timestamp(starts[index + 1], "seconds")
            name = launch["name"]
            for override_path, override in sorted(
                read_objects(step, "segmentOverrides", at), key=lambda each: each[1]["evaluationOrder"]
            ):
                segment = self._find_segment(override["segment"], override_path)
                when = [{"clock": clock}, {"segment": segment}]
                salt = f"{name[:60]}.{segment[:60]}"
                yield from self._split(name, when, override["weights"], groups, salt, override_path, feature)
            yield from self._split(name, {"clock": clock}, step["groupWeights"], groups, name, at, feature)

    def _split(
        self,
        launch: str,
        when: Json,
        weights: Fields,
        groups: Mapping[str, str],
        salt: str,
        path: str,
        feature: str,
    ) -> Iterator[dict[str, Json]]:
        shares: dict[str, int] = {}
        for group, weight in read_weights(weights, groups, path).items():
            if weight:
                shares[groups[group]] = shares.get(groups[group], 0) + weight
        total = sum(shares.values())
        if total > ALL:
            raise Refused(path, f"its weights add up to {total:,}, more than 100,000")
        if total == 0:
            return
        is_divided = max(shares.values()) < ALL
        self._require_rebucket(path, feature, "Overrides keep the users that they name.", is_divided)
        others: dict[str, Json] = {}
        if total < ALL:
            others["gates"] = [{"share": f"{total / 1000:g}%", "salt": salt}]
        answer = {"split": shares} if len(shares) > 1 else serve(next(iter(shares)))
        yield make_rule(f"launch {launch}", when, answer, **others)

    def _translate_experiment(
        self,
        experiment: Fields,
        treatments: Mapping[str, str],
        path: str,
        feature: str,
        values: Mapping[str, Json],
        experiments: list[Definition],
    ) -> dict[str, Json]:
        definition, where = experiment["onlineAbDefinition"], f"{path}.onlineAbDefinition"
        weights = read_weights(definition["treatmentWeights"], treatments, f"{where}.treatmentWeights")
        if len(set(treatments.values())) < len(treatments):
            raise Refused(f"{path}.treatments", "two treatments serve one variation")
        if sum(weights.values()) != ALL:
            raise Refused(f"{where}.treatmentWeights", f"add up to {sum(weights.values()):,}, not to 100,000")
        if unknown := sorted(set(treatments.values()) - values.keys()):
            raise Refused(f"{path}.treatments", f"serves {unknown[0]}, which is no variation of {feature}")
        control = treatments[definition["controlTreatmentName"]]
        shares = {treatments[name]: weight for name, weight in weights.items()}
        sampling = read_weight(experiment["samplingRate"], f"{path}.samplingRate")
        name = experiment["name"]
        is_divided = sampling < ALL or max(shares.values()) < ALL
        self._require_rebucket(path, feature, f"import-assignments keeps those of {name}.", is_divided)
        variants = {
            variation: {"weight": weight, "payload": values[variation]}
            for variation, weight in sorted(shares.items(), key=lambda each: each[0] != control)
        }
        data: dict[str, Json] = {**self._experiments.head(name), **_describe(experiment), "status": "active"}
        data["variants"] = variants
        if experiment.get("segment"):
            data["when"] = {"segment": self._find_segment(experiment["segment"], f"{path}.segment")}
        if sampling < ALL:
            data["traffic_allocation"] = f"{sampling / 1000:g}%"
        data |= write_metrics(experiment)
        experiments.append(Definition(name, data))
        return {"id": f"experiment {name}", "serve": {"experiment": data["key"]}}

    def _require_rebucket(self, path: str, feature: str, bridge: str, is_divided: bool) -> None:
        if not is_divided:
            return
        if not self._can_rebucket:
            raise Refused(path, REBUCKET)
        note = f"its users are divided anew, as Evidently's hash is not known. {bridge}"
        self._imported.warnings.append(Note(feature, path, note))

    def _find_segment(self, reference: str, path: str) -> str:
        name = require(reference, str, path).rpartition("/")[2]
        if name not in self._answers.by_kind["segment"]:
            raise Refused(path, f"names the segment {name}: add what get_segment answers for it")
        if name not in self._segments:
            raise Refused(path, f"the segment {name} was refused")
        return self._segments[name]


def _list_served(answer: Json) -> Iterable[str]:
    is_split = isinstance(answer, dict) and "split" in answer
    return answer["split"] if is_split else [read_variant(answer)]
