#!/bin/bash
# PHP: streams; and mysqli, which turns keepalive on after connect().
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >server.php <<'END'
<?php
$listener = stream_socket_server("tcp://127.0.0.1:8000");
while (true) {
	$peer = stream_socket_accept($listener, -1);
	stream_copy_to_stream($peer, $peer);
	fclose($peer);
}
END
cat >client.php <<'END'
<?php
$peer = stream_socket_client("tcp://127.0.0.1:8000");
while ($line = fgets(STDIN)) {
	fwrite($peer, $line);
	echo fgets($peer);
}
END
cat >mysqli.php <<'END'
<?php
$peer = new mysqli("127.0.0.1", "root", "", "");
while ($line = fgets(STDIN))
	echo $peer->query($line)->fetch_row()[0], "\n";
END

package=$(dpkg -S "$(readlink -f "$(command -v php)")" | cut -d : -f 1)

serve 8000 "${under[@]}" php server.php
client "${under[@]}" php client.php
say 'it works'
heard 'it works'
see 'PHP (`stream_socket_server`)' server "$package" 8000
see 'PHP (`stream_socket_client`)' client "$package" 8000
finish

chown nobody .
mariadb-install-db --no-defaults --user=nobody --datadir="$PWD/data" \
	--auth-root-authentication-method=normal --skip-test-db
serve 3306 mariadbd --no-defaults --user=nobody \
	--datadir="$PWD/data" --socket="$PWD/socket" --bind-address=127.0.0.1
client "${under[@]}" php mysqli.php
say "select concat('it ', 'works')"
heard 'it works'
see 'PHP (`mysqli`)' client "${package/-cli/-mysql}" 3306
finish
