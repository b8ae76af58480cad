"""`schema`: print the JSON Schema of definition files."""

import json

from realtime.definition_files.json_schema.file import make_schema


def print_schema() -> None:
    """On standard output as it is, so that it can be written to a file."""
    print(json.dumps(make_schema(), indent=2))
