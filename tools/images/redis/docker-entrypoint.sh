#!/bin/bash
# Becomes the server, open to other containers, which the packaged one is not without a configuration file.
set -euo pipefail
[ "${1:0:1}" != - ] || set -- redis-server "$@"
[ "$1" = redis-server ] || exec "$@"
set -- "$@" --protected-mode no
[ "$(id -u)" = 0 ] || exec "$@"
chown redis: .
exec setpriv --reuid redis --regid redis --init-groups "$@"
