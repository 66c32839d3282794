# libkeepalive.so: connections that a program opens.
load common

@test "connect: an IPv4 socket gets the defaults" {
	run -0 preload "$client" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s \
		socket c inet stream 0 connect c s options c
	has -1 "$defaults"
}
