#!/usr/bin/env bash
# Makes the images that the examples need on a machine that reaches no image registry: a base from Debian's packages, a
# database and a cache on it that take what the official images take, and the shop, from bin/paystorm. What exists is
# left as it is, apart from the shop. Needs Docker, and root with debootstrap for the base.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=bookworm # from debootstrap's own mirror, or DEBIAN_MIRROR

export DOCKER_BUILDKIT=0 # Debian's engine comes without buildx
exists() { docker image inspect "$1" >/dev/null 2>&1; }
say() { printf '== %s\n' "$*"; }

docker version >/dev/null || { echo "no Docker engine answers: start one, as in: dockerd &"; exit 1; }

if ! exists paystorm/debian:12; then
	command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap"; exit 1; }
	[ "$(id -u)" -eq 0 ] || { echo "debootstrap needs root: run this as root once"; exit 1; }
	say "paystorm/debian:12"
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	debootstrap --variant=minbase "$suite" "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$root.log" 2>&1 || { tail -n 20 "$root.log"; exit 1; }
	rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root.log"
	tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - paystorm/debian:12
fi

for image in postgres:15 redis:7; do
	exists "paystorm/$image" && continue
	say "paystorm/$image"
	# The packages come over the host's network: a bridge often has no way to it on such a machine.
	docker build --quiet --network host --tag "paystorm/$image" "tools/images/${image%:*}"
done

[ -x bin/paystorm ] || { echo "bin/paystorm is missing: make build"; exit 1; }
say "paystorm/flashshop"
tar -c -C tools/images/flashshop Dockerfile -C ../../../bin paystorm | docker build --quiet --tag paystorm/flashshop -
# Each build of another binary leaves the one before without a name.
docker image prune --force --filter label=io.paystorm.image=flashshop >/dev/null
