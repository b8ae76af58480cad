"""What is published: lists, definitions, histories, publications, stale flags."""

import json
from typing import Any

from chalice.app import Request, Response

from chalicelib.admin import models
from chalicelib.admin import rendering as render
from chalicelib.admin.kit import MAX_DIGITS, admin_view, check_kind, read_parameters
from chalicelib.admin.wiring import Admin
from chalicelib.api.flags import respond_with_etag
from chalicelib.api.http import respond_with_json
from chalicelib.domain.errors import NotFound
from chalicelib.domain.proposals import describe_proposal
from chalicelib.domain.stream.counters import format_day
from chalicelib.services.admin.flag_usage import list_flag_usage
from chalicelib.services.admin.history import list_versions
from chalicelib.services.admin.listing import find, list_all


@admin_view
def list_definitions(request: Request, admin: Admin) -> Response:
    kind = read_parameters(models.DefinitionsQuery, request).kind
    version, listed = list_all(admin.plane.definitions, admin.past_versions)
    now, proposed = admin.plane.clock(), render.count_open(admin.approvals.get_newest("open"))
    items = [
        render.render_listed(each, now, proposed[each.row.kind, each.row.key])
        for each in listed
        if kind in (None, each.row.kind)
    ]
    return respond_with_etag(request, json.dumps({"version": version, "definitions": items}))


@admin_view
def show_definition(_: Request, admin: Admin, kind: str, key: str) -> Response:
    name = check_kind(kind), key
    found, now = find(admin.plane.definitions, admin.past_versions, name), admin.plane.clock()
    proposals = [
        each
        for each in admin.approvals.get_newest("open")
        if name in ((change.kind, change.key) for change in each.changes)
    ]
    body = render.render_listed(found.listed, now, len(proposals)) | render.read_document(found.listed)
    body |= {
        "proposals": [describe_proposal(proposal) for proposal in proposals],
        "words": [line._asdict() for line in found.describe(now)],
        "uses": render.render_names(found.uses),
        "used_by": render.render_names(found.used_by),
    }
    return respond_with_json(body, headers={"ETag": f'"{found.version}"'})


@admin_view
def show_history(_: Request, admin: Admin, kind: str, key: str) -> dict[str, Any]:
    versions = list_versions(admin.plane.definitions, check_kind(kind), key)
    return {"versions": [render.render_version(version) for version in versions]}


@admin_view
def list_publications(request: Request, admin: Admin) -> dict[str, Any]:
    asked = read_parameters(models.PageQuery, request)
    publications = admin.past_versions.list_publications(asked.limit, asked.before)
    oldest = publications[-1].version if len(publications) == asked.limit else 1
    histories = admin.past_versions.read()
    return {
        "publications": [render.render_publication(each, histories) for each in publications],
        "before": oldest if oldest > 1 else None,
    }


@admin_view
def show_publication(_: Request, admin: Admin, version: str) -> dict[str, Any]:
    is_number = version.isascii() and version.isdigit() and len(version) <= MAX_DIGITS
    found = admin.past_versions.read_texts(int(version)) if is_number else None
    if found is None:
        raise NotFound("publication_not_found", f"There is no publication {version!r}.")
    return render.render_publication(*found, has_differences=True)


@admin_view
def list_stale_flags(_: Request, admin: Admin) -> dict[str, Any]:
    now = admin.plane.clock()
    usages, _broken = list_flag_usage(admin.plane.definitions, admin.plane.counters, admin.plane.parallel)
    flags = []
    for usage in usages:
        reasons = list(usage.find_removal_reasons(now))
        if reasons:
            used = format_day(usage.evaluated_on) if usage.evaluated_on is not None else None
            flags.append({"key": usage.flag.key, "last_evaluated": used, "reasons": reasons})
    return {"flags": flags}
