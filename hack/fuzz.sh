#!/usr/bin/env bash
# Runs every fuzz target for a while, one after the other, and stops at the first that finds something.
# Usage: hack/fuzz.sh [time for each target, default 15s]
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-15s}
count=0
while IFS=: read -r file target; do
	echo ">> $target in $(dirname "$file") for $time"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$(dirname "$file")"
	count=$((count + 1))
done < <(git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' ':!emulator' | sed 's/:func /:/')
[ "$count" -gt 0 ] || { echo "no fuzz target was found" >&2; exit 1; }
echo "$count fuzz targets found nothing"
