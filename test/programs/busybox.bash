#!/bin/bash
# A static program: the library is not loaded, and nothing breaks.
# shellcheck source=test/programs/common.sh
. "${0%/*}/common.sh"

serve 8000 "${under[@]}" busybox nc -l -p 8000 -e cat
client "${under[@]}" busybox nc 127.0.0.1 8000
say 'it works'
heard 'it works'
see 'busybox nc (static)' server busybox-static 8000 untouched
see 'busybox nc (static)' client busybox-static 8000 untouched
finish
