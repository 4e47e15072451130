#!/bin/sh
# cc_test.sh TUTTI - `tutti cc` hands on what it does not know, compiles with the flag
# and links without it, and `tutti explore` refuses in one sentence what it cannot run.
# Output in TAP.
. "$(dirname "$0")/tap.sh"
tutti=$(realpath "$1")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset NO_COLOR TUTTI_EXPLORE LD_LIBRARY_PATH
CC=${CC:-cc}
export CC

ok() { # NAME RC: 0 is good
    tap "$2" "$1" || tap_why out err
}

run() { # ARG...: tutti with these
    "$tutti" "$@" >out 2>err </dev/null
    rc=$?
}

expect() { # NAME CODE FILE TEXT: the last run's exit code, and text in out or err
    [ "$rc" -eq "$2" ] && { [ "$3" = - ] || grep -qF -- "$4" "$3"; }
    ok "$1" $?
}

says() { # NAME TEXT: exit code 2 and one line on stderr that has TEXT
    [ "$rc" -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -- "$2" err
    ok "$1" $?
}

cat >count.c <<'EOF'
#include <pthread.h>
int count;
void *add(void *arg) { count++; return arg; }
#ifndef PART
int main(int argc, char **argv)
{
    pthread_t thread;
    pthread_create(&thread, 0, add, argv);
    if (argc > NUMBER) add(0);
    pthread_join(thread, 0);
    return 0;
}
#endif
EOF
cat >bye.c <<'EOF'
#include <stdio.h>
#include <stdlib.h>
static void bye(void) { puts("bye"); }
int main(void)
{
    volatile size_t most = -1;
    atexit(bye);
    void *volatile none = malloc(most);
    return none != NULL;
}
EOF
cp count.c plain.txt
mkdir include && echo '#define NUMBER 0' >include/number.h

run cc -include include/number.h -o a count.c; expect "compile and link" 0 - -
[ -x a ] && ! ldd ./a | grep -q libtsan; ok "... without the sanitizer's library" $?
nm a | grep -q __tsan_; ok "... with its calls" $?
./a; ok "... which runs by itself" $?
run explore ./a; expect "a race is found" 1 out "race"
run cc bye.c -o bye; expect "a program with an exit handler" 0 - -
[ "$(./bye)" = bye ]; ok "... which runs when nothing is explored" $?
run explore ./bye; expect "... and no memory is had for the largest size" 0 - -

# A program that just runs loses the calls that do nothing: it counts its own to two hooks.
cat >quiet.c <<'EOF'
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
void __tsan_write4(void *);
int __tsan_atomic32_load(const volatile int *, int);
int plain[2];
_Atomic signed char c = -1; _Atomic short s = -2; atomic_int i = -3; atomic_long l = -4;
__attribute__((noinline)) long work(int n)
{
    plain[0] = n;
    plain[1] += plain[0];
    return plain[1] + atomic_load(&c) + atomic_load(&s) + atomic_load(&i) + atomic_load(&l);
}
static int calls(void *hook)
{
    int n = 0, far;
    for (char *at = (char *)work; at < (char *)work + 200; at++) {
        memcpy(&far, at + 1, 4);
        n += *at == (char)0xe8 && at + 5 + far == (char *)hook;
    }
    return n;
}
#ifndef PART
int main(void)
{
    long sum = work(20) + work(21);
    printf("%ld %d\n", sum, (calls((void *)__tsan_write4) > 0)
           + 2 * (calls((void *)__tsan_atomic32_load) > 0));
}
#else
int part(void) { return work(1) == -9 && !calls((void *)__tsan_write4); }
#endif
EOF
run cc quiet.c -o quiet; expect "a program that counts calls of hooks" 0 - -
[ "$(./quiet)" = "41 0" ]; ok "... has none when nothing is explored" $?
run explore --schedules 5 ./quiet; expect "... and is explored as ever" 0 out "nothing failed"
run cc -s quiet.c -o loud; [ "$(./loud)" = "41 3" ]; ok "... keeps them without symbols" $?
cp quiet cut2; printf '\377\377\377\377' | dd of=cut2 bs=1 seek=40 conv=notrunc 2>/dev/null
[ "$(./cut2)" = "41 3" ]; ok "... and with section headers that are nowhere" $?
run cc -shared -fPIC -DPART quiet.c -o libquiet.so
echo 'int part(void); int main(void) { return !part(); }' >parted.c
run cc parted.c ./libquiet.so -o parted; ./parted; ok "... nor has a library" $?
run cc -c -I include -include number.h count.c; expect "compile alone" 0 - -
[ -f count.o ] && nm count.o | grep -q __tsan_; ok "... with the sanitizer's calls" $?
run cc count.o -o b -lm; expect "link alone" 0 - -
run explore ./b; expect "... can be explored" 1 out "race"
run cc -DPART -c count.c -o part.o; run cc -DNUMBER=0 -Dadd=add2 -Dcount=count2 count.c part.o -o c
expect "a source and an object" 0 - -
run cc -DNUMBER=0 -x c plain.txt -o d; expect "-x c" 0 - -
run cc -DNUMBER=0 -fsanitize=thread count.c -o e; expect "its own flag twice" 0 - -
! ldd ./e | grep -q libtsan; ok "... is taken off for the linker" $?
run cc -E -DNUMBER=0 count.c; expect "-E" 0 out "pthread_create"
run cc --version; expect "--version is the compiler's" 0 out .
(mkdir t && TMPDIR=$work/t "$tutti" cc -DNUMBER=0 count.c -o f) >out 2>err
[ -x f ] && [ -z "$(ls t)" ]; ok "nothing is left in TMPDIR" $?
echo 'int main(void) { return ERROR; }' >wrong.c
run cc wrong.c -o wrong; expect "the compiler's error" 1 err "ERROR"
[ ! -e wrong ]; ok "... and nothing is made" $?
run cc -DNUMBER=0 count.c -o none/x; expect "the linker's error" 1 err "none/x"
run cc; expect "cc without words" 2 err "what to compile is missing"
run cc -static count.c; expect "cc -static" 2 err "'-static' does not go"
for word in -flto -flto=auto; do
    run cc $word count.c; expect "cc $word" 2 err "'$word' does not go"
done
run cc -flto -fno-lto -DNUMBER=0 count.c -o nolto; expect "cc -flto -fno-lto" 0 - -
run cc @words; expect "cc @file" 2 err "'@words' does not go"
run cc --help; expect "cc --help" 0 out "Usage: tutti cc"
CC=./nowhere run cc count.c; expect "no such compiler" 127 err "'./nowhere'"
CC=/dev/null run cc count.c; expect "a compiler that is none" 126 err "'/dev/null'"
CC="env $CC" run cc -DNUMBER=0 -c count.c; expect "CC of two words" 0 - -

run explore ./b
seed=$(sed -n 's/^replay: tutti explore --replay \([^ ]*\) .*/\1/p' out)
run explore ./b; expect "a failure names its replay" 1 out "replay: tutti explore --replay $seed"
run explore --replay "$seed" ./b; expect "... which shows it again" 1 out "data race"
grep -q "thread 0 *thread 1" out; ok "... in columns" $?
grep -q "count.c:3:  void \*add" out; ok "... with the text of the line" $?
run explore --replay "$seed" ./c; [ "$rc" -eq 2 ] && grep -q "another build" err
ok "a seed of another build" $?
run explore --replay nonsense ./a; expect "no seed at all" 2 err "that is not a seed"
run explore --json ./b; expect "--json" 1 out '"kind": "race"'
python3 -c "import json; json.load(open('out'))" 2>>err; ok "... parses" $?
run explore --color=always ./b; grep -q "$(printf '\033')\[1;31mFAILED" out
ok "--color=always" $?
run explore ./b; ! grep -q "$(printf '\033')" out; ok "no colour that is no terminal" $?
[ ! -s err ]; ok "nothing on stderr that is no terminal" $?
run explore --schedules 50 ./b -- --x y; expect "words behind -- are the program's" 1 out \
    "./b -- --x y"
sed 's/count++/__sync_fetch_and_add(\&count, 1)/' count.c >good.c
run cc -DNUMBER=9 good.c -o good; run explore ./good --schedules 300
expect "nothing to find" 0 out "nothing failed in"
if command -v gdb >/dev/null; then
    run explore --replay "$seed" --gdb ./b; expect "--gdb stops in gdb" 0 out SIGTRAP
    grep -q "^#[0-9]* .* in add (arg" out; ok "... in the program's own frame" $?
fi
if command -v script >/dev/null; then
    script -qec "'$tutti' explore --seconds 1.2 ./good" typed </dev/null >out
    grep -q " schedules, .*/s, " out; ok "on a terminal there is progress" $?
fi

for words in "" "--schedules 0 ./a" ./nowhere "--replay 5.00000001 ./a" "--strategy x ./a" \
    "--colour ./a" /bin/sh; do
    run explore --json $words
    [ "$rc" -eq 2 ] && python3 -c "import json; assert len(json.load(open('out'))['error']) > 9"
    ok "--json $words: the sentence is the report" $?
done
$CC -fsanitize=thread -DNUMBER=0 -c count.c -o bare.o
$CC bare.o -o bare -L"$(dirname "$tutti")/../explore" -ltutti-explore
run explore ./bare; expect "the library is not found" 2 err "link it with -Wl,-rpath,"
run explore ./good --schedules 7; expect "as many schedules as asked for" 0 out "in 7 schedules"
cat >loads.c <<'EOF'
#include <dlfcn.h>
int main(void)
{
    void *library = dlopen("./libadd.so", RTLD_NOW);
    int (*add)(void) = library ? (int (*)(void))dlsym(library, "add") : 0;
    return !add || add() != 1;
}
EOF
echo 'static int count; int add(void) { return ++count; }' >add.c
run cc -shared -fPIC -o libadd.so add.c; expect "a library" 0 - -
run cc -o loads loads.c; ./loads; ok "... which runs" $?
run explore --schedules 50 ./loads; expect "... is as new in each schedule" 0 out "loaded while main runs"
run explore; expect "explore without a program" 2 err "the program to explore is missing"
run explore --schedules 0 ./a; expect "--schedules 0" 2 err "'0'"
run explore ./a --schedules 10x; expect "--schedules 10x" 2 err "'10x'"
run explore --seconds -1 ./a; expect "--seconds -1" 2 err "'-1'"
run explore --seconds nan ./a; expect "--seconds nan" 2 err "'nan'"
printf 'void __tsan_of_tomorrow(void); int main(void) { __tsan_of_tomorrow(); }\n' >new.c
printf 'void __tsan_of_tomorrow(void) {}\n' >later.c
$CC -shared -fPIC -o liblater.so later.c
run cc -o new new.c -L. -llater -Wl,-rpath,.
run explore ./new; says "a missing symbol" "calls __tsan_of_tomorrow, which"
real=$CC
CC="$tutti cc" TUTTI_CC=$real
export TUTTI_CC
run cc -o named -DNUMBER=0 count.c -lpthread
expect "CC names tutti cc itself" 0 - -
printf '#!/bin/sh\nexec %s cc "$@"\n' "$tutti" >again && chmod +x again
CC=./again run cc -o named -DNUMBER=0 count.c
says "a compiler that is tutti cc by another name" "is 'tutti cc' itself"
CC=$real
unset TUTTI_CC
run explore --seed many ./a; expect "--seed many" 2 err "'many'"
run explore --strategy a,b ./a; expect "--strategy a,b" 2 err "'a,b'"
run explore --strategy nonsense ./a; expect "--strategy nonsense" 2 err "nonsense"
run explore --gdb ./a; expect "--gdb without --replay" 2 err "needs the --replay"
run explore --bogus ./a; expect "an unknown option" 2 err "'--bogus'"
run explore ./a --verbose; expect "an option of the program" 2 err "behind '--'"
run explore --color=loud ./a; expect "--color=loud" 2 err "'loud'"
run explore --help; expect "explore --help" 0 out "Usage: tutti explore"
run explore ./nowhere; says "no such program" "'./nowhere': No such file"
run explore a; says "a program of this folder" "did you mean ./a"
run explore .; says "a folder" "'.': Is a directory"
cp a b2; chmod -x b2; run explore ./b2; says "not executable" "Permission denied"
printf '#!/bin/sh\n' >script; chmod +x script; run explore ./script
says "a script" "no compiled program"
$CC -DNUMBER=0 count.c -o none -lpthread; run explore ./none
says "not built for it" "compile and link it with 'tutti cc'"
if $CC -fsanitize=thread -DNUMBER=0 count.c -o tsan 2>/dev/null; then
    run explore ./tsan
    [ "$rc" -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q "tutti cc" err
    ok "linked with the sanitizer's library" $?
fi
$CC -DNUMBER=0 -c count.c -o flagless.o; run cc flagless.o -o flagless; run explore ./flagless
says "linked but not compiled for it" "compiled without -fsanitize=thread"
head -c 3000 a >cut; chmod +x cut; run explore ./cut; [ "$rc" -eq 2 ]; ok "a cut program" $?
: >empty; chmod +x empty; run explore ./empty; says "an empty file" "no compiled program"

tap_end
