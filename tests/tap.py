"""tap.py - how the tests in Python speak: a line for each case, and the plan and the exit
status at their end."""
import sys

count = failed = 0


def case(good, name, why=''):
    """why is printed where the case does not hold: a text, a list of lines, or what has a
    repr."""
    global count, failed
    count, failed = count + 1, failed + (not good)
    print(f'{"ok" if good else "not ok"} {count} - {name}', flush=True)
    if not good and why:
        lines = why.splitlines() if isinstance(why, str) else \
            why if isinstance(why, list) else [repr(why)[:700]]
        print(''.join(f'# {line}\n' for line in lines), end='', flush=True)


def finish():
    print(f'1..{count}')
    sys.exit(failed > 0)
