#!/usr/bin/env bash
# Checks what must be on the machine before anything can be installed: Python 3.11 or 3.12, a JDK 17
# or newer, Maven. One clear sentence for each that is missing, and exit code 3.
# With --print-python: the Python to use, and nothing else.
set -euo pipefail

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.12 python3.11 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
            2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

python=$(find_python) || python=""
if [ "${1:-}" = "--print-python" ]; then
    echo "$python"
    exit 0
fi

missing=0
problem() {
    echo "error: $1" >&2
    echo "remedy: $2" >&2
    missing=1
}

if [ -z "$python" ]; then
    problem "No Python 3.11 or 3.12 was found on the PATH." \
        "Install one, or name it: make PYTHON=/path/to/python3.11 …"
fi

java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
if ! command -v "$java" >/dev/null; then
    problem "No Java was found (neither JAVA_HOME nor PATH has one)." \
        "Install a JDK 17 or newer; Kafka and Spark need it."
else
    version=$("$java" -version 2>&1 | sed -nE 's/.*version "(1\.)?([0-9]+)[^"]*".*/\2/p' | head -n 1)
    if [ "${version:-0}" -lt 17 ]; then
        problem "Java ${version:-of an unknown version} is too old: $(command -v "$java")." \
            "Install a JDK 17 or newer and let JAVA_HOME or PATH name it."
    fi
fi

if ! command -v mvn >/dev/null; then
    problem "Maven (mvn) was not found on the PATH." "Install Maven; it fetches the Kafka broker once."
fi

if [ "$missing" -ne 0 ]; then
    exit 3
fi
