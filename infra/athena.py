"""Athena over the archive: a workgroup, a database and the table, by which `analyze --engine athena` counts.

They cost nothing while nobody asks. Names and columns are those of realtime/analysis/engines/athena_table.py.
"""

from typing import Any

from infra.environments import Environment
from infra.resource_names import ResourceNames, Value
from realtime.analysis.archive.layout import RAW
from realtime.analysis.engines.athena_table import (
    COLUMNS,
    SERDE,
    SERDE_PROPERTIES,
    list_partitions,
    list_projection,
    name_in_stack,
    write_template,
)
from realtime.resources import QUERY_RESULTS


def build_resources(environment: Environment, names: ResourceNames) -> dict[str, dict[str, Any]]:
    """Of a stand-alone environment; an existing platform has tables of its own."""
    made = name_in_stack(environment.name)
    has_hours = environment.settings.get("REALTIME_ARCHIVE") != "firehose"
    return {
        "QueryWorkgroup": {
            "Type": "AWS::Athena::WorkGroup",
            "Properties": {
                "Name": made.workgroup,
                "Description": f"Analyses of realtime-{environment.name}",
                "RecursiveDeleteOption": True,  # its history of statements goes with it
                "WorkGroupConfiguration": {
                    "EnforceWorkGroupConfiguration": True,
                    "PublishCloudWatchMetricsEnabled": True,
                    "ResultConfiguration": {
                        "OutputLocation": _write_url(names, QUERY_RESULTS),
                        "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
                    },
                },
            },
        },
        "QueryDatabase": {
            "Type": "AWS::Glue::Database",
            "Properties": {
                "CatalogId": {"Ref": "AWS::AccountId"},
                "DatabaseInput": {"Name": made.database, "Description": f"realtime-{environment.name}"},
            },
        },
        "QueryTable": {
            "Type": "AWS::Glue::Table",
            "Properties": {
                "CatalogId": {"Ref": "AWS::AccountId"},
                "DatabaseName": {"Ref": "QueryDatabase"},
                "TableInput": _build_table(made.table, names, has_hours=has_hours),
            },
        },
    }


def _build_table(name: str, names: ResourceNames, *, has_hours: bool) -> dict[str, Any]:
    template = _write_url(names, RAW + write_template(has_hours=has_hours))
    return {
        "Name": name,
        "Description": "Events, a line each; docs/archive.md",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            **list_projection(has_hours=has_hours),
            "storage.location.template": template,
        },
        "PartitionKeys": [
            {"Name": partition, "Type": "string"} for partition in list_partitions(has_hours=has_hours)
        ],
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": kind} for column, kind in COLUMNS.items()],
            "Location": _write_url(names, RAW),
            "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {"SerializationLibrary": SERDE, "Parameters": dict(SERDE_PROPERTIES)},
        },
    }


def _write_url(names: ResourceNames, key: str) -> Value:
    """Not in `Fn::Sub`, which would replace the names of partitions."""
    return {"Fn::Join": ["", ["s3://", names.get_name("archive_bucket"), f"/{key}"]]}
