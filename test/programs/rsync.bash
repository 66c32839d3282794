#!/bin/bash
# rsync over its own daemon, which turns keepalive on after accept().
# shellcheck source=test/programs/common.sh
. "${0%/*}/common.sh"

mkdir source
echo 'it works' >source/file
# The daemon runs this before it serves: the connection waits meanwhile.
cat >hook <<END
#!/bin/sh
touch '$PWD/asked'
read -r line <'$PWD/answer'
END
chmod +x hook
mkfifo answer
cat >rsyncd.conf <<END
use chroot = no
[module]
path = $PWD/source
pre-xfer exec = $PWD/hook
END
serve 8730 "${under[@]}" rsync --daemon --no-detach --address=127.0.0.1 \
	--port=8730 --config=rsyncd.conf
client "${under[@]}" rsync rsync://127.0.0.1:8730/module/file copy
wait_until test -e asked
see 'rsync daemon' server rsync 8730
see rsync client rsync 8730
echo >answer
finish
grep 'it works' copy
