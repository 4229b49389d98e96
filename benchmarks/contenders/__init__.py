"""What is measured, each run in a process of its own."""
