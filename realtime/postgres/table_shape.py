"""Does the table `assignments` take the rows that are written to it? By its columns, in pg_catalog."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.stores.postgres_connection import ClosingConnection

TEXTS = ("uuid", "text", "character varying")
TIMES = ("timestamp with time zone", "timestamp without time zone")
TYPES = {
    "id": TEXTS,
    "experiment_id": TEXTS,
    "variant_id": TEXTS,
    "user_id": TEXTS,
    "created_at": TIMES,
    "updated_at": TIMES,
}
ID_LENGTH = 36
"""Characters of a UUID."""
KEY_LENGTH = 128
"""Characters that a key may have."""

COLUMNS = """
SELECT attname, format_type(atttypid, NULL), format_type(atttypid, atttypmod),
       CASE WHEN atttypid = 'varchar'::regtype AND atttypmod > 0 THEN atttypmod - 4 END,
       attnotnull AND NOT atthasdef AND attidentity = '', attgenerated <> '' OR attidentity = 'a'
FROM pg_attribute WHERE attrelid = 'assignments'::regclass AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
"""
UNIQUE_KEYS = """
SELECT (SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute
        WHERE attrelid = indrelid AND attnum = ANY(indkey::int2[])), indexprs IS NOT NULL
FROM pg_index WHERE indrelid = 'assignments'::regclass AND indisunique AND indisvalid AND indimmediate
  AND indpred IS NULL
"""
RIGHTS = """
SELECT right_ FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS right_
WHERE NOT has_table_privilege('assignments', right_)
"""


@dataclass(frozen=True, slots=True)
class Fit:
    """``problems``: no row could be written; ``warnings``: some rows will be refused."""

    problems: list[str]
    warnings: list[str]


def is_there(connection: "ClosingConnection", table: str) -> bool:
    [[oid]] = connection.run("SELECT to_regclass(:table)::oid", table=table)
    return oid is not None


def check_table(connection: "ClosingConnection") -> Fit:
    problems, warnings = list[str](), list[str]()
    columns = {row[0]: row[1:] for row in connection.run(COLUMNS)}
    for name, types in TYPES.items():
        if name not in columns:
            problems.append(f"column {name} is missing")
            continue
        kind, shown, length, _, is_generated = columns[name]
        if kind not in types:
            problems.append(f"column {name} is {shown}; it must be {' or '.join(types)}")
        elif is_generated:
            problems.append(f"column {name} is generated; it must be written")
        elif name == "id" and length and length < ID_LENGTH:
            problems.append(f"column id is {shown}; a UUID has {ID_LENGTH} characters")
        elif name != "id" and length and length < KEY_LENGTH:
            warnings.append(f"column {name} is {shown}: longer values go into quarantine")
        elif name in ("experiment_id", "variant_id", "user_id") and kind == "uuid":
            warnings.append(f"column {name} is uuid: values that are none go into quarantine")
    problems += [
        f"column {name} is NOT NULL without a default, and is not written"
        for name, (_, _, _, is_required, _) in columns.items()
        if name not in TYPES and is_required
    ]
    keys = [names for names, has_expressions in connection.run(UNIQUE_KEYS) if not has_expressions]
    if "id" in columns and ["id"] not in keys:
        problems.append("column id is not unique, which the merge of rows needs")
    warnings += [
        f"{', '.join(names)} are unique together: rows of a new iteration go into quarantine"
        for names in keys
        if "id" not in names
    ]
    problems += [f"this role has no right to {row[0]}" for row in connection.run(RIGHTS)]
    return Fit(problems, warnings)
