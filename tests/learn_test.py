#!/usr/bin/env python3
"""learn_test.py - examples/learn: data whose outcome is known beforehand (apart, mixed by
chance, crossed), the same answers to the last bit on every executor, the forms a file may
have, and a sentence for each that makes no sense.

    learn_test.py EXAMPLES_DIRECTORY
"""
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from tap import case, finish

BIN = os.path.join(sys.argv[1], 'learn')
EXECUTORS = ('loop://', 'threads://2', 'threads://2?lock=interpreter', 'processes://2')
WAYS = ('nearest neighbours', 'naive Bayes', 'logistic regression', 'linear SVM',
        'random forest')
LIMIT = float(os.environ.get('CHECK_TIMEOUT', 100)) # more where all is slower


def run(*words):
    return subprocess.run([BIN, *words], capture_output=True, text=True, timeout=LIMIT)


def answer(*words, executor='serial'):
    done = run('--json', '--executor', executor, *words)
    return json.loads(done.stdout)['answer'] if done.returncode == 0 else done.stderr


def shares(text):
    """What was right, in percent, by way."""
    return [float(re.search(way + r' ([\d.]+)%', text)[1]) for way in WAYS]


def write(path, rows, line=lambda row: ','.join(map(str, row))):
    with open(path, 'w') as f:
        f.writelines(line(row) + '\n' for row in rows)


def sparse(row):
    return f'{row[-1]} ' + ' '.join(f'{i + 1}:{x}' for i, x in enumerate(row[:-1]) if x)


def check_outcomes(folder):
    path = os.path.join(folder, 'data')
    draw = random.Random(7)
    apart = [[draw.random() + 5 * c, draw.random() * 1e6, c] for c in (0, 1, 2)
             for _ in range(60)]
    write(path, apart)
    got = shares(answer(path))
    case(min(got) >= 97, 'classes that lie apart are told apart by all', got)
    write(path, [[draw.random(), draw.random(), i % 2] for i in range(400)])
    got = shares(answer(path))
    case(min(got) > 35 and max(got) < 65, 'chance cannot be learnt by any', got)
    crossed = [[x, y, int((x > 0) != (y > 0))] for x, y in
               ((draw.uniform(-1, 1), draw.uniform(-1, 1)) for _ in range(400))]
    write(path, crossed)
    got = shares(answer(path))
    case(got[0] > 90 and got[4] > 90 and max(got[2:4]) < 70,
         'crossed classes are beyond a line, not beyond neighbours and trees', got)
    write(path, [[1, draw.random() + c, c] for c in (0, 1) for _ in range(50)])
    case(all(share > 80 for share in shares(answer(path))), 'a column that never changes')
    few = [[draw.random() + c, 'often' if c < 9 else 'rare'] for c in range(10)
           for _ in range(5)]
    write(path, few + [[99, 'once']])
    case(all(share > 60 for share in shares(answer(path))), 'a class that is there once')


def check_same(folder):
    places = ('/usr/share/doc/liblinear-tools/examples/heart_scale',
              '/usr/lib/python3/dist-packages/sklearn/datasets/data/iris.csv')
    path = os.path.join(folder, 'same')
    draw = random.Random(3)
    write(path, [[draw.gauss(c, 1) for _ in range(7)] + [f'class {c}'.replace(' ', '-')]
                 for c in range(4) for _ in range(50)])
    for data in [path] + [p for p in places if os.path.exists(p)]:
        want = answer('--size', '7', data)
        case('answers' in want and min(shares(want)) > 50, f'{os.path.basename(data)} serially',
             want)
        for executor in EXECUTORS:
            got = answer('--size', '7', data, executor=executor)
            case(got == want, f'{os.path.basename(data)} on {executor}: the same bits',
                 (got, want))


def check_forms(folder):
    draw = random.Random(5)
    rows = [[draw.gauss(c, 1), 0, draw.gauss(-c, 2), c] for c in (0, 1) for _ in range(40)]
    def path(name):
        return os.path.join(folder, name)
    write(path('a.csv'), rows)
    write(path('semicolons'), rows, lambda row: ';'.join(map(str, row)))
    write(path('spaces'), rows, lambda row: ' \t'.join(map(str, row)) + '\r')
    write(path('sparse'), rows, sparse)
    with open(path('a.csv')) as f:
        text = f.read()
    with open(path('names.csv'), 'w') as f:
        f.write('one,two,three,what it is\n\n' + text.rstrip('\n'))
    with gzip.open(path('packed.csv.gz'), 'wt') as f:
        f.write(text)
    want = answer(path('a.csv'))
    for name in ('semicolons', 'spaces', 'names.csv', 'packed.csv.gz', 'sparse'):
        got = answer(path(name))
        case(got == want, f'{name}: the same as plain CSV', (got, want))
    done = run('--picture', path('p.svg'), path('a.csv'))
    tree = xml.etree.ElementTree.parse(path('p.svg'))
    words = ''.join(tree.getroot().itertext())
    case(done.returncode == 0 and all(way in words for way in WAYS), 'the picture is SVG',
         done.stderr)
    case(all(way in done.stdout for way in WAYS) and 'CPU time' in done.stdout, 'the table',
         done.stdout)


def check_refusals(folder):
    path = os.path.join(folder, 'bad')
    good = '1,2,a\n3,4,b\n' * 20
    bad = {
        'no number': (good + '1,x,a\n', 'line 41'),
        'not finite': (good + '1,nan,a\n', 'line 41'),
        'other columns': (good + '1,2,3,a\n', 'line 41'),
        'one class': ('1,2,a\n' * 50, 'two are the least'),
        'few rows': ('1,2,a\n3,4,b\n', 'the least'),
        'empty': ('', 'classes'),
        'one column': ('a\nb\n' * 20, 'columns'),
        'many classes': (''.join(f'1,2,c{i}\n' for i in range(100)), 'more than 64'),
        'a long line': ('1,' * 70000 + 'a\n', 'line 1'),
        'column 0': ('1 0:3\n' * 30, 'column:value'),
        'column of a million': ('1 1000000:3\n' * 30, 'column:value'),
        'zero bytes': (good + '\0\0\0\n', ''),
    }
    for name, (text, word) in bad.items():
        with open(path, 'w') as f:
            f.write(text)
        done = run(path)
        fine = done.returncode == 2 and word in done.stderr and done.stderr.count('\n') == 1
        case(fine or (not word and done.returncode in (0, 2)), f'refused: {name}', done)
    with open(path, 'wb') as f:
        f.write(gzip.compress(good.encode() * 200)[:100])
    done = run(path)
    case(done.returncode == 2, 'refused: packed and cut off', done)
    for words in (['/none/at/all'], [folder], ['a', 'b'], ['--size', '0']):
        done = run(*words)
        case(done.returncode == 2 and done.stderr.count('\n') == 1, f'refused: {words[0]}', done)
    done = run('--picture', '/none/at/all.svg', '--size', '1', '--executor', 'loop://')
    case(done.returncode == 1 and '/none/at/all.svg' in done.stderr, 'no place for the picture',
         done)


os.environ.pop('TUTTI_EXECUTOR', None)
with tempfile.TemporaryDirectory() as scratch:
    check_outcomes(scratch)
    check_same(scratch)
    check_forms(scratch)
    check_refusals(scratch)
finish()
