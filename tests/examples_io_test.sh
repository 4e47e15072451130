#!/bin/sh
# examples_io_test.sh - the programs that wait for others: the same answer on every executor
# as in the plain loop, with servers of their own; those that lack a library or a server
# are skipped.
#
#     examples_io_test.sh EXAMPLES_DIRECTORY
set -u
. "$(dirname "$0")/tap.sh"
bin=$1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
unset TUTTI_EXECUTOR http_proxy https_proxy
mkdir "$tmp/t"
chmod 711 "$tmp" # PostgreSQL runs as its own user
export TMPDIR="$tmp/t"
chmod 711 "$TMPDIR"

report()
{
    tap "$1" "$2" || [ $# -lt 3 ] || printf '%s\n' "$3" | sed 's/^/# /'
}
answer()
{
    program=$1
    shift
    timeout 60 "$bin/$program" --json "$@" 2>"$tmp/err" >"$tmp/out"
    rc=$?
    if [ $rc -eq 0 ]; then
        sed -n 's/.*"answer":"\(.*\)","seconds".*/\1/p' "$tmp/out"
    else
        printf 'exit %s (124: it hung): %s\n' $rc "$(cat "$tmp/err")"
    fi
}

# same NAME WORD PROGRAM ARGUMENTS...: the plain loop's answer has WORD in it, and every
# executor gives the same.
same()
{
    name=$1 word=$2
    shift 2
    [ -x "$bin/$1" ] || { skip "$name" "built without its libraries"; return; }
    want=$(answer "$@" --executor serial)
    case $want in
    'exit 77 '*) tap_skip "$name" "$want"; return ;;
    *$word*) ;;
    *) report 1 "$name in a plain loop" "$want"; return ;;
    esac
    for url in $urls; do
        got=$(answer "$@" --executor "$url")
        [ "$got" = "$want" ]
        report $? "$name on $url" "got  $got
want $want"
    done
}

# A site of 60 pages in a row, each with links to the next two, to itself, to what is not
# there, and to what is no address.
mkdir "$tmp/site"
i=0
while [ $i -lt 60 ]; do
    printf '<html><a href="page%d.html">next</a><a href="page%d.html#x">more</a>
<a href="page%d.html">here</a><A HREF=gone.html>gone</a><a href="ht!tp://%%%%">odd</a>
<a name=x>no link</a><p><a href="http://elsewhere.invalid/">out</a>' $(((i + 1) % 60)) \
        $(((i + 2) % 60)) $i >"$tmp/site/page$i.html"
    i=$((i + 1))
done
ln "$tmp/site/page0.html" "$tmp/site/index.html"
urls='loop:// threads://2 threads://2?lock=interpreter processes://2'
same crawl "slow: 61 pages" crawl --size 1000 "$tmp/site"
same crawl-few "slow: " crawl --size 5 "$tmp/site"
same status "2xx" status --size 30
urls='loop:// processes://2'; same query "20000 rows" query --size 12

if [ -x "$bin/crawl" ]; then
    "$bin/crawl" --executor loop:// --picture "$tmp/c.png" "$tmp/site" >"$tmp/out" 2>&1 &&
        [ "$(od -An -v -tx1 -N8 "$tmp/c.png" | tr -d ' ')" = 89504e470d0a1a0a ]
    report $? "crawl draws a picture" "$(cat "$tmp/out")"
    "$bin/crawl" "$tmp" >"$tmp/out" 2>"$tmp/err"
    [ $? -eq 2 ] && grep -q "no HTML" "$tmp/err"
    report $? "crawl refuses a folder without pages" "$(cat "$tmp/err")"
    printf '\n' >"$tmp/none"
    "$bin/status" "$tmp/none" >"$tmp/out" 2>"$tmp/err"
    [ $? -eq 2 ] && grep -q "no address" "$tmp/err"
    report $? "status refuses a list without addresses" "$(cat "$tmp/err")"
    printf 'http://127.0.0.1:1/\nnot an address\nfile:///etc/hostname\n' >"$tmp/list"
    got=$(answer status --executor loop:// "$tmp/list")
    [ "$got" = "3 without an answer" ]
    report $? "status says what gave no answer" "$got"
fi

[ -z "$(ls "$TMPDIR")" ]
report $? "no folder of a server is left behind" "$(ls "$TMPDIR")"
tap_end
