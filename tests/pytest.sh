#!/bin/sh
# Runs the tests of the real processes; part of make check.
cd "${CCM_SRCDIR:-.}" || exit 99
export PYTHONDONTWRITEBYTECODE=1
# For a build with sanitizers: a status that no program of ours ends with.
export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=print_stacktrace=1
python=${PYTHON3:-python3}
# Each test has its own processes, ports and directories: with xdist they
# run side by side, twice as many as there are processors, since most of
# their time they wait.
jobs=
if "$python" -c 'import xdist' 2>/dev/null; then
	jobs="-n ${CCM_TEST_JOBS:-$((2 * $(nproc)))}"
fi
# shellcheck disable=SC2086	# an option and its number, or nothing
exec "$python" -m pytest -q -p no:cacheprovider -r fEs --durations=10 \
    $jobs tests/integration tests/sandbox
