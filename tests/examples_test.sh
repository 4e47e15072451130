#!/bin/sh
# examples_test.sh - the example programs: the same answer on every executor as in the
# plain loop and as tests/examples/NAME.expected has it, pictures that do not depend on
# who painted, and a sentence for every command line that makes no sense.
#
#     examples_test.sh EXAMPLES_DIRECTORY SOURCE_ROOT
#
# UPDATE=1 writes the expected files from the plain loops instead.
set -u
. "$(dirname "$0")/tap.sh"
bin=$1 expected=$2/tests/examples
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
limit=${EXAMPLES_TIMEOUT:-60} # seconds for one run
unset TUTTI_EXECUTOR

# report RC NAME [WHY]
report()
{
    tap "$1" "$2" || [ $# -lt 3 ] || printf '%s\n' "$3" | sed 's/^/# /'
}

# A tree of text that is the same on every machine, with what a walk must bear: an empty
# file, one that is no text, a link that leads round in a circle, odd names.
plant()
{
    awk -v root="$1" 'BEGIN {
        seed = 7
        for (d = 0; d < 6; d++) {
            dir = root "/d" d "/e" d % 2
            system("mkdir -p " dir)
            for (f = 0; f < 40; f++) {
                file = dir "/f" f ".txt"
                for (l = 0; l < 30; l++) {
                    line = ""
                    for (w = 0; w < 1 + l % 9; w++) {
                        seed = (seed * 16807) % 2147483647
                        k = seed % 97
                        token = k < 80 ? "word" k : k < 90 ? seed : " -" k
                        line = line (w ? " " : "") token
                    }
                    print line > file
                }
                close(file)
            }
        }
    }'
    : >"$1/empty"
    printf 'no\0text\n' >"$1/nul"
    printf 'the last line does not end' >"$1/a name with spaces"
    ln -s .. "$1/d0/round"
}

# run PROGRAM ARGUMENTS...: its answer, or what it said.
answer()
{
    program=$1
    shift
    if out=$(timeout "$limit" "$bin/$program" --json "$@" 2>&1); then
        printf '%s\n' "$out" | sed -n 's/.*"answer":"\(.*\)","seconds".*/\1/p'
    else
        printf 'exit %s (124: it hung): %s\n' $? "$out"
    fi
}

# same NAME PROGRAM ARGUMENTS...: NAME.expected is the answer of the plain loop and of
# every executor.
same()
{
    name=$1
    shift
    if [ "${UPDATE-}" ]; then
        answer "$@" --executor serial >"$expected/$name.expected"
    fi
    want=$(cat "$expected/$name.expected")
    for url in serial loop:// threads://2 'threads://2?lock=interpreter' processes://2; do
        got=$(answer "$@" --executor "$url")
        [ "$got" = "$want" ]
        report $? "$name on $url" "got  $got
want $want"
    done
}

# refuses WORD PROGRAM ARGUMENTS...: exit 2, nothing on stdout, one line with WORD.
refuses()
{
    word=$1
    shift
    program=$1
    shift
    "$bin/$program" "$@" >"$tmp/out" 2>"$tmp/err"
    rc=$?
    [ $rc -eq 2 ] && [ ! -s "$tmp/out" ] && [ "$(wc -l <"$tmp/err")" -eq 1 ] &&
        grep -qF -- "$word" "$tmp/err"
    report $? "$program $* is refused" "exit $rc
$(cat "$tmp/err")"
}

plant "$tmp/tree"
printf '%81s\n' '' | tr ' ' . >"$tmp/short"
echo '1..2' >>"$tmp/short"
text='the last line does not end'
hash=$(printf %s "$text" | sha256sum | cut -d' ' -f1)

same average average --size 100003
same average-few average --size 3
same matmul matmul --size 131
same matmul-one matmul --size 1
same mandelbrot mandelbrot --size 27
same sudoku sudoku --size 20
same maze maze --size 150
same maze-least maze --size 2
same primes primes --size 100000
same primes-least primes --size 3
same echo echo --size 20
same listen listen --size 12
[ ! -x "$bin/httpd" ] || same httpd httpd --size 20
same hashhunt hashhunt "$tmp/tree"
same hashhunt-some hashhunt --size 50 "$tmp/tree"
same hashhunt-found hashhunt "$tmp/tree" "$hash"
same hashhunt-like hashhunt "$tmp/tree" "$tmp/tree/d3/e1/f20.txt"
same wordcount wordcount "$tmp/tree"
same tally tally --size 700
same tally-one tally --size 1
same wordcount-some wordcount --size 7 "$tmp/tree"

