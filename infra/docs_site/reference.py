"""The OpenAPI description as a page of Markdown. Generators have plugins for it, but none that both know."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]


def write_reference(document: Document) -> str:
    lines = ["# API reference", "", "Made from `/openapi.json`. [HTTP API](api.md) explains it.", ""]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            lines += [f"## `{method.upper()} {path}`", "", f"{operation['summary']}.", ""]
            lines += _describe(operation, document)
    return "\n".join(lines)


def _describe(operation: Document, document: Document) -> Iterator[str]:
    if operation.get("security") == []:
        yield from ("No key.", "")
    parameters = operation.get("parameters", ())
    if parameters:
        fields = [
            (each["name"], f"{each['in']}", each.get("required", False), _get_parameter_schema(each))
            for each in parameters
        ]
        yield from _write_table("parameter", fields, document)
    if "requestBody" in operation:
        yield from ("**Body**", "")
        yield from _write_content(operation["requestBody"]["content"], document)
    for status, response in operation["responses"].items():
        if status < "400":
            yield from (f"**Answer {status}**", "")
            yield from _write_content(response.get("content", {}), document)
    errors = [
        f"{status} {response['description']}"
        for status, response in operation["responses"].items()
        if status >= "400"
    ]
    if errors:
        yield from ("Errors: " + "; ".join(errors) + ".", "")


def _get_parameter_schema(parameter: Document) -> Document:
    if "schema" in parameter:
        schema: Document = parameter["schema"]
        return schema
    (content,) = parameter["content"].values()
    return {**content.get("schema", {}), "description": "JSON as text"}


def _write_content(content: Document, document: Document) -> Iterator[str]:
    for media, described in content.items():
        if media != "application/json":
            yield from (f"`{media}`", "")
            continue
        schema = _resolve(described.get("schema", {}), document)
        required = schema.get("required", ())
        fields = [(name, "", name in required, field) for name, field in schema.get("properties", {}).items()]
        if fields:
            yield from _write_table("field", fields, document)
        if "example" in described:
            text = json.dumps(described["example"], indent=2, ensure_ascii=False)
            yield from ("```json", text, "```", "")


def _write_table(
    title: str, fields: list[tuple[str, str, bool, Document]], document: Document
) -> Iterator[str]:
    yield from (f"| {title} | type | |", "|---|---|---|")
    for name, place, is_required, schema in fields:
        notes = [place, "required" if is_required else "", schema.get("description", ""), _limit(schema)]
        text = "; ".join(note for note in notes if note)
        yield f"| `{name}` | {_name_type(schema, document)} | {_escape(text)} |"
    yield ""


def _name_type(schema: Document, document: Document) -> str:
    """Such as ``string``, or ``array of FlagAnswer``."""
    if "$ref" in schema:
        return _get_name(schema["$ref"])
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_name_type(each, document) for each in schema[word]))
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"array of {_name_type(schema.get('items', {}), document)}"
    values = schema.get("additionalProperties")
    if kind == "object" and isinstance(values, dict) and values:
        return f"object of {_name_type(values, document)}"
    return kind if isinstance(kind, str) else " or ".join(kind)


def _limit(schema: Document) -> str:
    """Such as ``1 to 256 characters``."""
    found = []
    for least, most, unit in _LIMITS:
        lower, upper = schema.get(least), schema.get(most)
        if upper is not None:
            found.append(f"{'at most' if lower is None else f'{lower} to'} {upper}{unit}")
        elif lower is not None:
            found.append(f"at least {lower}{unit}")
    return ", ".join(found)


_LIMITS = (
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " elements"),
    ("minimum", "maximum", ""),
)


def _resolve(schema: Document, document: Document) -> Document:
    if "$ref" not in schema:
        return schema
    found: Document = document["components"]["schemas"][_get_name(schema["$ref"])]
    return found


def _get_name(reference: str) -> str:
    return reference.rsplit("/", maxsplit=1)[-1]


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
