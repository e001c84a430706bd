#!/bin/sh
# count.sh BUILD: what the last `make check` in that directory found, in one
# line: "N passed, N failed, N skipped", single tests of all programs.
set -u

build=${1:?usage: count.sh BUILD}
passed=0
failed=0
skipped=0

# add WORD N
add()
{
	case $1 in
	passed) passed=$((passed + $2)) ;;
	failed | error | errors) failed=$((failed + $2)) ;;
	skipped) skipped=$((skipped + $2)) ;;
	esac
}

# cmocka's: "[  PASSED  ] 6 test(s)."; a program that died counts as one.
for trs in "$build"/tests/unit/*.trs; do
	[ -e "$trs" ] || continue	# nothing was run
	log=${trs%.trs}.log
	p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log")
	f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log")
	if [ -z "$p$f" ] || ! grep -q '^:test-result: PASS' "$trs"; then
		[ "${f:-0}" -gt 0 ] || f=1
	fi
	add passed "${p:-0}"
	add failed "${f:-0}"
done

# pytest's: "2 failed, 2384 passed, 39 skipped in 219.82s (0:03:39)".
line=$(grep -E '^[0-9]+ [a-z].* in [0-9.]+s' "$build/tests/pytest.log" \
    2>/dev/null | tail -1)
if [ -z "$line" ] || {
	! grep -q -s '^:test-result: PASS' "$build/tests/pytest.trs" &&
	    ! echo "$line" | grep -q -E 'failed|error'
}; then
	add failed 1
fi
# shellcheck disable=SC2046	# words
set -- $(echo "$line" | sed 's/ in [0-9.]*s.*//; s/,/ /g')
while [ $# -gt 1 ]; do
	add "$2" "$1"
	shift 2
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
