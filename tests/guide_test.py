#!/usr/bin/env python3
"""guide_test.py - what the guides in docs/ show is what happens: their programs are
compiled, their commands run, and what these print compared: each line that is not
indented, numbers aside.  What is indented is one schedule of many.

    guide_test.py TUTTI GUIDE...
    guide_test.py --write TUTTI GUIDE...    write into the guides what is printed now

In a guide, `<!-- file: NAME -->` before a block of C makes the file; `<!-- change: NAME:
LINE -->` puts the block in the place of that line; in a block without a language, lines
that begin with `$ ` are run in a shell, and the others are what it prints.  A guide whose
output is wrong is planted and must be found.  Output in TAP.
"""
import os
import re
import subprocess
import sys
import tempfile
from tap import case, finish

BLOCK = re.compile(r'(?:<!-- (file|change): ([^\s:]+)(?:: (.*?))? -->\n)?'
                   r'```(\w*)\n(.*?)```\n', re.S)


def changed(text, line, block):
    """text with its line `line` replaced by block."""
    lines = text.splitlines(keepends=True)
    if [one.strip() for one in lines].count(line) != 1:
        raise SystemExit(f'not exactly one line is {line!r}')
    return ''.join(block if one.strip() == line else one for one in lines)


def commands(block):
    """(command, lines it prints) of a console block."""
    found = []
    for line in block.splitlines():
        if line.startswith('$ '):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


def shape(lines):
    """What of the lines must be the same each time."""
    kept = [line.rstrip() for line in lines if line.strip() and not line.startswith(' ')]
    for what, name in ((r'\d+\.[0-9a-f]{8}', 'SEED'), (r'[\d.,]*\d (us|ms|s)\b', 'N s'),
                       (r'failed in .*,', 'failed in FUNCTION,')):
        kept = [re.sub(what, name, line) for line in kept]
    return kept


def same(wanted, got):
    def bare(lines):
        return [re.sub(r'[\d.,]*\d', 'N', line).replace('switches', 'switch')
                for line in shape(lines)]
    return bare(wanted) == bare(got)


def run(command, tutti, folder):
    """The lines that a command of a guide prints."""
    path = os.path.dirname(tutti) + ':' + os.environ['PATH']
    build = os.path.dirname(os.path.dirname(tutti)) # as if it were installed
    libraries = f'{build}:{build}/hook:{build}/tls'
    done = subprocess.run(command, shell=True, cwd=folder, text=True, timeout=60,
                          env=dict(os.environ, PATH=path, NO_COLOR='1', COLUMNS='86',
                                   PKG_CONFIG_PATH=f'{build}/meson-uninstalled',
                                   LIBRARY_PATH=libraries, LD_LIBRARY_PATH=libraries),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.stdout.splitlines()


def follow(text, tutti, folder):
    """Of a guide that is followed: (what it would be now, what is wrong with it)."""
    wrong, files, new = [], {}, text
    for kind, name, line, language, block in BLOCK.findall(text):
        if kind:
            if kind == 'change':
                block = changed(files[name], line, block)
            files[name] = block
            with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                file.write(files[name])
        shown = ''
        for command, wanted in commands(block) if not language else []:
            got = run(command, tutti, folder)
            shown += '\n'.join(['$ ' + command] + [line.rstrip() for line in got]) + '\n'
            if not same(wanted, got):
                wrong += [f'$ {command}: wanted'] + wanted + ['but got'] + got
        if shown:
            new = new.replace(block, shown, 1)
    return new, wrong if new != text or '\n$ ' in text else ['the guide has no command']


def write(tutti, path):
    with open(path, encoding='utf-8') as file, tempfile.TemporaryDirectory() as folder:
        new, _ = follow(file.read(), tutti, folder)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(new)


def main():
    words = [word for word in sys.argv[1:] if word != '--write']
    if len(words) < 2:
        sys.exit(__doc__.strip())
    tutti = os.path.abspath(words[0])
    if '--write' in sys.argv:
        for path in words[1:]:
            write(tutti, path)
        return
    cases = [(path, open(path, encoding='utf-8').read(), True) for path in words[1:]]
    cases.append(('a planted guide', '```\n$ echo one\ntwo\n```\n', False))
    for path, text, right in cases:
        with tempfile.TemporaryDirectory() as folder:
            _, wrong = follow(text, tutti, folder)
        case(bool(wrong) != right, f'{os.path.basename(path)} '
             f'{"shows what happens" if right else "is found wrong"}', wrong)
    finish()


if __name__ == '__main__':
    main()
