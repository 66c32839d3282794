#!/bin/bash
# Ruby: TCPServer and TCPSocket; one client asks for 300 s after connecting.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >server.rb <<'END'
require "socket"
listener = TCPServer.new("127.0.0.1", 8000)
while peer = listener.accept
	while line = peer.gets
		peer.write(line)
	end
	peer.close
end
END
cat >client.rb <<'END'
require "socket"
$stdout.sync = true
peer = TCPSocket.new("127.0.0.1", 8000)
if ARGV[0]
	peer.setsockopt(:SOCKET, :KEEPALIVE, true)
	peer.setsockopt(:TCP, :KEEPIDLE, ARGV[0].to_i)
end
while line = $stdin.gets
	peer.write(line)
	print(peer.gets)
end
END
serve 8000 "${under[@]}" /usr/bin/ruby server.rb
client "${under[@]}" /usr/bin/ruby client.rb
say 'it works'
heard 'it works'
see 'Ruby (`TCPServer`)' server ruby 8000
see 'Ruby (`TCPSocket`)' client ruby 8000
finish
client "${under[@]}" /usr/bin/ruby client.rb 300
say 'it works'
heard 'it works'
see 'Ruby (`KEEPIDLE` 300)' client ruby 8000 'on 300/15/9/435000'
finish