# Each rival by itself: in a race the others would hide that one is wrong.
for rival in 1 2 3 4 5 6 7 8; do
    for url in serial threads://2; do
        got=$(answer maze --size 150 --executor "$url" $rival)
        [ "$got" = "$(cat "$expected/maze.expected")" ]
        report $? "maze, rival $rival alone on $url" "got $got"
        [ $rival -le 4 ] || continue
        got=$(answer sudoku --size 20 --executor "$url" - $rival)
        [ "$got" = "$(cat "$expected/sudoku.expected")" ]
        report $? "sudoku, rival $rival alone on $url" "got $got"
    done
done

# A hash that sha256sum worked out, not we.
grep -q "found $hash" "$expected/hashhunt-found.expected"
report $? "hashhunt hashes as sha256sum does"

# size_of FILE: width and height out of a PNG's header.
size_of()
{
    od -An -v -tx1 -N24 "$1" | tr -d ' \n' |
        sed -n 's/^89504e470d0a1a0a0000000d49484452\(........\)\(........\)$/\1 \2/p'
}
n=0
for url in serial loop:// threads://2; do
    n=$((n + 1))
    "$bin/mandelbrot" --size 27 --executor "$url" --picture "$tmp/m$n.png" >/dev/null &&
        [ "$(size_of "$tmp/m$n.png")" = '00000030 0000001b' ] &&
        cmp -s "$tmp/m1.png" "$tmp/m$n.png"
    report $? "mandelbrot paints the same picture on $url"
    "$bin/maze" --size 50 --executor "$url" --picture "$tmp/z$n.png" >/dev/null &&
        [ "$(size_of "$tmp/z$n.png")" = '00000063 00000063' ]
    report $? "maze draws a picture on $url"
done

"$bin/mandelbrot" --size 9 --picture "$tmp/none/x.png" >"$tmp/out" 2>"$tmp/err"
[ $? -eq 1 ] && grep -q "none/x.png" "$tmp/err" && [ ! -s "$tmp/out" ]
report $? "a picture that cannot be written is a failure" "$(cat "$tmp/err")"

line=$(TUTTI_EXECUTOR=loop:// "$bin/average" --size 1000)
printf '%s\n' "$line" | grep -q 'on loop://'
report $? "without --executor it is \$TUTTI_EXECUTOR that counts" "$line"

python3 - "$bin" >"$tmp/out" 2>&1 <<'END'
import json, subprocess, sys
out = subprocess.run([sys.argv[1] + '/sudoku', '--json', '--size', '3', '--executor',
                      'threads://2'], capture_output=True, text=True, check=True).stdout
assert out.count('\n') == 1, out
got = json.loads(out)
assert list(got) == ['program', 'kind', 'what', 'answer', 'seconds', 'cpu_seconds',
                     'workers', 'switches', 'started', 'picture'], list(got)
assert (got['program'], got['kind'], got['what']) == ('sudoku', 'CPU', '3 hard'), got
assert got['workers'] == 2 and got['started'] >= 3 and got['picture'] == '', got
assert got['seconds'] > 0 and got['cpu_seconds'] > 0, got
END
report $? "--json is one line with the keys that the tour reads" "$(cat "$tmp/out")"

refuses --frob average --frob
refuses --size matmul --size
refuses x7 matmul --size x7
refuses 7x matmul --size 7x
refuses 'from 9' mandelbrot --size 8
refuses 'to 10000' maze --size 10001
refuses RIVAL maze 9
refuses RIVAL maze 0
refuses RIVAL sudoku - x
refuses -1 matmul --size -1
refuses 99999999999999999999 matmul --size 99999999999999999999
refuses ' 0' primes --size ' 0'
refuses --picture average --picture "$tmp/x.png"
refuses extra primes extra
refuses nowhere average --executor nowhere://
refuses frob average --executor 'threads://2?frob=1'
refuses "$tmp/none" sudoku "$tmp/none"
refuses 'line 2' sudoku "$tmp/short"
refuses "$tmp/tree/empty" sudoku "$tmp/tree/empty"
refuses "$tmp/none" hashhunt "$tmp/none"
refuses "$tmp/tree/empty" wordcount "$tmp/tree/empty"
refuses xyz hashhunt "$tmp/tree" xyz

for program in average matmul mandelbrot sudoku maze primes hashhunt wordcount echo; do
    "$bin/$program" --help >"$tmp/out" 2>"$tmp/err" && grep -q '^usage:' "$tmp/out" &&
        [ ! -s "$tmp/err" ]
    report $? "$program --help"
done
tap_end
