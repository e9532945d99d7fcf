#!/bin/sh
# Prepares the cluster at the first start, as the entrypoint of the public image does, then becomes the server.
# Honours POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB and PGDATA; runs as any user that may write PGDATA.
set -eu

prepare() {
    password_file=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:?is not set}" > "$password_file"
    initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile="$password_file" \
        --encoding=UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256
    rm "$password_file"
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait start
    [ "$POSTGRES_DB" = postgres ] || createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
}

: "${POSTGRES_USER:=postgres}" "${POSTGRES_DB:=$POSTGRES_USER}"
[ -s "$PGDATA/PG_VERSION" ] || prepare
exec "$@" -c "listen_addresses=*"
