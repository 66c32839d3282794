#!/bin/bash
# Mono: TcpListener and TcpClient; and DllImport("libc"), which looks connect()
# up in the C library alone and so goes past every preloaded object.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >Echo.cs <<'END'
using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

class Echo {
	[DllImport("libc")] static extern int socket(int family, int type,
		int protocol);
	[DllImport("libc")] static extern int connect(int descriptor,
		byte[] address, int length);
	[DllImport("libc")] static extern IntPtr read(int descriptor,
		byte[] buffer, IntPtr length);
	[DllImport("libc")] static extern IntPtr write(int descriptor,
		byte[] buffer, IntPtr length);

	static void Server() {
		TcpListener listener = new TcpListener(IPAddress.Loopback, 8000);
		listener.Start();
		while (true)
			using (TcpClient peer = listener.AcceptTcpClient())
				peer.GetStream().CopyTo(peer.GetStream());
	}

	static void Client() {
		string line;
		TcpClient peer = new TcpClient("127.0.0.1", 8000);
		StreamReader answers = new StreamReader(peer.GetStream());
		while ((line = Console.ReadLine()) != null) {
			byte[] said = Encoding.ASCII.GetBytes(line + "\n");
			peer.GetStream().Write(said, 0, said.Length);
			Console.WriteLine(answers.ReadLine());
		}
	}

	static void Imported() {
		string line;
		byte[] address = new byte[16];
		byte[] heard = new byte[100];
		BitConverter.GetBytes((short)AddressFamily.InterNetwork)
			.CopyTo(address, 0);
		BitConverter.GetBytes(IPAddress.HostToNetworkOrder((short)8000))
			.CopyTo(address, 2);
		IPAddress.Loopback.GetAddressBytes().CopyTo(address, 4);
		int peer = socket(2, 1, 0);
		connect(peer, address, address.Length);
		while ((line = Console.ReadLine()) != null) {
			byte[] said = Encoding.ASCII.GetBytes(line + "\n");
			write(peer, said, (IntPtr)said.Length);
			int length = (int)read(peer, heard, (IntPtr)heard.Length);
			Console.Write(Encoding.ASCII.GetString(heard, 0, length));
		}
	}

	static void Main(string[] what) {
		switch (what[0]) {
		case "server": Server(); break;
		case "client": Client(); break;
		case "imported": Imported(); break;
		}
	}
}
END
mcs Echo.cs

serve 8000 "${under[@]}" mono Echo.exe server
client "${under[@]}" mono Echo.exe client
say 'it works'
heard 'it works'
see 'Mono (`TcpListener`)' server mono-runtime 8000
see 'Mono (`TcpClient`)' client mono-runtime 8000
finish

client "${under[@]}" mono Echo.exe imported
say 'it works'
heard 'it works'
see 'Mono (`DllImport("libc")`)' client mono-runtime 8000 untouched
finish
