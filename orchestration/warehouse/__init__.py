"""The local warehouse: pin the lake, build a DuckDB file with dbt, publish it, prove it."""
