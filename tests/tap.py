"""tap.py - how the tests of the examples speak: a line for each case, and the plan and the
exit status at their end."""
import sys

count = failed = 0


def case(good, name, why=''):
    global count, failed
    count, failed = count + 1, failed + (not good)
    print(f'{"ok" if good else "not ok"} {count} - {name}', flush=True)
    if not good and why:
        print('# ' + repr(why)[:700])


def finish():
    print(f'1..{count}')
    sys.exit(failed > 0)
