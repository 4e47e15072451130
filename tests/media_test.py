#!/usr/bin/env python3
"""media_test.py - examples/media: the same sheet from every executor, what is in it, PNG of
every kind, pictures cut off and spoilt in hundreds of ways, and libjpeg ending worker after
worker while all other pictures come through.

    media_test.py EXAMPLES_DIRECTORY
"""
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from tap import case, finish

BIN = os.path.join(sys.argv[1], 'media')
EXECUTORS = ('loop://', 'threads://2', 'threads://2?lock=interpreter', 'processes://2')
CELL = 104
LIMIT = float(os.environ.get('CHECK_TIMEOUT', 100)) # more where all is slower


def run(*words):
    return subprocess.run([BIN, *words], capture_output=True, text=True, timeout=LIMIT)


def answer(*words):
    done = run('--json', *words)
    return json.loads(done.stdout)['answer'] if done.returncode == 0 else done.stderr


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def write(path, data):
    with open(path, 'wb') as f:
        f.write(data)


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png(width, height, depth, kind, rows, more=b''):
    """rows: bytes of each, without the filter's byte."""
    head = struct.pack('>IIBBBBB', width, height, depth, kind, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + more +
            chunk(b'IDAT', zlib.compress(b''.join(b'\0' + row for row in rows))) +
            chunk(b'IEND', b''))


