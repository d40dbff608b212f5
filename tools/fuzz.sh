#!/bin/sh
# Runs every fuzz target of the module for the given time, one after another, and stops at the first crash.
set -eu
time=${1:-2m}
cd "$(dirname "$0")/.."
grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | while read -r file; do
	package=./$(dirname "$file" | sed 's|^\./||')
	sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$file" | while read -r target; do
		echo "== $package $target for $time"
		go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x
	done
done
