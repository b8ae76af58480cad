"""Changes of definitions: check, compare, publish, roll back, kill."""

from collections.abc import Sequence
from typing import Any, get_args

from chalice.app import Request, Response

from chalicelib.admin import models
from chalicelib.admin import rendering as render
from chalicelib.admin.kit import admin_view, name_author, read, read_if_match, require_version
from chalicelib.admin.wiring import Admin
from chalicelib.api.caller import Caller, require_admin
from chalicelib.api.http import respond_with_json
from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.errors import Conflict, InvalidInput, Problem
from chalicelib.domain.publishing.definition_set import DefinitionSet
from chalicelib.domain.publishing.documents import DefinitionName, Document
from chalicelib.domain.publishing.sources import MetricSource, Source
from chalicelib.services.admin.kills import find_revival, kill_flag, plan_revival
from chalicelib.services.admin.publishing import Plan, describe_rollback, find_rollback, load_published


@admin_view
def validate(request: Request, admin: Admin) -> dict[str, Any]:
    asked = read(models.ValidateRequest, request)
    written = _read_set(asked.definitions)
    _, problems = admin.check(written)
    return _render_check(written, problems)


@admin_view
def diff(request: Request, admin: Admin) -> dict[str, Any]:
    asked = read(models.DiffRequest, request)
    written, removed = _read_set(asked.definitions), _read_names(asked.remove)
    published, problems = admin.check(written, removed)
    answer = _render_check(written, problems) | {
        "version": published.version,
        "changes": [],
        "needs_approval": False,
    }
    if not problems:
        plan = admin.plan(published, _want(written, removed))
        answer |= {"changes": render.render_plan(plan), "needs_approval": admin.approvals.are_needed(plan)}
    return answer


@admin_view
def publish(request: Request, admin: Admin) -> Response:
    caller = require_admin(request)
    expected = read_if_match(request)
    asked = read(models.PublishRequest, request)
    written, removed = _read_set(asked.definitions), _read_names(asked.remove)
    published, problems = admin.check(written, removed)
    require_version(expected, published.version)
    require_valid(problems)
    plan = admin.plan(published, _want(written, removed))
    return _publish(admin, plan, caller, asked.reason)


@admin_view
def roll_back(request: Request, admin: Admin) -> Response:
    caller = require_admin(request)
    expected = read_if_match(request)
    asked = read(models.RollbackRequest, request)
    definitions = admin.plane.definitions
    published = load_published(definitions)
    require_version(expected, published.version)
    plan = admin.plan(published, find_rollback(definitions, published, asked.version))
    return _publish(admin, plan, caller, describe_rollback(asked.version, asked.reason))


@admin_view
def kill(request: Request, admin: Admin, key: str) -> dict[str, Any]:
    caller = require_admin(request)
    asked = read(models.ReasonRequest, request)
    plane = admin.plane
    killed = kill_flag(
        plane.definitions, key, asked.reason, caller.author, plane.clock(), plane.webhooks.announce
    )
    return {
        "key": killed.key,
        "version": killed.version,
        "killed": killed.kill and render.render_kill(killed.kill),
        "answer": {"variant": killed.answer.variant, "value": killed.answer.value},
        "warning": killed.warning or None,
    }


@admin_view
def undo_kill(request: Request, admin: Admin, key: str) -> Response:
    caller = require_admin(request)
    asked = read(models.OptionalReasonRequest, request)
    definitions = admin.plane.definitions
    revival = find_revival(definitions, key, asked.reason)
    plan = plan_revival(definitions, revival, admin.plane.clock())
    return _publish(admin, plan, caller, revival.note)


def _publish(admin: Admin, plan: Plan, caller: Caller, reason: str) -> Response:
    """Publishes it, or makes a proposal of it where somebody else has to approve."""
    changes, warnings = render.render_plan(plan), list[str]()
    if not plan.changes:
        return respond_with_json({"version": plan.published.version, "changes": [], "warning": None})
    try:
        author = name_author(caller, reason)
        done = admin.approvals.submit(plan, author, reason, tell=warnings.append)
    except Conflict as error:
        if error.code == "publish_conflict":  # somebody published in this moment
            require_version(plan.published.version, admin.plane.definitions.get_changes(None).version)
        raise
    answer = {"changes": changes, "warning": " ".join(warnings) or None}
    if isinstance(done, int):
        return respond_with_json({"version": done, **answer})
    return respond_with_json({"proposal": done.id, **answer}, 202)


@admin_view
def propose(request: Request, admin: Admin) -> Response:
    """Ask for approval though it is not required."""
    caller = require_admin(request)
    asked = read(models.PublishRequest, request)
    written, removed = _read_set(asked.definitions), _read_names(asked.remove)
    published, problems = admin.check(written, removed)
    require_valid(problems)
    plan = admin.plan(published, _want(written, removed))
    if not plan.changes:
        raise Conflict("nothing_changes", "Nothing changes: there is nothing to approve.")
    warnings = list[str]()
    proposal = admin.approvals.propose(plan, caller.author, asked.reason, tell=warnings.append)
    answer = {"changes": render.render_plan(plan), "warning": " ".join(warnings) or None}
    return respond_with_json({"proposal": proposal.id, **answer}, 201)


def require_valid(problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidInput("invalid_definitions", f"Nothing is published: {problems[0]}.", tuple(problems))


def _read_set(document: models.DefinitionsDocument) -> DefinitionSet:
    written = DefinitionSet()
    kinds: tuple[DefinitionKind, ...] = get_args(DefinitionKind)
    for metric, data in enumerate(document.metrics):
        written.add_metric(MetricSource(f"metrics[{metric}]", data, data))
    for kind in kinds:
        for index, data in enumerate(getattr(document, f"{kind}s")):
            written.add(Source(kind, f"{kind}s[{index}]", data, data))
    return written


def _read_names(names: Sequence[models.NameDocument]) -> Sequence[DefinitionName]:
    return [(name.kind, name.key) for name in names]


def _want(written: DefinitionSet, removed: Sequence[DefinitionName]) -> dict[DefinitionName, Document | None]:
    return {**dict.fromkeys(removed), **written.documents}


def _render_check(written: DefinitionSet, problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "is_valid": not problems,
        "problems": render.render_problems(problems),
        "warnings": render.render_problems(written.find_warnings() if not problems else ()),
    }
