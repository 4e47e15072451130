#!/usr/bin/env python3
"""status_test.py - examples/status against a server that has everything an address can
lead to: pages, none, redirections with and without an end, answers that are late,
empty, nonsense or never come, resets, TLS that nobody vouches for; the same verdict on
every executor.  Then thousands of addresses, and a program killed while it asks.

    status_test.py EXAMPLES_DIRECTORY
"""
import collections
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from tap import case, finish

BIN = sys.argv[1]
EXECUTORS = ('serial', 'loop://', 'threads://2', 'processes://2')
LIMIT = float(os.environ.get('CHECK_TIMEOUT', 100)) # more where all is slower


def answer(words, more=''):
    return f'HTTP/1.1 {words}\r\nContent-Length: 0\r\n{more}\r\n'.encode()


def converse(s, closing):
    """One connection: a path decides what happens."""
    path = s.recv(8192).split(b' ')[1].decode()
    if path == '/silent':
        closing.wait(60)
    elif path == '/reset':
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    elif path == '/nonsense':
        s.sendall(b'\x00\xff nothing that anybody knows\r\n\r\n')
    elif path == '/nothing':
        pass
    elif path == '/trickle':
        for byte in answer('200 OK'):
            s.sendall(bytes([byte]))
            time.sleep(0.002)
    elif path == '/round':
        s.sendall(answer('302 Found', 'Location: /round\r\nConnection: close\r\n'))
    elif path.startswith('/moved'):
        s.sendall(answer('301 Moved', 'Location: /there\r\nConnection: close\r\n'))
    else:
        words = {'/there': '200 OK', '/down': '503 Down'}.get(path, '404 None')
        s.sendall(answer(words, 'Connection: close\r\n'))


def serve(listener, closing, wrap):
    def one(s):
        try:
            with (wrap(s) if wrap else s) as t:
                converse(t, closing)
        except (OSError, IndexError):
            pass
    while not closing.is_set():
        try:
            s = listener.accept()[0]
        except OSError:
            return
        threading.Thread(target=one, args=(s,), daemon=True).start()


def start(closing, wrap=None):
    listener = socket.create_server(('127.0.0.1', 0), backlog=512)
    threading.Thread(target=serve, args=(listener, closing, wrap), daemon=True).start()
    return listener, listener.getsockname()[1]


def certificate(folder):
    """A way to wrap a socket with a certificate that is its own authority, or None."""
    key, cert = os.path.join(folder, 'key'), os.path.join(folder, 'cert')
    try:
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                        'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=x',
                        '-keyout', key, '-out', cert], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return lambda s: context.wrap_socket(s, server_side=True)


def run(*words, **more):
    return subprocess.run([os.path.join(BIN, 'status'), *words], capture_output=True,
                          text=True, timeout=100, **more)


def all_kinds(folder):
    closing = threading.Event()
    wrap = certificate(folder)
    plain, port = start(closing)
    closed = socket.create_server(('127.0.0.1', 0))
    dead = closed.getsockname()[1]
    closed.close()
    at = f'http://127.0.0.1:{port}'
    urls = [at + path for path in ('/there', '/none', '/down', '/moved', '/round', '/silent',
                                   '/reset', '/nonsense', '/nothing', '/trickle')]
    urls += [f'http://127.0.0.1:{dead}/', 'http://there.is.none.invalid/', 'ftp://127.0.0.1/',
             'http://[::1', '\x01\xff', 'http://' + 'x' * 1900 + '/']
    if wrap:
        tls, port = start(closing, wrap)
        urls += [f'https://127.0.0.1:{port}/there']
    path = os.path.join(folder, 'list')
    with open(path, 'w', encoding='latin-1') as f:
        f.write('# a remark\r\n\n' + '\r\n'.join(urls))
    wanted = f'{len(urls) - 5} without an answer, 3 2xx, 1 4xx, 1 5xx; 1 had moved'
    for executor in EXECUTORS:
        done = run('--executor', executor, path, '2')
        said = collections.Counter(line[:3] for line in done.stdout.splitlines())
        first = [line for line in done.stdout.splitlines() if line.startswith('status: ')]
        case(done.returncode == 0 and first == ['status: ' + wanted],
             f'{executor}: every kind of address', (done.stdout, done.stderr))
        case(said['---'] == len(urls) - 5 and said['404'] == said['503'] == 1,
             f'{executor}: those that are not well are named', done.stdout)
    closing.set()
    plain.close()
    if wrap:
        tls.close()


def thousands():
    for executor in ('loop://', 'threads://2', 'processes://2'):
        done = run('--executor', executor, '--size', '5000', '--json')
        got = json.loads(done.stdout)['answer'] if done.returncode == 0 else done.stderr
        case(done.returncode in (0, 77) and (done.returncode or '100 without an answer' in got
                                              and '200 had moved' in got),
             f'{executor}: 5000 addresses', got)


def killed(folder):
    """Whatever ends it, no folder of a server is left."""
    for end in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen([os.path.join(BIN, 'status'), '--size', '1000000'],
                              env={**os.environ, 'TMPDIR': folder}) as program:
            until = time.monotonic() + 20
            while not os.listdir(folder) and time.monotonic() < until:
                time.sleep(0.01)
            there = bool(os.listdir(folder)) or not os.path.exists('/usr/sbin/nginx')
            program.send_signal(end)
            program.wait(20)
        while os.listdir(folder) and time.monotonic() < until:
            time.sleep(0.02)
        case(there and not os.listdir(folder), f'{end.name} leaves no folder behind',
             os.listdir(folder))


signal.signal(signal.SIGINT, signal.default_int_handler) # make's children may ignore it
for word in ('http_proxy', 'https_proxy', 'TUTTI_EXECUTOR'):
    os.environ.pop(word, None)
with tempfile.TemporaryDirectory() as scratch:
    all_kinds(scratch)
thousands()
with tempfile.TemporaryDirectory(dir='/tmp') as scratch:
    killed(scratch)
finish()
