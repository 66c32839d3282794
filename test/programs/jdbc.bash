#!/bin/bash
# PostgreSQL's JDBC driver: it turns keepalive on or off after connect(), as
# tcpKeepAlive says. It is off by default.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >Query.java <<'END'
import java.sql.*;
import java.util.Scanner;

public class Query {
	public static void main(String[] to) throws Exception {
		Scanner user = new Scanner(System.in);
		try (Connection peer = DriverManager.getConnection(to[0]);
				Statement statement = peer.createStatement()) {
			while (user.hasNextLine()) {
				ResultSet rows = statement.executeQuery(user.nextLine());
				rows.next();
				System.out.println(rows.getString(1));
			}
		}
	}
}
END
javac -J-XX:-UsePerfData Query.java

bin=$(echo /usr/lib/postgresql/*/bin)
chown postgres .
runuser -u postgres -- "$bin/initdb" --no-sync --auth trust -D data
serve 5432 runuser -u postgres -- "${under[@]}" \
	"$bin/postgres" -D data -h 127.0.0.1 -k "$PWD"

# connect OPTIONS
connect() {
	client "${under[@]}" java -XX:-UsePerfData -Xshare:auto \
		-XX:TieredStopAtLevel=1 -cp .:/usr/share/java/postgresql.jar \
		Query "jdbc:postgresql://127.0.0.1/postgres?user=postgres$1"
	say "select 'it ' || 'works'"
	heard 'it works'
}

connect ''
see 'PostgreSQL JDBC driver' client libpostgresql-jdbc-java 5432 \
	'off 15/15/9/150000'
finish

connect '&tcpKeepAlive=true'
see 'PostgreSQL JDBC driver (`tcpKeepAlive=true`)' client \
	libpostgresql-jdbc-java 5432
finish
