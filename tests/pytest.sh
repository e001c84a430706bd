#!/bin/sh
# Runs the tests of the real processes; part of make check.
cd "${CCM_SRCDIR:-.}" || exit 99
export PYTHONDONTWRITEBYTECODE=1
exec "${PYTHON3:-python3}" -m pytest -q -p no:cacheprovider -r fEs \
    tests/integration tests/sandbox
