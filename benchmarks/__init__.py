"""Measurements: our parts beside a peer, on the same bytes, in one run.

    python -m benchmarks [NAME ...] [--smoke] [--output FILE]

Every benchmark first checks that both sides made the same output, then compares what they cost.
`docs/benchmarks.md` explains the method.
"""
