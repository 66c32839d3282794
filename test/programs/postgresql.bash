#!/bin/bash
# PostgreSQL: the server turns keepalive on and sets what tcp_keepalives_idle and
# its like ask for, after accept(); libpq before connect().
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

bin=$(echo /usr/lib/postgresql/*/bin)
package=postgresql-$(basename "$(dirname "$bin")")
chown postgres .
runuser -u postgres -- "$bin/initdb" --no-sync --auth trust -D data
serve 5432 runuser -u postgres -- "${under[@]}" \
	"$bin/postgres" -D data -h 127.0.0.1 -k "$PWD"

# connect CONNINFO
connect() {
	client "${under[@]}" psql "host=127.0.0.1 user=postgres $1"
	say "select 'it ' || 'works';"
	heard 'it works'
}

connect ''
see PostgreSQL server "$package" 5432
see psql client "${package/-/-client-}" 5432
finish

connect "keepalives_idle=300 options='-c tcp_keepalives_idle=300'"
see 'PostgreSQL (`tcp_keepalives_idle=300`)' server "$package" 5432 \
	'on 300/15/9/435000'
see 'psql (`keepalives_idle=300`)' client "${package/-/-client-}" 5432
finish

connect 'keepalives=0'
see 'psql (`keepalives=0`)' client "${package/-/-client-}" 5432
finish
