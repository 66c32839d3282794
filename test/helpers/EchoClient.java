// SPDX-License-Identifier: ISC

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.Socket;

/** EchoClient HOST PORT: connects, and prints each line that the server sends. */
class EchoClient {
	public static void main(String[] to) throws Exception {
		try (var socket = new Socket(to[0], Integer.parseInt(to[1]));
				var lines = new BufferedReader(new InputStreamReader(
						socket.getInputStream()))) {
			String line;
			while ((line = lines.readLine()) != null)
				System.out.println(line);
		}
	}
}
