#!/usr/bin/env python3
"""layers_test.py - the rules of the tree that no compiler checks, over all files:

    arrows    an #include points down only (ARCHITECTURE.md draws the layers)
    ifs       src/ has #if only for include guards, __cplusplus, and in base and fiber,
              so that a file reads the same on every machine
    atomics   raw atomics only in base/atomic.h, whose names say the order
    memory    raw allocation only in base/memory.c, so that tests can make any fail
    tests     what a file of src/, hook/, explore/ or cli/ says tests it is there
    width     at most 100 columns, in every C and Python file of the tree
    length    at most 500 lines, there too
    screen    a function has at most 45 lines between its braces, in C but for tests and bench

Each rule is then tried on a small tree with a violation planted in it, and must see it:
a rule that cannot fail would be no test.

    layers_test.py [ROOT]
"""
import os
import re
import sys
import tempfile
from tap import case, finish

# What the files of a layer may include, apart from their own folder and <...>.
BELOW = {
    'base': [],
    'fiber': ['base'],
    'core': ['fiber', 'base'],
    'io': ['core', 'fiber', 'base'],
    'sync': ['io', 'core', 'fiber', 'base'],  # tutti_wait takes descriptors
    'sched': ['io', 'core', 'fiber', 'base'],  # a worker owns a poller
    'net': ['sync', 'io', 'core', 'fiber', 'base'],
    'exec': ['sched', 'io', 'sync', 'core', 'fiber', 'base'],
    'patterns': [],
    'hook': ['base'],  # a program's code but for the names of the atomics
    'explore': ['fiber', 'base'],  # a library of its own
}
# Who may include the public headers, <tutti.h> and below.
SEES_PUBLIC = ['core', 'io', 'sync', 'sched', 'net', 'exec', 'patterns', 'cli',
               'examples', 'include', 'hook']
IF_ALLOWED = ['base', 'fiber']
SOURCES = ('.c', '.h', '.S', '.hpp', '.cc')
# The folders with rules of layers, and those whose files have only a size.
LAYERED = ('src', 'cli', 'examples', 'include', 'hook', 'explore')
PLAIN = ('tls', 'tests', 'bench', 'docs', 'scripts')
WIDEST, LONGEST, SCREEN = 100, 500, 45

ATOMIC = re.compile(r'\b(memory_order_\w+|atomic_(?!int\b|uint\b|bool\b)\w+\s*\(|'
                    r'__atomic_\w+|__sync_\w+)')
MEMORY = re.compile(r'(?<![\w.>])(malloc|calloc|realloc|reallocarray|free|strdup|'
                    r'strndup|v?asprintf|aligned_alloc|posix_memalign)\s*\(')
TESTS = re.compile(r'\btests/[\w./-]*\w')
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')
CONDITION = re.compile(r'\s*#\s*(if|ifdef|ifndef|elif)\b\s*(.*)')


def strip(text):
    """text without comments and the insides of strings; lines keep their numbers."""
    def blank(match):
        kept = '""' if match.group(0)[0] in '"\'' else ' '
        return kept + '\n' * match.group(0).count('\n')
    comment = r'//[^\n]*|/\*.*?\*/'
    quoted = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(comment + '|' + quoted, blank, text, flags=re.S)


def layer_of(path):
    """The layer of a path relative to the root, or None when no rule holds for it."""
    parts = path.split('/')
    if parts[0] == 'src':
        return parts[1] if len(parts) > 2 else None
    return parts[0] if parts[0] in ('cli', 'examples', 'include', 'hook', 'explore') else None


def included_layer(root, path, name):
    """The layer that a quoted include of `name` in `path` reaches."""
    beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
    for there in (beside, 'src/' + name, 'include/' + name):
        if os.path.exists(os.path.join(root, there)):
            return layer_of(there) or there
    return name.split('/')[0] if '/' in name else layer_of(path)


def is_public(name):
    return name == 'tutti.h' or name == 'tutti.hpp' or name.startswith('tutti/')


def arrows(root, path, text, _bare):
    layer = layer_of(path)
    allowed = BELOW.get(layer, [])
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name = match.group(2)
        if is_public(name):
            if layer not in SEES_PUBLIC:
                yield number, f'{layer} includes the public header {name}'
        elif match.group(1) == '"' or name.split('/')[0] in BELOW:
            target = included_layer(root, path, name)
            if target != layer and target not in allowed:
                yield number, f'{layer} includes {name}, which is {target}'


