#!/bin/bash
# hook_programs_test.sh - ordinary programs with libtutti-hook preloaded say what they say
# without it.  None of them has a task, so every call must be libc's own.
#
#     hook_programs_test.sh LIBRARY
set -u
. "$(dirname "$0")/tap.sh"
library=$(realpath "$1") || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# same NAME COMMAND: output, errors and status with and without.  COMMAND is for bash, so
# that it may be several; its first word decides whether it is there.
same()
{
    local name=$1
    if ! command -v "${2%% *}" >/dev/null; then
        tap_skip "$name" "no ${2%% *} here"
        return
    fi
    rm -rf "$tmp/in"
    mkdir "$tmp/in"
    (cd "$tmp/in" && timeout 60 bash -c "$2") >"$tmp/want" 2>&1 </dev/null
    echo "status $?" >>"$tmp/want"
    rm -rf "$tmp/in"
    mkdir "$tmp/in"
    (cd "$tmp/in" && LD_PRELOAD=$library timeout 60 bash -c "$2") >"$tmp/got" 2>&1 </dev/null
    echo "status $?" >>"$tmp/got"
    cmp -s "$tmp/want" "$tmp/got"
    tap $? "$name" || diff "$tmp/want" "$tmp/got" | tap_why
}

seq 20000 | sed 's/$/ some words of a line/' >"$tmp/text"
cp "$tmp/text" "$tmp/copy"

same ls "ls -l /usr/bin | head -200"
same cat "cat $tmp/text"
same cp "cp $tmp/text x && cmp x $tmp/copy && rm x"
same grep "grep -c 7 $tmp/text"
same sed "sed -n 's/some/no/gp' $tmp/text"
same awk "awk '{ n += \$1 } END { print n }' $tmp/text"
same sort "sort -r $tmp/text | tail -3"
same find "find /etc -maxdepth 1 | sort"
same tar "tar cf - -C $tmp text | tar tf -"
same gzip "gzip -c $tmp/text | gzip -dc | md5sum"
same xz "xz -c $tmp/text | xz -dc | md5sum"
same dd "dd if=$tmp/text bs=1000 count=20 2>/dev/null | md5sum"
same tee "tee a b <$tmp/text | tail -1 && cmp a b"
same xargs "xargs -P 4 -n 500 echo <$tmp/text | wc -w"
same timeout "timeout 0.1 sleep 10"
same sleep "sleep 0.05"
same date "date -u -d @0"
same sha256sum "sha256sum $tmp/text"
same diff "diff $tmp/text $tmp/copy"
same env "env -i PATH=$PATH printenv PATH"
same bash 'bash -c "for i in 1 2 3; do (echo \$i; exit \$i) & wait \$!; echo \$?; done"'
same bash-pipes 'bash -c "coproc cat; echo hi >&\${COPROC[1]}; read -t 5 x <&\${COPROC[0]}; echo \$x"'
same bash-trap 'bash -c "trap \"echo got\" USR1; kill -USR1 \$\$; read -t 0.05; echo done"'
same make 'printf "a b:\n\t@echo made \$@\n" >m; make -s -f m -j2 a b | sort'
same git 'git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --format=%s'
same curl "curl -s file://$tmp/text | md5sum"
same perl 'perl -e "print join(q{,}, map { \$_ * 2 } 1..5), qq{\n}; open P, q{echo hi|}; print <P>; select(undef, undef, undef, 0.02)"'
same python3 'python3 -c "
import asyncio, socket, subprocess, threading, time, multiprocessing, select
a, b = socket.socketpair()
t = threading.Thread(target=lambda: (time.sleep(.02), b.sendall(b\"x\" * 100000), b.close()))
t.start(); n = 0
while True:
    d = a.recv(4096)
    if not d: break
    n += len(d)
print(n); t.join()
print(subprocess.run([\"echo\", \"out\"], capture_output=True, text=True).stdout)
async def f():
    p = await asyncio.create_subprocess_exec(\"cat\", stdin=-1, stdout=-1)
    print(await p.communicate(b\"in\"))
asyncio.run(f())
print(multiprocessing.get_context(\"fork\").Pool(2).map(abs, range(5)))
a, b = socket.socketpair(); print(select.select([a], [b], [], .01)[1] == [b])
"'
same psql "psql --version"
same openssl "openssl dgst -sha256 $tmp/text"
same cc 'cc -x c - -o p <<<"#include <stdio.h>
int main(void) { puts(\"compiled\"); return 0; }" && ./p'

# The library is loaded, or the rows above would prove nothing.
LD_PRELOAD=$library grep -q tutti-hook /proc/self/maps
tap $? "it was loaded"
tap_end
