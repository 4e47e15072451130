#!/bin/sh
# cli_test.sh TUTTI FAKE - the command as its user meets it: usage, exit codes, what a tour
# does with programs that crash, hang, lie or babble (stand-ins: cli_fake.sh), what it
# leaves behind, and what `run` hands on.  Output in TAP.
. "$(dirname "$0")/tap.sh"
tutti=$(realpath "$1") fake=$(realpath "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset NO_COLOR TUTTI_EXECUTOR
mkdir programs
for n in average matmul mandelbrot sudoku maze primes hashhunt wordcount listen echo; do
    cp "$fake" programs/$n && chmod +x programs/$n || exit 1
done
export TUTTI_EXAMPLES="$work/programs" FAKE_PIDS="$work/pids" TERM=xterm

# ok NAME CODE: CODE is 0 if the case holds; what was printed follows when it does not.
ok() {
    tap "$2" "$1" || tap_why out err
}
# run ARG...: the command; its outputs in out and err, its exit code in rc.
run() {
    "$tutti" "$@" >out 2>err </dev/null
    rc=$?
}
# expect NAME RC FILE WORDS: the exit code, and a text in out or err (- for none).
expect() {
    [ "$rc" -eq "$2" ] && { [ "$3" = - ] || grep -qF -e "$4" "$3"; }
    ok "$1" $?
}
quick() { # a tour of one round into its own folder
    run tour --rounds 1 --out tour "$@"
}
check() { # check NAME PYTHON: an expression over j, the JSON document
    python3 -c "import json,sys; j=json.load(open('out')); sys.exit(not ($2))" 2>>err
    ok "$1" $?
}

run; expect "no command" 2 err "a command is missing"
run nonsense; expect "unknown command" 2 err "unknown command 'nonsense'"
run --nonsense; expect "unknown option" 2 err "unknown option '--nonsense'"
run --help; expect "--help goes to stdout" 0 out "Usage: tutti"
run --version; expect "--version" 0 out "tutti 0."
run version extra; expect "version takes nothing" 2 err "'extra'"
run help run; expect "help of a command" 0 out "Usage: tutti run"
run help nonsense; expect "help of nonsense" 2 err "no help for 'nonsense'"
for c in tour run help version; do
    run $c --help; expect "$c --help" 0 out "Usage: tutti $c"
done
if [ -w /dev/full ]; then
    "$tutti" --help >/dev/full 2>err; rc=$?
    expect "a full disk is noticed" 1 err "cannot write to standard output"
fi

run tour --only nonsense; expect "--only nonsense" 2 err "no program 'nonsense'"
expect "--only nonsense lists what there is" 2 err "mandelbrot"
run tour --only maze,nope,average; expect "--only, one word wrong" 2 err "'nope'"
run tour --only ""; expect "--only nothing" 2 err "no program ''"
run tour --rounds 0; expect "--rounds 0" 2 err "1 to 99"
run tour --rounds 1x; expect "--rounds 1x" 2 err "'1x'"
run tour --rounds; expect "--rounds without a value" 2 err "needs a value"
run tour --size huge; expect "--size huge" 2 err "'huge'"
run tour --limit -5; expect "--limit -5" 2 err "'-5'"
run tour --color=loud; expect "--color=loud" 2 err "'loud'"
run tour --json=x; expect "--json takes no value" 2 err "takes no value"
run tour -x; expect "unknown short option" 2 err "'-x'"
run tour maze; expect "a word too many" 2 err "--only maze?"
run tour --list; expect "--list" 0 out "wordcount"

quick; expect "a tour" 0 out "every answer equals the serial one"
[ ! -s err ]; ok "nothing on stderr that is no terminal" $?
! grep -q "$(printf '\033')" out; ok "no colour that is no terminal" $?
[ -s tour/report.html ] && [ -s tour/maze.png ] && [ -s tour/mandelbrot.png ]
ok "report and pictures are written" $?
! grep -Eq '(src|href)="?(https?:|//|[a-z]+\.(js|css|png))' tour/report.html
ok "the report needs no other file" $?
grep -q '&lt;8&gt; &quot;parts&quot;' tour/report.html && ! grep -q '<8>' tour/report.html
ok "words of a program are escaped in the report" $?
expect "what follows: kind of work" 0 out "CPU-bound: 11 of 11 (alone: 1.00 CPUs wanted) -> threads"
expect "what follows: the lock" 0 out "it takes CPU-bound work from 2.00x to 0.95x"
quick --color=always; grep -q "$(printf '\033')" out; ok "--color=always" $?
NO_COLOR=1 quick --color=always; grep -q "$(printf '\033')" out
ok "--color=always beats NO_COLOR" $?
quick --only maze --svg matrix.svg
python3 -c "import xml.dom.minidom as x; x.parse('matrix.svg')" 2>>err; ok "--svg is XML" $?
quick --only hashhunt; [ "$(grep -c '^hashhunt' out)" -eq 2 ]
ok "--only by program gives both rows" $?
run tour --only maze --rounds 1 --out a/b/c; [ -s a/b/c/report.html ]
ok "--out makes its folders" $?
mkdir -p taken/report.html; run tour --only maze --rounds 1 --out taken
expect "a report that cannot be written" 1 err "cannot write taken/report.html"
! grep -q "look: taken/report.html" out; ok "... is not shown the way to" $?
run tour --only maze --rounds 1 --out /dev/null/x; expect "--out that cannot be" 1 err "/dev/null/x"

# Programs that wait for others are there with their libraries only.
quick --only average,query; expect "a program that was not built" 0 out \
    "query            skipped: built without libpq"
printf '#!/bin/sh\necho "query: it is not installed" >&2\nexit 77\n' >programs/query
chmod +x programs/query
quick --only query,average; expect "a program that lacks something" 0 out \
    "query            skipped: it is not installed"
expect "... and the tour goes on" 0 out "every answer equals the serial one"
quick --json --only average,query
expect "... which is no part of the JSON" 0 err "skipped: it is not installed"
check "... that parses" "[r['name'] for r in j['rows']]==['average']"
quick --only query; expect "a tour of nothing else" 0 out "skipped"
rm programs/query

quick --json --only average,maze; expect "--json" 0 - -
check "--json parses and has its keys" \
    "j['format']==1 and [r['name'] for r in j['rows']]==['average','maze'] and
j['rows'][0]['cells']['threads']['ratio']==2 and j['rows'][0]['best']=='threads' and
j['every_answer_equal'] is True and len(j['questions'])==4 and j['machine']['cpus']>=1 and
0<=j['machine']['others']<=1"
FAKE_average=io quick --json --only average
check "I/O-bound is measured, not believed" \
    "j['rows'][0]['kind']=='CPU' and j['rows'][0]['bound']=='I/O'"

FAKE_primes=differ quick; expect "another answer" 1 out "primes on threads://: the answer is \"41\""
! grep -q "every answer equals the serial one" out; ok "... is not called equal" $?
FAKE_primes=differ quick --json
check "... nor in JSON" "j['differences']==1 and not j['every_answer_equal'] and
[r for r in j['rows'] if r['name']=='primes'][0]['cells']['threads']['differed']"
FAKE_maze=crash quick; expect "a crash has its signal" 1 out "killed by SIGSEGV"
expect "... and its last words" 1 out "about to fall"
expect "... and the others went on" 1 out "every answer that was given equals"
FAKE_maze=garbage quick; expect "no JSON" 1 out "maze on threads://: printed no line of JSON"
FAKE_maze=lacks quick; expect "JSON without a key" 1 out '"seconds" is missing'
FAKE_maze=loud quick; expect "too much" 1 out "more than an answer can be"
FAKE_maze=exit3 quick; expect "an exit code" 1 out "exit code 3: no such thing"
FAKE_maze=bytes quick --json --only maze
check "words that are not UTF-8" "'exit code 4: ?' in j['rows'][0]['cells']['threads']['failure']"
FAKE_maze=serial_crash quick; expect "serial fails" 1 out "maze on serial: killed by SIGABRT"
FAKE_maze=serial_crash quick --json --only maze
check "... and nothing is compared with it" "j['rows'][0]['cells']['loop'] is None"
FAKE_maze=term quick; expect "signals reach a program" 1 out "killed by SIGTERM"
FAKE_maze=hang quick --limit 1 --only maze; expect "a hang is ended" 1 out "no answer within 1 s"
ended() { # no process of that number, or only its corpse
    state=$(sed 's/.*) //;s/ .*//' "/proc/$1/stat" 2>/dev/null)
    [ -z "$state" ] || [ "$state" = Z ]
}
ended "$(cat pids)"; ok "... with all that it started" $?
chmod -x programs/maze; quick --only maze
expect "not executable" 1 out "cannot be started: Permission denied"
rm programs/maze; quick --only maze; expect "not there" 1 out "cannot be started: No such file"
run tour --list; expect "--list says so" 0 out "(not built)"
TUTTI_EXAMPLES=/nowhere run tour; expect "no programs at all" 1 err "/nowhere"

# Ctrl-C: wait until the program hangs (it writes its child's number), then interrupt.
for sig in INT:130 TERM:143; do
    rm -f pids
    # a shell starts what it puts aside with SIGINT ignored, and a tour respects that
    FAKE_sudoku=hang python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$tutti" tour --only sudoku --rounds 1 --out tour \
        >out 2>err </dev/null &
    pid=$!
    until [ -s pids ] || ended $pid; do sleep 0.05; done
    kill -${sig%:*} $pid
    wait $pid; rc=$?
    expect "SIG${sig%:*} ends a tour" ${sig#*:} err "ended by SIG${sig%:*} after 3 of 6 runs"
    ended "$(cat pids)"; ok "... and what it ran" $?
done

if command -v script >/dev/null; then
    script -qec "'$tutti' tour --only primes --rounds 2 --out tour" typed </dev/null >out
    rc=$?
    expect "on a terminal there is progress" 0 out "[3/11] primes on loop"
    grep -q "$(printf '\033')\[1;32m" out; ok "... and colour" $?
    NO_COLOR=1 script -qec "'$tutti' tour --only primes --rounds 1 --out tour" typed \
        </dev/null >out
    ! grep -q "$(printf '\033')\[1" out; ok "NO_COLOR on a terminal" $?
    TERM=dumb script -qec "'$tutti' tour --only primes --rounds 1 --out tour" typed \
        </dev/null >out
    ! grep -q "$(printf '\033')" out; ok "a dumb terminal gets plain text" $?
fi

run run; expect "run without a URL" 2 err "URL of an executor is missing"
run run loop://; expect "run without a program" 2 err "program to run is missing"
run run nonsense:// -- true; expect "run, a wrong URL" 2 err "nonsense"
run run 'threads://?bogus=1' -- true; expect "run, a wrong option" 2 err "bogus"
run run -x loop:// -- true; expect "run, an unknown option" 2 err "'-x'"
run run loop:// -- sh -c 'echo "is $TUTTI_EXECUTOR"'; expect "run sets the variable" 0 out "is loop://"
run run loop:// sh -c 'exit 7'; expect "run without --, its exit code" 7 - -
run run loop:// -- echo --help; expect "options of the program are its own" 0 out "--help"
run run auto -- sh -c 'echo "is $TUTTI_EXECUTOR"'; expect "run auto" 0 err "tutti: auto is "
grep -Eq '^is (threads|loop)://$' out; ok "... resolves" $?
run run -q auto -- true; expect "run -q auto" 0 - -
[ ! -s err ]; ok "... says nothing" $?
run run loop:// -- ./nowhere; expect "run, not found" 127 err "nowhere"
run run loop:// -- /dev/null; expect "run, not executable" 126 err "/dev/null"

tap_end