def ifs(_root, path, text, bare):
    if layer_of(path) in IF_ALLOWED or not path.startswith('src/'):
        return
    lines = bare.splitlines()
    for number, line in enumerate(lines, 1):
        match = CONDITION.match(line)
        if not match or match.group(2).strip() == '__cplusplus':
            continue
        following = lines[number].split() if number < len(lines) else []
        guard = match.group(1) == 'ifndef' and path.endswith('.h') and \
            following[:2] == ['#define', match.group(2).strip()]
        if not guard:
            yield number, 'a condition outside base and fiber: ' + line.strip()


def pattern_rule(pattern, home, what):
    def rule(_root, path, _text, bare):
        if not path.startswith('src/') or path.startswith(home):
            return
        for number, line in enumerate(bare.splitlines(), 1):
            match = pattern.search(line)
            if match:
                yield number, f'{what} outside {home}: {match.group(0).strip(" (")}'
    return rule


def tests(root, path, text, _bare):
    if not path.startswith(('src/', 'hook/', 'explore/', 'cli/')):
        return
    for number, line in enumerate(text.split('*/')[0].splitlines(), 1):
        for name in TESTS.findall(line):
            if not os.path.exists(os.path.join(root, name)):
                yield number, f'there is no {name}'


def width(_root, _path, text, _bare):
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > WIDEST:
            yield number, f'{len(line)} columns'


def length(_root, _path, text, _bare):
    lines = text.count('\n')
    if lines > LONGEST:
        yield lines, 'too long, cut it by subject'


def screen(_root, path, text, _bare):
    begin = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line == '{':
            begin = number
        elif line == '}' and begin:
            if number - begin - 1 > SCREEN:
                yield begin, f'a function of {number - begin - 1} lines'
            begin = 0


RULES = {
    'arrows': arrows,
    'ifs': ifs,
    'atomics': pattern_rule(ATOMIC, 'src/base', 'a raw atomic'),
    'memory': pattern_rule(MEMORY, 'src/base', 'raw allocation'),
    'tests': tests,
    'width': width,
    'length': length,
    'screen': screen,
}

# (rule, file, line that violates it); each must be found, alone.
PLANTED = [
    ('arrows', 'src/base/x.c', '#include "core/wait.h"'),
    ('arrows', 'src/base/x.c', '#include <tutti.h>'),
    ('arrows', 'src/fiber/x.c', '#include "../core/wait.h"'),
    ('arrows', 'src/core/x.c', '#  include "sched/worker.h"'),
    ('arrows', 'src/core/x.c', '#include <exec/url.h>'),
    ('arrows', 'src/sync/x.c', '#include "sched/worker.h"'),
    ('arrows', 'src/io/x.c', '#include "sched/worker.h"'),
    ('arrows', 'src/sync/x.c', '#include "exec/url.h"'),
    ('arrows', 'src/patterns/x.c', '#include "core/wait.h"'),
    ('arrows', 'cli/x.c', '#include "base/clock.h"'),
    ('arrows', 'hook/x.c', '#include "core/wait.h"'),
    ('arrows', 'examples/x.c', '#include "../src/base/clock.h"'),
    ('arrows', 'include/tutti/x.h', '#include "core/wait.h"'),
    ('arrows', 'src/core/x.c', '#include "elsewhere/x.h"'),
    ('arrows', 'explore/x.c', '#include "core/wait.h"'),
    ('arrows', 'explore/x.c', '#include <tutti.h>'),
    ('arrows', 'src/core/x.c', '#include "explore/y.h"'),
    ('ifs', 'src/core/x.c', '#if defined(__x86_64__)'),
    ('ifs', 'src/core/x.h', '#ifdef NDEBUG'),
    ('ifs', 'src/exec/x.c', '#ifndef X_H\n#include <stdio.h>\n#endif'),
    ('atomics', 'src/core/x.c', 'y = atomic_load_explicit(p, memory_order_relaxed);'),
    ('atomics', 'src/sync/x.c', 'int y = atomic_fetch_add(p, 1);'),
    ('atomics', 'src/sched/x.c', '__atomic_store_n(p, 1, 0);'),
    ('memory', 'src/core/x.c', 'void *p = malloc(3);'),
    ('memory', 'src/exec/x.c', 'char *s = strdup ("x");'),
    ('memory', 'src/patterns/x.c', 'free(p);'),
    ('tests', 'src/core/x.c', '/* x.  Tests: tests/y_test.c, tests/cells/. */'),
    ('tests', 'explore/x.c', '/* x.  Tests: tests/y_test.c. */'),
    ('width', 'src/core/x.c', 'int x;\n/*' + ' -' * 48 + ' */'),  # 101 columns
    ('width', 'tests/x.py', 'x = 0\n#' + ' -' * 50),
    ('length', 'bench/x.c', 'int x;\n' * 501),
    ('screen', 'src/core/x.c', 'int x(void)\n{\n' + '    y();\n' * 46 + '}'),
    ('screen', 'tls/x.c', 'int x(void)\n{\n' + '    y();\n' * 46 + '}'),
]
# Lines that no rule may complain about.
INNOCENT = [
    ('src/core/x.h', '#ifndef X_H\n#define X_H\n#include "base/clock.h"\n#endif'),
    ('src/core/x.c', '#include "wait.h"\n#include "core/wait.h"\n#include <tutti.h>'),
    ('src/core/x.c', '/* malloc(3) would hang; memory_order_relaxed too\n#if 0 */'),
    ('src/core/x.c', 'say("malloc(3) #if", ops->free(p), o.free(p), memory_free(p));'),
    ('src/core/x.c', '_Atomic int a; atomic_bool b; y = load_acquire(&a);'),
    ('src/base/x.c', '#if defined(__x86_64__)\n#endif\nfree(malloc(3));'),
    ('src/base/x.c', '/* x.  Tests: tests/x_test.c. */\n/* not in tests/y_test.c */'),
    ('src/fiber/x.c', '#ifdef __SANITIZE_THREAD__\n#endif\n#include "base/clock.h"'),
    ('src/exec/x.c', '#include "sched/worker.h"\n#include "io/poll.h"'),
    ('src/patterns/x.c', '#include <tutti/patterns.h>\n#include <sys/types.h>'),
    ('explore/x.c', '#include "y.h"\n#include "fiber/inside.h"\n#if 1\n#endif'),
    ('cli/x.c', '#include "y.h"\n#include <tutti.h>\np = malloc(3);\n#if 1\n#endif'),
    ('hook/x.c', '#include "base/clock.h"\n#include <tutti/sync.h>\np = malloc(3);'),
    ('include/tutti/x.h', '#ifdef __cplusplus\n#endif\n#include <tutti.h>'),
    ('src/core/x.c', 'int x;\nsay("' + '\u00e4' * 92 + '");'),  # 100 columns, more bytes
    ('tests/x.c', 'int x;\n#if 1\n#endif\nfree(p);'),
    ('tests/x.py', 'x = 0' + '\n' * 499),
    ('explore/x.c', 'int x(void)\n{\n' + '    y();\n' * 45 + '}\nint y[] = {' + '\n' * 50 + '};'),
    ('tests/x.c', 'int x(void)\n{\n' + '    y();\n' * 60 + '}'),
]


