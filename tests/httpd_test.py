#!/usr/bin/env python3
"""httpd_test.py - examples/httpd as a client sees it: files, errors, connections kept and
closed, requests that come in one piece and byte by byte, nonsense of all kinds, paths that
lead out, clients that are slow or leave, the end by SIGTERM; and examples/echo the same way.

    httpd_test.py EXAMPLES_DIRECTORY
"""
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from served import Server
from tap import case, finish

BIN = sys.argv[1]
EXECUTORS = ('loop://?io=uring', 'loop://?io=epoll', 'threads://2')


def serve(name, executor, *words):
    return Server(os.path.join(BIN, name), executor, *words)


def all_of(s):
    got = b''
    while True:
        try:
            piece = s.recv(65536)
        except ConnectionResetError:
            return got
        if not piece:
            return got
        got += piece


def ask(server, text, pieces=1):
    """What comes back until the server hangs up, or, if it does not, is told to."""
    with server.connect() as s:
        size = max(1, (len(text) + pieces - 1) // pieces)
        for at in range(0, len(text), size):
            try:
                s.sendall(text[at:at + size])
            except (BrokenPipeError, ConnectionResetError):
                break
        try:
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return all_of(s)


def get(path, *headers, method='GET'):
    return '\r\n'.join([f'{method} {path} HTTP/1.1', 'Host: here', *headers, '', '']).encode()


def status(answer):
    return answer.split(b' ', 2)[1:2] == [] and b'' or answer.split(b' ', 2)[1]


def make_site(root):
    with open(os.path.join(root, 'a.txt'), 'w') as f:
        f.write('alpha')
    with open(os.path.join(root, 'index.html'), 'w') as f:
        f.write('<p>index')
    with open(os.path.join(root, 'large.bin'), 'wb') as f:
        f.write(bytes(range(256)) * 8000)
    open(os.path.join(root, 'empty.css'), 'w').close()
    os.mkdir(os.path.join(root, 'sub'))
    with open(os.path.join(root, 'sub', 'b c.txt'), 'w') as f:
        f.write('beta')


def check_answers(server, where):
    got = ask(server, get('/a.txt'))
    case(got.startswith(b'HTTP/1.1 200 OK\r\n') and got.endswith(b'\r\n\r\nalpha')
         and b'Content-Length: 5\r\n' in got and b'text/plain' in got, f'{where}: a file', got)
    got = ask(server, get('/'))
    case(got.endswith(b'<p>index') and b'text/html' in got, f'{where}: an index', got)
    got = ask(server, get('/sub/b%20c.txt?x=y'))
    case(got.endswith(b'beta'), f'{where}: a name decoded, a query dropped', got)
    got = ask(server, get('/large.bin'))
    case(got.endswith(bytes(range(256)) * 8000) and b'Content-Length: 2048000\r\n' in got,
         f'{where}: a large file', got[:300])
    got = ask(server, get('/a.txt', method='HEAD') + get('/empty.css'))
    case(got.count(b'200 OK') == 2 and b'alpha' not in got and b'text/css' in got,
         f'{where}: HEAD, and an empty file', got)
    burst = b''.join(get(f'/{"a.txt" if i % 2 else "sub/b%20c.txt"}') for i in range(50))
    for pieces in (1, 7, len(burst)):
        got = ask(server, burst, pieces)
        case(got.count(b'200 OK') == 50 and got.count(b'alpha') == 25 == got.count(b'beta'),
             f'{where}: 50 requests in {pieces} pieces', got[:300])
    got = ask(server, get('/a.txt', 'Connection: close') + get('/a.txt'))
    case(got.count(b'200 OK') == 1 and b'Connection: close' in got, f'{where}: close', got)
    got = ask(server, b'GET /a.txt HTTP/1.0\r\n\r\n' + get('/a.txt'))
    case(got.count(b'200 OK') == 1, f'{where}: HTTP/1.0 is answered once', got)


def check_errors(server, where):
    wanted = {
        b'404': [get('/none'), get('/sub'), get('/a.txt/x'), get('/' + 'x' * 300)],
        b'403': [get('/../a.txt'), get('/sub/../../x'), get('/%2e%2e/x'), get('/sub/..')],
        b'400': [b'nonsense\r\n\r\n', b'\0\1\2\3', b'GET\r\n\r\n', b'GET /a b HTTP/1.1\r\n\r\n',
                 b'GET / HTTP/9.9\r\n\r\n', get('*'), get('/%zz'), get('/%00'), get('/%4'),
                 b'GET /a.txt HTTP/1.1\r\nBad Header\r\n\r\n', get('/', 'Content-Length: x'),
                 b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
                 b'GET / HTTP/1.1\r\n\r\n', b'GET / HTTP/1.1\r\nHosts: here\r\n\r\n',
                 get('/', 'host: there'), get('/', 'X : y')],
        b'405': [get('/a.txt', 'Content-Length: 0', method='POST'),
                 get('/a.txt', method='DELETE')],
        b'414': [get('/' + 'x' * 3000), get('/' + 'x' * 15000)],
        b'200': [get('http://here/a.txt'), get('HTTP://here'), get('/', 'hOsT-not: x'),
                 b'GET / HTTP/1.0\r\n\r\n', b'\r\n' + get('/')],
    }
    for code, texts in wanted.items():
        for text in texts:
            got = ask(server, text)
            case(status(got) == code, f'{where}: {code.decode()} for {text[:30]!r}', got)
    got = ask(server, get('/a.txt') + b'nonsense\r\n\r\n' + get('/a.txt'))
    case(got.count(b'200 OK') == 1 and got.count(b'400 Bad') == 1 and
         b'Connection: close' in got, f'{where}: nonsense after a request ends it', got)
    with server.connect() as s: # closed by it, not by us
        s.sendall(get('/%zz') + get('/a.txt'))
        case(all_of(s).count(b'HTTP/1.1') == 1, f'{where}: a target that is none ends it')
    for text in (get('here:80', method='CONNECT'), get('/', 'Connection: Upgrade',
                                                       'Upgrade: h2c')):
        got = ask(server, text)
        case(got.count(b'HTTP/1.1') == 1, f'{where}: one answer to {text[:20]!r}', got)
    for pieces in (1, 2, 3, 50):
        got = ask(server, get('/' + 'x' * 200000), pieces)
        case(status(got) in (b'414', b'431', b''), f'{where}: a target in {pieces} pieces that '
             'has no end', got[:100])
    case(status(ask(server, get('/a.txt'))) == b'200', f'{where}: it serves after that')
    got = ask(server, b'GET /a.txt HTTP/1.1\r\n' + b'X: y\r\n' * 100000, 20)
    case(status(got) in (b'400', b'431', b''), f'{where}: endless headers', got[:100])
    seed = int(os.environ.get('CHECK_SEED', '0')) or random.randrange(1, 2**31)
    rng = random.Random(seed)
    for i in range(100):
        text = bytearray(get('/a.txt', 'Accept: */*') * 2)
        for _ in range(rng.randrange(1, 6)):
            text[rng.randrange(len(text))] = rng.randrange(256)
        got = ask(server, bytes(text), rng.choice((1, 3)))
        if got and status(got) not in (b'200', b'400', b'403', b'404', b'405', b'414'):
            case(False, f'{where}: seed {seed}, {bytes(text)!r}', got)
            return
    case(status(ask(server, get('/a.txt'))) == b'200', f'{where}: it serves on after that')


def check_clients(server, where):
    """Those that leave, that hang, that trickle, and a crowd."""
    gone = []
    for i in range(50):
        s = server.connect()
        s.sendall(get('/large.bin') * (i % 3) + get('/a.txt')[:i])
        if i % 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            s.close()
        else:
            gone.append(s) # says no more and never reads
    crowd = [server.connect() for _ in range(200)]
    for s in crowd:
        s.sendall(get('/a.txt', 'Connection: close'))
    case(all(all_of(s).endswith(b'alpha') for s in crowd), f'{where}: a crowd is served')
    for s in crowd + gone:
        s.close()
    with server.connect() as s:
        text = get('/a.txt', 'Connection: close')
        for i in range(len(text)):
            s.sendall(text[i:i + 1])
        case(all_of(s).endswith(b'alpha'), f'{where}: byte by byte')


def check_site(executor):
    with tempfile.TemporaryDirectory() as root:
        make_site(root)
        server = serve('httpd', executor, root)
        check_answers(server, executor)
        check_errors(server, executor)
        check_clients(server, executor)
        with open(os.path.join(root, 'a.txt'), 'w') as f:
            f.write('altered')
        until = time.monotonic() + 20
        while not ask(server, get('/a.txt')).endswith(b'altered') and time.monotonic() < until:
            time.sleep(0.1)
        case(time.monotonic() < until, f'{executor}: a file that has changed is read again')
        code, out, err = server.end()
        case(code == 0 and not err, f'{executor}: SIGTERM ends it well', (code, out, err))


def check_slow(executor):
    """A request that is begun and not ended is over after ten seconds."""
    with tempfile.TemporaryDirectory() as root:
        make_site(root)
        server = serve('httpd', executor, root)
        with server.connect() as s:
            began = time.monotonic()
            s.sendall(b'GET /a.txt HTT')
            while True: # one byte a second does not help
                s.settimeout(1)
                try:
                    got = s.recv(1000)
                    break
                except TimeoutError:
                    try:
                        s.sendall(b'x')
                    except OSError:
                        got = b''
                        break
            took = time.monotonic() - began
        case(took < 25 and status(got) in (b'408', b'400', b''), 'a slow request is given up',
             (took, got))
        code, _, _ = server.end()
        case(code == 0, 'and the server ends well')


def check_many(executor):
    """Large files are kept open, but not all that were ever asked for."""
    many = 400
    with tempfile.TemporaryDirectory() as root:
        for i in range(many):
            with open(os.path.join(root, f'{i}.bin'), 'wb') as f:
                f.truncate(70000)
        server = serve('httpd', executor, root)
        for _ in range(2):
            got = ask(server, b''.join(get(f'/{i}.bin', method='HEAD') for i in range(many)))
            case(got.count(b'200 OK') == many, f'{executor}: {many} files', got[:100])
        got = server.descriptors()
        case(got < 300, f'{executor}: fewer of them are open', got)
        got = ask(server, get('/7.bin') + get('/399.bin'))
        case(got.count(b'200 OK') == 2 and len(got) > 140000, f'{executor}: and served', got[:99])
        case(server.end()[0] == 0, f'{executor}: SIGTERM ends it well')


def check_echo(executor):
    server = serve('echo', executor)
    with server.connect() as s:
        for n in (1, 64, 5000, 200000):
            text = os.urandom(n)
            s.sendall(text)
            got = b''
            while len(got) < n:
                got += s.recv(n - len(got))
            case(got == text, f'{executor}: {n} bytes come back')
        s.shutdown(socket.SHUT_WR)
        case(all_of(s) == b'', f'{executor}: and then the end')
    code, _, err = server.end()
    case(code == 0 and not err, f'{executor}: SIGTERM ends echo well', (code, err))


def granted(executor):
    run = subprocess.run([os.path.join(BIN, 'echo'), '--executor', executor, '--size', '1'],
                         capture_output=True, text=True, check=False)
    return 'io_uring cannot be had' not in run.stderr


for wanted_executor in EXECUTORS:
    if granted(wanted_executor):
        check_site(wanted_executor)
        check_echo(wanted_executor)
check_many('loop://')
check_slow('loop://')
finish()
