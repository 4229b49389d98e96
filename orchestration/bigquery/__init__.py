"""Judges of BigQuery SQL that need neither an account nor a network."""
