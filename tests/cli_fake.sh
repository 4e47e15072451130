#!/bin/sh
# cli_fake.sh - stands in for an example program, for the tests of the command.  Copied
# under the name of a program; FAKE_<name> says how it shall misbehave.  It prints the line
# that examples print, with figures made up from the executor.
name=$(basename "$0") executor=none picture=
while [ $# -gt 0 ]; do
    case $1 in
    --executor) executor=$2; shift ;;
    --picture) picture=$2; shift ;;
    esac
    shift
done
eval "how=\${FAKE_$name:-fine}"
seconds=2.0 cpu=2.0 workers=1 started=0 switches=0 answer=42
case $executor in
loop://) seconds=2.02 started=8 switches=9 ;;
threads://) seconds=1.0 cpu=1.98 workers=2 started=8 switches=11 ;;
threads://*) seconds=2.1 workers=2 started=8 switches=12 ;;
esac
case $how in
io) cpu=0.01 ;;
esac
if [ "$executor" = threads:// ]; then
    case $how in
    crash) echo "about to fall" >&2; kill -SEGV $$ ;;
    term) kill -TERM $$ ;;
    hang) sleep 1000 & echo $! >"$FAKE_PIDS"; wait ;;
    differ) answer=41 ;;
    garbage) echo "not JSON"; exit 0 ;;
    lacks) echo '{"kind":"CPU","what":"x","answer":"42"}'; exit 0 ;;
    loud) yes | head -c 3000000; exit 0 ;;
    bytes) printf '\377\n' >&2; exit 4 ;;
    exit3) echo "no such thing" >&2; exit 3 ;;
    esac
fi
[ "$how" = serial_crash ] && kill -ABRT $$
# the smallest picture there is: one pixel
[ -n "$picture" ] && printf '\211PNG\r\n\032\n' >"$picture"
cat <<END
{"program":"$name","kind":"CPU","what":"<8> \"parts\"","answer":"$answer","seconds":$seconds,"cpu_seconds":$cpu,"workers":$workers,"switches":$switches,"started":$started,"picture":"$picture"}
END
