#!/bin/bash
# Makes the cluster at the first start, from POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, and becomes the server.
set -euo pipefail
[ "${1:0:1}" != - ] || set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA" /var/run/postgresql
	chown postgres: "$PGDATA" /var/run/postgresql
	chmod 700 "$PGDATA"
	exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	: "${POSTGRES_PASSWORD:?is not set: the superuser needs a password}"
	user=${POSTGRES_USER:-postgres}
	database=${POSTGRES_DB:-$user}
	initdb --username "$user" --pwfile <(printf '%s' "$POSTGRES_PASSWORD") --auth-local trust --auth-host scram-sha-256 --no-sync
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
	[ "$database" = postgres ] || echo "CREATE DATABASE \"$database\"" | postgres --single -D "$PGDATA" postgres >/dev/null
fi
exec "$@" -c listen_addresses='*'
