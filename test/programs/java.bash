#!/bin/bash
# Java: sockets and channels, by themselves and with options of their own.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >Echo.java <<'END'
import java.io.*;
import java.net.*;
import java.nio.channels.*;

public class Echo {
	static InetSocketAddress at(String port) {
		return new InetSocketAddress("127.0.0.1", Integer.parseInt(port));
	}

	static void server(String port) throws Exception {
		ServerSocket listener = new ServerSocket();
		listener.bind(at(port));
		while (true)
			try (Socket peer = listener.accept()) {
				peer.getInputStream().transferTo(peer.getOutputStream());
			}
	}

	static void nioServer(String port) throws Exception {
		ServerSocketChannel listener = ServerSocketChannel.open();
		listener.bind(at(port));
		while (true)
			try (SocketChannel peer = listener.accept()) {
				Channels.newInputStream(peer)
					.transferTo(Channels.newOutputStream(peer));
			}
	}

	static void talk(InputStream in, OutputStream out) throws Exception {
		BufferedReader peer = new BufferedReader(new InputStreamReader(in));
		BufferedReader user =
			new BufferedReader(new InputStreamReader(System.in));
		String line;
		while ((line = user.readLine()) != null) {
			out.write((line + "\n").getBytes());
			System.out.println(peer.readLine());
		}
	}

	static void client(String port, boolean turnOff) throws Exception {
		Socket peer = new Socket();
		peer.connect(at(port));
		if (turnOff)
			peer.setKeepAlive(false);
		talk(peer.getInputStream(), peer.getOutputStream());
	}

	static void nioClient(String port) throws Exception {
		SocketChannel peer = SocketChannel.open(at(port));
		peer.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
		peer.setOption(jdk.net.ExtendedSocketOptions.TCP_KEEPIDLE, 300);
		talk(Channels.newInputStream(peer),
			Channels.newOutputStream(peer));
	}

	public static void main(String[] to) throws Exception {
		switch (to[0]) {
		case "server": server(to[1]); break;
		case "nio-server": nioServer(to[1]); break;
		case "client": client(to[1], false); break;
		case "off": client(to[1], true); break;
		case "nio-client": nioClient(to[1]);
		}
	}
}
END
javac -J-XX:-UsePerfData Echo.java
java=("${under[@]}" java -XX:-UsePerfData -Xshare:auto
	-XX:TieredStopAtLevel=1 Echo)
package=$(dpkg -S "$(readlink -f "$(command -v java)")" | cut -d : -f 1)

# connect WAY PORT
connect() {
	client "${java[@]}" "$1" "$2"
	say 'it works'
	heard 'it works'
}

serve 8000 "${java[@]}" server 8000
connect client 8000
see 'Java (`ServerSocket`)' server "$package" 8000
see 'Java (`Socket`)' client "$package" 8000
finish

connect off 8000
see 'Java (`setKeepAlive(false)`)' client "$package" 8000 'off 15/15/9/150000'
finish

serve 8001 "${java[@]}" nio-server 8001
connect nio-client 8001
see 'Java (`ServerSocketChannel`)' server "$package" 8001
see 'Java (`SocketChannel`, `TCP_KEEPIDLE` 300)' client "$package" 8001 \
	'on 300/15/9/435000'
finish
