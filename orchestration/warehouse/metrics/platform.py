"""What became of records and files, and the versions of dimensions."""

from orchestration.warehouse.metrics.family import Family

BALANCE = Family(
    relation="utilities.rpt_source_balance",
    measures={
        "loaded": "sum(loaded_count)",
        "failed": "sum(failed_count)",
        "distinct": "sum(distinct_count)",
        "duplicates": "sum(duplicate_count)",
        "id_conflicts": "sum(id_conflict_count)",
        "drift": "sum(drift_count)",
    },
    dimensions={"source_table": "source_table"},
    grains=("source_table",),
)

FAILED_BY_REASON = Family(
    relation="ops.failed_events",
    measures={"failed": "count(*)"},
    dimensions={"source_table": "source || '.' || table_name", "reason": "reason"},
    grains=("source_table,reason",),
)

FILES = Family(
    relation="ops.file_registry",
    measures={
        "files_loaded": "countif(status = 'loaded')",
        "files_superseded": "countif(status = 'loaded' and supersedes is not null)",
        "files_failed": "countif(status = 'failed')",
        "files_repeated": "countif(status = 'repeated')",
    },
    dimensions={"source_table": "source || '.' || table_name"},
    grains=("source_table",),
)

_DIMENSIONS = (
    "advertiser",
    "campaign",
    "line_item",
    "creative",
    "publisher",
    "site",
    "placement",
    "organization",
)

# Members that no source has described yet (inferred from events) are no versions of a source.
_VERSIONS = " union all ".join(
    f"select '{name}s' as dimension, {name}_id as member, is_current and is_deleted as is_gone "
    f"from core.dim_{name}s where not is_inferred"
    for name in _DIMENSIONS
)

DIMENSIONS = Family(
    relation=f"({_VERSIONS}) as versions",
    measures={
        "dimension_versions": "count(*)",
        "dimension_members": "count(distinct member)",
        "dimension_deleted": "countif(is_gone)",
    },
    dimensions={"dimension": "dimension"},
    grains=("dimension",),
)

FAMILIES = (BALANCE, FAILED_BY_REASON, FILES, DIMENSIONS)
