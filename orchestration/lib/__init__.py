"""What the Dagster definitions are made with."""
