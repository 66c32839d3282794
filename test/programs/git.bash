#!/bin/bash
# git over its own daemon: both ends turn keepalive on after accept() and
# connect().
# shellcheck source=test/programs/common.sh
. "${0%/*}/common.sh"

git init --quiet repository
git -C repository -c user.name=n -c user.email=e commit --quiet \
	--allow-empty -m 'it works'

# The daemon asks this before it serves: the connection waits meanwhile.
cat >hook <<END
#!/bin/sh
touch '$PWD/asked'
read -r line <'$PWD/answer'
END
chmod +x hook
mkfifo answer
serve 9418 "${under[@]}" git daemon --listen=127.0.0.1 --export-all \
	--base-path="$PWD" --access-hook="$PWD/hook"
client "${under[@]}" git clone git://127.0.0.1/repository copy
wait_until test -e asked
see 'git daemon' server git 9418
see 'git clone' client git 9418
echo >answer
finish
git -C copy log | grep 'it works'