def points(path):
    """A sheet as rows of (r, g, b): 8 bits, no interlacing."""
    data, at, packed = read(path), 8, b''
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b'IHDR':
            width, height = struct.unpack('>II', body[:8])
        packed += body if kind == b'IDAT' else b''
        at += size + 12
    raw, line, rows = zlib.decompress(packed), bytearray(width * 3), []
    for y in range(height):
        start = y * (width * 3 + 1)
        how, now = raw[start], bytearray(raw[start + 1:start + 1 + width * 3])
        for x in range(width * 3 if how else 0):
            left, up, corner = (now[x - 3], line[x], line[x - 3]) if x > 2 else (0, line[x], 0)
            near = min((abs(up - corner), 0, left), (abs(left - corner), 1, up),
                       (abs(left + up - 2 * corner), 2, corner))[2]
            now[x] = now[x] + (0, left, up, (left + up) // 2, near)[how] & 255
        line = now
        rows.append([tuple(now[x:x + 3]) for x in range(0, width * 3, 3)])
    return rows


def check_same(folder):
    seen = []
    for executor in ('serial',) + EXECUTORS:
        sheet = os.path.join(folder, f'p{len(seen)}.png')
        got = answer('--executor', executor, '--size', '60', '--picture', sheet)
        seen.append((got, read(sheet) if os.path.exists(sheet) else None))
        case(seen[-1] == seen[0] and seen[0][1], f'{executor}: the same answer and sheet', got)
    case('14 broken, 2 damaged, 22 with notes of a camera' in seen[0][0], 'what is in it',
         seen[0][0])


def check_kinds(folder):
    """Each kind of PNG, its left half dark and its right half light."""
    os.mkdir(folder)
    halves = [bytes([20] * 16 + [220] * 16)] * 32
    names = ['alpha', 'bit', 'deep', 'grey', 'palette', 'rgb']
    files = [png(32, 32, 8, 6, [b'\0\0\0\xff' * 16 + b'\1\2\3\0' * 16] * 32),
             png(32, 32, 1, 0, [b'\0\0\xff\xff'] * 32),
             png(32, 32, 16, 0, [b'\0\0' * 16 + b'\xff\xff' * 16] * 32),
             png(32, 32, 8, 0, halves),
             png(32, 32, 8, 3, [bytes([1] * 16 + [0] * 16)] * 32,
                 chunk(b'PLTE', b'\xff\xff\xff\0\0\0')),
             png(32, 32, 8, 2, [b'\x10\x10\x10' * 16 + b'\xf0\xf0\xf0' * 16] * 32)]
    for name, data in zip(names, files):
        write(os.path.join(folder, name + '.png'), data)
    sheet = folder + '.png'
    got = answer('--executor', 'loop://', '--picture', sheet, folder)
    rows = points(sheet)
    for i, name in enumerate(names):
        x, y = i % 3 * CELL + CELL // 2, i // 3 * CELL + CELL // 2
        dark, light = rows[y][x - 8], rows[y][x + 8]
        case(max(dark) < 60 and min(light) > 180, f'{name}: dark left, light right',
             (got, dark, light))


def check_index(folder, pictures):
    odd = os.path.join(pictures, '<b>&"x.png')
    write(odd, png(1, 1, 8, 0, [b'\0']))
    write(os.path.join(pictures, 'empty.JPG'), b'')
    got = answer('--executor', 'threads://2', pictures, folder)
    page = read(os.path.join(folder, 'index.html')).decode()
    small = [name for name in os.listdir(folder) if name.endswith('.jpg')]
    case('1 broken' in got and page.count('<figure>') == len(small) + 1, 'a picture each', got)
    case('<b>' not in page and '&#60;b&#62;&#38;&#34;x.png' in page, 'names are escaped')
    case(all(read(os.path.join(folder, name))[:3] == b'\xff\xd8\xff' for name in small),
         'small pictures are JPEG')
    case(all(f'src="{name}"' in page for name in small) and '; broken: empty' in page,
         'the index names all')


def make_pictures(folder):
    """What the program made up for itself, kept: a sheet of it has JPEGs to start from."""
    sheet = os.path.join(folder, 'seed')
    write(os.path.join(folder, 'a.png'), png(200, 150, 8, 2, [
        bytes(random.Random(y).randbytes(600)) for y in range(150)]))
    run('--executor', 'serial', folder, sheet)
    jpeg = read(os.path.join(sheet, '000000.jpg'))
    case(jpeg[:3] == b'\xff\xd8\xff', 'a JPEG to begin with')
    return jpeg, read(os.path.join(folder, 'a.png'))


def spoilt(folder, seeds):
    """Cut off everywhere, and with bytes that were others."""
    os.mkdir(folder)
    draw = random.Random(11)
    for kind, data in zip(('jpg', 'png'), seeds):
        for i in range(60):
            write(os.path.join(folder, f'cut{i:03}.{kind}'), data[:len(data) * i // 60])
        for i in range(150):
            other = bytearray(data)
            for _ in range(draw.choice((1, 3, 20))):
                other[draw.randrange(2, len(other))] = draw.randrange(256)
            write(os.path.join(folder, f'flip{i:03}.{kind}'), other)
    return 420


def check_spoilt(folder, files):
    seen = [answer('--executor', executor, '--size', str(files), folder)
            for executor in ('serial', 'threads://2', 'processes://2')]
    case('points' in seen[0] and len(set(seen)) == 1, 'hundreds of spoilt pictures', seen)
    done = run('--executor', 'loop://', '--size', str(files), folder)
    case(done.returncode == 0 and not done.stderr, 'nothing on stderr', done.stderr)
    return int(re.search(r'(\d+) broken', seen[0])[1]), seen[0]


def check_frank(folder, files, sheet):
    """exit() in a worker takes its own picture along, and no other."""
    broken, careful = check_spoilt(folder, files)
    got = answer('--executor', 'processes://2', '--size', str(files), folder, sheet, 'frank')
    ended = re.search(r'(\d+) broken \((\d+) with their worker\)', got)
    case(ended and int(ended[1]) == broken and int(ended[2]) > 10,
         'frank: as many broken as before', (got, careful))
    case(got.split(' sum ')[1] == careful.split(' sum ')[1], 'and all others the same')
    with open(os.path.join(sheet, 'index.html'), encoding='utf-8') as f:
        named = re.findall(r'>([^<]*)<br>[^<]*media.shrink[^<]*exit\(1\)', f.read())
    case(len(named) == int(ended[2]) and all(name.endswith('.jpg') for name in named),
         'each of them is named', named[:5])


def check_refusals(folder, pictures):
    for words, word in (((folder + '/none',), 'none'), ((folder,), 'no picture'),
                        ((pictures, 'x', 'Frank'), 'Frank'), (('a', 'b', 'c', 'd'), 'd'),
                        ((pictures, 'x', 'frank', '--executor', 'loop://'), 'processes'),
                        ((pictures, 'x', 'frank', '--executor', 'serial'), 'processes')):
        done = run(*words)
        case(done.returncode == 2 and word in done.stderr and done.stderr.count('\n') == 1,
             f'refused: {" ".join(words)[-40:]}', done)
    done = run(pictures, '/none/at/all')
    case(done.returncode == 1 and '/none/at/all' in done.stderr, 'no place for the sheet', done)


os.environ.pop('TUTTI_EXECUTOR', None)
with tempfile.TemporaryDirectory() as scratch:
    def place(name):
        return os.path.join(scratch, name)
    os.mkdir(place('tmp'))
    os.environ['TMPDIR'] = place('tmp')
    check_same(scratch)
    check_kinds(place('kinds'))
    os.mkdir(place('pictures'))
    start = make_pictures(place('pictures'))
    check_index(place('index'), place('kinds'))
    many = spoilt(place('spoilt'), start)
    check_frank(place('spoilt'), many, place('frank'))
    os.mkdir(place('nothing'))
    check_refusals(place('nothing'), place('pictures'))
    case(not os.listdir(place('tmp')), 'nothing is left behind', os.listdir(place('tmp')))
finish()