def has_rule(rule, path):
    if rule in ('width', 'length'):
        return path.endswith(SOURCES + ('.py',))
    if rule == 'screen':
        return path.endswith(SOURCES) and not path.startswith(('tests/', 'bench/'))
    return path.endswith(SOURCES) and layer_of(path) is not None


def violations(root, rule):
    for top in LAYERED + PLAIN:
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), root)
                if not has_rule(rule, path):
                    continue
                with open(os.path.join(root, path), encoding='utf-8') as file:
                    text = file.read()
                for number, what in RULES[rule](root, path, text, strip(text)):
                    yield f'{path}:{number}: {what}'


def plant(root, path, text):
    where = os.path.join(root, path)
    os.makedirs(os.path.dirname(where), exist_ok=True)
    with open(where, 'w', encoding='utf-8') as file:
        file.write(text + '\n')


def found_in(path, text):
    """The rules that complain about one file with this text."""
    with tempfile.TemporaryDirectory() as root:
        for header in ('core/wait.h', 'base/clock.h', 'sched/worker.h', 'io/poll.h',
                       'exec/url.h'):
            plant(root, 'src/' + header, '')
        plant(root, 'tests/x_test.c', '')
        plant(root, os.path.join(os.path.dirname(path), 'y.h'), '')
        plant(root, path, text)
        return [rule for rule in RULES if list(violations(root, rule))]


def main():
    above = os.path.join(os.path.dirname(__file__), '..')
    root = sys.argv[1] if len(sys.argv) > 1 else above
    for rule in RULES:
        bad = list(violations(root, rule))
        case(not bad, rule, bad)
    for rule, path, text in PLANTED:
        found = found_in(path, text)
        case(found == [rule], f'{rule} sees {text.splitlines()[0]} in {path}',
             [f'found by {found}'] if found != [rule] else [])
    for path, text in INNOCENT:
        found = found_in(path, text)
        case(not found, f'no rule minds {text.splitlines()[0]} in {path}',
             [f'minded by {found}'] if found else [])
    finish()


if __name__ == '__main__':
    main()
