#!/usr/bin/env bash
# Every proof, whole, one after another. What was proven of this commit is remembered in $RUNS/nightly, so that a stopped night goes
# on where it was. The results become docs/proofs/DATE.md, to be committed. Fails at the first matrix that does not hold, after all.
set -euo pipefail
cd "$(dirname "$0")/.."
export SEEDS=${SEEDS:-5} DEFECT_SEEDS=${DEFECT_SEEDS:-5}
memory=${RUNS:-runs}/nightly
mkdir -p "$memory" docs/proofs
commit=$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain -- ':!docs/proofs')" ] || { echo "nightly: commit first: the results name a commit"; exit 2; }
docker version >/dev/null 2>&1 || { echo "nightly: no Docker engine answers, and prove-docker needs one"; exit 2; }

failed=()
for proof in prove prove-nodeshop prove-graphql prove-docker; do
	echo "== $proof"
	make "$proof" MEMORY="$memory/$proof.jsonl" >"$memory/$proof.md" || failed+=("$proof")
done

report=docs/proofs/$(date +%F).md
{
	echo "# Proofs of $(date +%F)"
	echo
	echo "Commit $commit, $(nproc) processors, SEEDS=$SEEDS DEFECT_SEEDS=$DEFECT_SEEDS. Made by \`make nightly\`."
	for proof in prove prove-nodeshop prove-graphql prove-docker; do
		printf '\n## make %s\n\n' "$proof"
		grep -E '^(\||[0-9]+ runs|$)' "$memory/$proof.md" || echo "It ended before its first line."
	done
} >"$report"
echo "nightly: results are in $report"
[ ${#failed[@]} -eq 0 ] || { echo "nightly: not proven: ${failed[*]}"; exit 1; }
