#!/bin/bash
# nginx, with curl before it and itself as a client behind it. What so_keepalive
# asks for is set on listeners, after listen(); but then nginx calls listen()
# again, at every start and reload, and this library's values are set again.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

# upload PORT [OPTION...]: a request whose body curl reads as long as we like.
upload() {
	local port=$1
	shift
	client told "${under[@]}" curl --silent --verbose "$@" \
		--upload-file - "http://127.0.0.1:$port/uploaded"
	say 'it works'
	heard '100 Continue'
}

told() {
	exec "$@" 2>&1
}

uploaded() {
	finish
	grep 'it works' content/uploaded
	rm content/uploaded
}

mkdir content
chown nobody content
cat >nginx.conf <<END
user nobody nogroup;
pid nginx.pid;
error_log error.log;
events { }
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	root content;
	server {
		listen 127.0.0.1:8000;
		listen 127.0.0.1:8001 so_keepalive=300:100:3;
		listen 127.0.0.1:8002 so_keepalive=off;
		dav_methods PUT;
	}
	server {
		listen 127.0.0.1:8003;
		location / {
			proxy_pass http://127.0.0.1:8000;
			proxy_request_buffering off;
			proxy_http_version 1.1;
		}
	}
}
END
nginx=("${under[@]}" nginx -p "$PWD" -c "$PWD/nginx.conf")
serve 8003 "${nginx[@]}"
# nginx is in the background by now.
wait "$server"

upload 8000
see nginx server nginx 8000
see curl client curl 8000
uploaded

upload 8001 --keepalive-time 300
see 'nginx (`so_keepalive=300:100:3`)' server nginx 8001
see 'curl (`--keepalive-time 300`)' client curl 8001
uploaded

upload 8002 --no-keepalive
see 'nginx (`so_keepalive=off`)' server nginx 8002
see 'curl (`--no-keepalive`)' client curl 8002
uploaded

upload 8003
see 'nginx (as a proxy)' client nginx 8000
uploaded

workers() {
	pgrep -P "$(cat nginx.pid)"
}
before=$(workers)
reloaded() {
	[ "$(workers)" ] && ! workers | grep -Fxq "$before"
}
"${nginx[@]}" -s reload
wait_until reloaded
upload 8000
see 'nginx (after a reload)' server nginx 8000
uploaded
