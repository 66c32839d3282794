#!/bin/bash
# Go programs (webhook, a server, and hey, a client) load the library, but make
# their system calls themselves; Go's own 15/15 only look like this library's.
# With cgo (import "C") a program can call the C library, but Go's package net
# does not.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >hook <<'END'
#!/bin/sh
touch asked
read -r line <answer
echo 'it works'
END
chmod +x hook
mkfifo answer
cat >hooks.json <<END
[{"id": "hook", "execute-command": "$PWD/hook",
	"command-working-directory": "$PWD",
	"include-command-output-in-response": true}]
END
serve 9000 "${under[@]}" webhook -ip 127.0.0.1 -port 9000 -hooks hooks.json
client "${under[@]}" hey -n 1 -c 1 http://127.0.0.1:9000/hooks/hook
wait_until test -e asked
see 'webhook (Go)' server webhook 9000 untouched
see 'hey (Go)' client hey 9000 untouched
echo >answer
heard '[200]'
finish

cat >echo.go <<'END'
package main

// #include <unistd.h>
import "C"

import (
	"io"
	"net"
	"os"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func client() {
	peer, err := net.Dial("tcp", "127.0.0.1:8000")
	check(err)
	go io.Copy(os.Stdout, peer)
	io.Copy(peer, os.Stdin)
}

func server() {
	listener, err := net.Listen("tcp", "127.0.0.1:8000")
	check(err)
	for {
		peer, err := listener.Accept()
		check(err)
		io.Copy(peer, peer)
		peer.Close()
	}
}

func main() {
	C.getpid()
	if os.Args[1] == "client" {
		client()
	} else {
		server()
	}
}
END
HOME=$PWD go build echo.go
package=$(dpkg -S "$(readlink -f "$(command -v go)")" | cut -d : -f 1)
serve 8000 "${under[@]}" ./echo server
client "${under[@]}" ./echo client
say 'it works'
heard 'it works'
see 'Go with cgo (`import "C"`, `net.Listen`)' server "$package" 8000 \
	untouched
see 'Go with cgo (`import "C"`, `net.Dial`)' client "$package" 8000 \
	untouched
finish
