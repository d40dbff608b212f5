#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, one after another, and stops at the first crash, or if it
# finds no target.
set -euo pipefail
time=${1:-2m}
cd "$(dirname "$0")/.."
grep -rHoE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sort | while IFS=: read -r file func; do
	package=$(dirname "$file")
	target=${func#func }
	echo "== $package $target for $time"
	go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x
done
