#!/bin/bash
# Perl: IO::Socket::INET; the client asks for keepalive after connecting.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >server.pl <<'END'
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(Listen => 5, ReuseAddr => 1,
	LocalAddr => "127.0.0.1:8000") or die;
while (my $peer = $listener->accept) {
	print $peer $_ while <$peer>;
}
END
cat >client.pl <<'END'
use IO::Socket::INET;
$| = 1;
my $peer = IO::Socket::INET->new("127.0.0.1:8000") or die;
$peer->sockopt(SO_KEEPALIVE, 0 + $ARGV[0]) or die if @ARGV;
while (<STDIN>) {
	print $peer $_;
	print scalar <$peer>;
}
END
serve 8000 "${under[@]}" /usr/bin/perl server.pl
client "${under[@]}" /usr/bin/perl client.pl
say 'it works'
heard 'it works'
see 'Perl (`IO::Socket::INET`)' server perl 8000
see 'Perl (`IO::Socket::INET`)' client perl 8000
finish
client "${under[@]}" /usr/bin/perl client.pl 0
say 'it works'
heard 'it works'
see 'Perl (`SO_KEEPALIVE` 0)' client perl 8000 'off 15/15/9/150000'
finish
