#!/bin/bash
# MariaDB: both ends turn keepalive on after accept() and connect().
# shellcheck source=test/programs/common.sh
. "${0%/*}/common.sh"

chown nobody .
mariadb-install-db --no-defaults --user=nobody --datadir="$PWD/data" \
	--auth-root-authentication-method=normal --skip-test-db
serve 3306 "${under[@]}" mariadbd --no-defaults --user=nobody \
	--datadir="$PWD/data" --socket="$PWD/socket" --bind-address=127.0.0.1
client "${under[@]}" mariadb --no-defaults --unbuffered -h 127.0.0.1 -u root
say "select concat('it ', 'works');"
heard 'it works'
see mariadbd server mariadb-server-core 3306
see mariadb client mariadb-client-core 3306
finish
