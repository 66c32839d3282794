# For ~/.bashrc or ~/.profile: "keepalive ssh example.com". What is preloaded
# already stays so.
# shellcheck shell=sh
keepalive() {
	env LD_PRELOAD="libkeepalive.so${LD_PRELOAD:+:$LD_PRELOAD}" "$@"
}
