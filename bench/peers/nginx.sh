#!/bin/sh
# nginx.sh PORT - Debian's nginx in one process, as fast as it can be: no log, any number of
# requests a connection, and the answer out of its configuration, without a file.
set -eu
port=$1 home=$(mktemp -d)
nginx=$(command -v nginx || echo /usr/sbin/nginx)
cat >"$home/nginx.conf" <<END
daemon off;
master_process off;
pid $home/pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
    access_log off;
    default_type text/plain;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    client_body_temp_path $home/body;
    proxy_temp_path $home/proxy;
    fastcgi_temp_path $home/fastcgi;
    uwsgi_temp_path $home/uwsgi;
    scgi_temp_path $home/scgi;
    server {
        listen 127.0.0.1:$port;
        location / { return 200 "Hello, World!"; }
    }
}
END
chmod 755 "$home" # its workers may have another user
(
    trap '' TERM INT
    while kill -0 $$ 2>/dev/null; do sleep 0.2; done
    rm -rf "$home"
) >/dev/null 2>&1 </dev/null &
exec "$nginx" -p "$home" -c "$home/nginx.conf" -e stderr
