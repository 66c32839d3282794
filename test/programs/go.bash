#!/bin/bash
# Go programs (webhook, a server, and hey, a client) load the library, but make
# their system calls themselves; Go's own 15/15 only look like this library's.
# shellcheck source=test/programs/common.sh
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
