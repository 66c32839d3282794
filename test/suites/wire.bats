# What the options do to connections, in packets and their times.
load common

# wire SCENARIO [ARGUMENT...]: in namespaces of its own, see there.
wire() {
	"$top/test/helpers/wire" "$@" 3>&-
}

# Idle and interval below half of what the firewall remembers.
often=(TCP_KEEPIDLE=2 TCP_KEEPINTVL=2)
often_0_3=(KEEPIDLE=2 KEEPINTVL=2)
often_libdontdie=(DD_TCP_KEEPALIVE_TIME=2 DD_TCP_KEEPALIVE_INTVL=2)

@test "idle: the first probe leaves after the idle time, not before" {
	wire answered 3 1 3
}

@test "idle: unanswered probes follow each other at the interval" {
	wire unanswered
}

@test "idle: answered probes follow each other at the interval, if that is longer" {
	wire answered 1 3 3
}

@test "firewall: a silent connection is lost without the library" {
	wire conversation lost firewall
}

@test "firewall: a silent connection lives with the client library" {
	wire conversation alive firewall client "${often[@]}"
}

@test "firewall: a silent connection lives with the listen library" {
	wire conversation alive firewall server "${often[@]}"
}

@test "firewall: a silent connection lives with libkeepalive 0.3's variables" {
	wire conversation alive firewall client "${often_0_3[@]}"
}

@test "firewall: a silent connection lives with libdontdie's variables" {
	wire conversation alive firewall client "${often_libdontdie[@]}"
}

@test "firewall: a silent connection is lost again with KEEPALIVE=off" {
	wire conversation lost firewall client "${often[@]}" KEEPALIVE=off
}

@test "NAT: a silent connection is lost without the library" {
	wire conversation lost nat
}

@test "NAT: a silent connection lives with the client library" {
	wire conversation alive nat client "${often[@]}"
}

@test "NAT: a silent connection lives with the listen library" {
	wire conversation alive nat server "${often[@]}"
}

@test "NAT: a silent connection lives with libkeepalive 0.3's variables" {
	wire conversation alive nat client "${often_0_3[@]}"
}

@test "NAT: a silent connection lives with libdontdie's variables" {
	wire conversation alive nat client "${often_libdontdie[@]}"
}

@test "NAT: a silent connection is lost again with KEEPALIVE=off" {
	wire conversation lost nat client "${often[@]}" KEEPALIVE=off
}

@test "IPv6: a silent connection is lost without the library" {
	wire conversation lost ipv6
}

@test "IPv6: a silent connection lives with the client library" {
	wire conversation alive ipv6 client "${often[@]}"
}

@test "IPv6: a silent connection lives with the listen library" {
	wire conversation alive ipv6 server "${often[@]}"
}

@test "IPv6: a silent connection lives with libkeepalive 0.3's variables" {
	wire conversation alive ipv6 client "${often_0_3[@]}"
}

@test "IPv6: a silent connection lives with libdontdie's variables" {
	wire conversation alive ipv6 client "${often_libdontdie[@]}"
}

@test "IPv6: a silent connection is lost again with KEEPALIVE=off" {
	wire conversation lost ipv6 client "${often[@]}" KEEPALIVE=off
}

@test "MPTCP: a silent connection is lost without the library" {
	needs_mptcp
	wire conversation lost mptcp
}

@test "MPTCP: a silent connection lives with the client library" {
	needs_mptcp
	wire conversation alive mptcp client "${often[@]}"
}

@test "MPTCP: a silent connection lives with the listen library" {
	needs_mptcp
	wire conversation alive mptcp server "${often[@]}"
}

@test "MPTCP: a silent connection lives with libkeepalive 0.3's variables" {
	needs_mptcp
	wire conversation alive mptcp client "${often_0_3[@]}"
}

@test "MPTCP: a silent connection lives with libdontdie's variables" {
	needs_mptcp
	wire conversation alive mptcp client "${often_libdontdie[@]}"
}

@test "MPTCP: a silent connection is lost again with KEEPALIVE=off" {
	needs_mptcp
	wire conversation lost mptcp client "${often[@]}" KEEPALIVE=off
}

@test "dead peer: an idle connection ends at idle + interval x count, by the derived user timeout" {
	wire peer_is_dead 6000 library
}

@test "dead peer: an idle connection ends at idle + interval x count, by count alone" {
	wire peer_is_dead 0 library TCP_USER_TIMEOUT=0
}

@test "dead peer: a program's own times end an idle connection at their sum" {
	wire peer_is_dead 6000 program
}

@test "lost answer: a program's own times let a connection live that lost one" {
	wire one_answer_is_lost
}

@test "dead peer: unacknowledged data end a connection at the user timeout" {
	wire unacknowledged
}

@test "dead peer: unacknowledged data leave a connection open without the library" {
	wire unacknowledged_for_long
}

@test "TCP_SYNCNT: so many SYNs are repeated to an address that does not answer" {
	wire syns 3 TCP_SYNCNT=2
}

# Linux 6.5 and later.
needs_linear_timeouts() {
	[ -e /proc/sys/net/ipv4/tcp_syn_linear_timeouts ] ||
		skip "this kernel has no linear timeouts"
}

@test "TCP_USER_TIMEOUT: where SYNs are repeated once, the default repeats more" {
	needs_linear_timeouts
	wire syns_by_user_timeout 1 0=3 -1=6 3000=3 60000=6
}

@test "TCP_USER_TIMEOUT: where SYNs are repeated twice, the default repeats more" {
	needs_linear_timeouts
	wire syns_by_user_timeout 2 0=6 -1=7 7000=6 60000=7
}

@test "TCP_USER_TIMEOUT: where SYNs are repeated three times, the default changes nothing" {
	needs_linear_timeouts
	wire syns_by_user_timeout 3 0=8 -1=8
}

@test "TCP_USER_TIMEOUT: connect() gives up then" {
	wire connect_is_bounded
}

@test "TCP_DEFER_ACCEPT: accept() does not return before the client's first byte" {
	wire deferred
}

@test "zero window: a peer that does not read loses its connection at the user timeout" {
	wire zero_window
}

@test "zero window: a peer that does not read keeps its connection with TCP_USER_TIMEOUT=0" {
	wire zero_window_is_endured
}

@test "accepted: the server probes the connections of its own listener" {
	wire accepted own
}

@test "accepted: the server probes the connections of an inherited listener" {
	wire accepted inherited
}
