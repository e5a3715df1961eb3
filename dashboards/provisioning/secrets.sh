#!/bin/sh
# Makes the secrets of an installation in the folder $1, each readable by the one user who needs it. Keeps what is there.
set -eu
umask 077

make_secret() { # name, owner
  [ -s "$1" ] || head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' > "$1"
  chmod 0400 "$1"
  chown "$2" "$1"
}

cd "$1"
chmod 0755 .
make_secret web_token 65534         # the worker and Prometheus
make_secret grafana_password 472    # Grafana
