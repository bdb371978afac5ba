# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Runs tests and counts them, for scripts/check*.sh. Meant to be sourced after common.sh.
#
# Test programs print "ok NAME", "not ok NAME" or "skip NAME", one line a test; a program that fails without having
# said which test it was counts as one failed test itself.

started=$SECONDS
passed=0 failed=0 skipped=0
failures=()
durations=() # "SECONDS NAME" of each part

pass() { passed=$((passed + 1)); }
fail() {
	failed=$((failed + 1))
	failures+=("$1")
}

step() {
	printf '\n=== %s  (%s)\n' "$1" "$(date +%T)"
}

# Runs a command as one test, with its output shown and kept.
one_test() { # NAME COMMAND...
	local name=$1 log code began=$SECONDS
	log=$logs/${name// /-}.log
	shift
	"$@" 2>&1 | tee "$log" | sed -u 's/^/  /'
	code=${PIPESTATUS[0]}
	durations+=("$((SECONDS - began)) $name")
	if [ "$code" -eq 0 ]; then
		echo "ok $name"
		pass
	else
		echo "not ok $name (exit code $code; $log)"
		fail "$name"
	fi
}

# Runs a command that reports its tests line by line, and counts them.
many_tests() { # NAME COMMAND...
	local name=$1 log code ok bad line began=$SECONDS
	log=$logs/${name// /-}.log
	shift
	"$@" 2>&1 | tee "$log" | sed -u 's/^/  /'
	code=${PIPESTATUS[0]}
	durations+=("$((SECONDS - began)) $name")
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	passed=$((passed + ok))
	skipped=$((skipped + $(grep -c '^skip ' "$log")))
	while read -r line; do
		fail "$name: $line"
	done < <(sed -n 's/^not ok //p' "$log")
	if [ "$code" -ne 0 ] && { [ "$bad" -eq 0 ] || [ "$code" -ge 121 ]; }; then
		fail "$name ended with exit code $code$(grep '^vm: ' "$log" | grep -v '^vm: log: ' | sed 's/^vm: /; /' | head -n 3 | tr -d '\n')"
	elif [ "$code" -eq 0 ] && [ $((ok + bad)) -eq 0 ]; then
		fail "$name ran no test"
	fi
	echo "$name: $ok ok, $bad not ok (exit code $code; $log)"
}

# Runs a function of tests beside what follows, until join_beside shows what it printed and counts what it counted.
beside_pid='' beside_name=''
beside() { # NAME FUNCTION ARGUMENT...
	beside_name=$1
	shift
	set -m # a process group of its own, which can be ended as a whole
	run_beside "$@" >"$logs/$beside_name.log" 2>&1 </dev/null &
	beside_pid=$!
	set +m
	trap '[ -z "$beside_pid" ] || kill -- "-$beside_pid"' EXIT
}

run_beside() { # FUNCTION ARGUMENT...
	trap - EXIT
	set +m
	passed=0 failed=0 skipped=0 failures=() durations=()
	"$@"
	# shellcheck disable=SC2016
	{
		printf 'passed=$((passed + %d)) failed=$((failed + %d)) skipped=$((skipped + %d))\n' $passed $failed $skipped
		printf 'failures+=(%s)\n' "${failures[*]@Q}"
		printf 'durations+=(%s)\n' "${durations[*]@Q}"
	} >"$logs/$beside_name.counts"
}

join_beside() {
	wait "$beside_pid"
	beside_pid=''
	cat "$logs/$beside_name.log"
	if [ -e "$logs/$beside_name.counts" ]; then
		# shellcheck disable=SC1090
		. "$logs/$beside_name.counts"
	else
		fail "$beside_name did not end"
	fi
}

# Sets logs to an empty directory for this run's logs.
keep_logs_in() { # NAME
	logs=$LVS_BUILD/$1
	rm -rf "$logs"
	mkdir -p "$logs"
}

# Says how long each part took, what failed, and closes with one line, "N passed, M failed"; its exit code is the run's.
summary() {
	local line
	printf '\n=== Summary after %s min %s s\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
	for line in ${durations[@]+"${durations[@]}"}; do
		printf '%6s s  %s\n' "${line%% *}" "${line#* }"
	done
	for line in ${failures[@]+"${failures[@]}"}; do
		printf 'failed: %s\n' "$line"
	done
	[ $((passed + failed)) -gt 0 ] || fail 'nothing ran'
	printf '%s passed, %s failed' "$passed" "$failed"
	[ "$skipped" -eq 0 ] || printf ', %s skipped' "$skipped"
	printf '\n'
	[ $failed -eq 0 ]
}
