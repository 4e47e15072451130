#!/usr/bin/env python3
"""listen_test.py - examples/listen as a client sees it: hashes are right and in order, a
ping is answered while the workers are busy, nonsense gets a word, crashes hit one answer,
clients that leave or never read hold up nobody.

    listen_test.py EXAMPLES_DIRECTORY
"""
import hashlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from served import Server
from tap import case, finish

BIN = os.path.join(sys.argv[1], 'listen')
ROUNDS = 20000
LIMIT = float(os.environ.get('CHECK_TIMEOUT', 100)) # more where all is slower


def digest(text):
    data = text.encode()
    for _ in range(ROUNDS):
        data = hashlib.sha256(data).digest()
    return data.hex()


class Listen(Server):
    def __init__(self, executor):
        super().__init__(BIN, executor, patience=LIMIT)

    def ask(self, *lines):
        """Lines in one piece, and the answers until the server hangs up."""
        with self.connect() as s:
            s.sendall('\n'.join(lines).encode())
            s.shutdown(socket.SHUT_WR)
            got = b''
            while more := s.recv(65536):
                got += more
        return got.decode().splitlines()


def check_answers(server, where):
    texts = [f'text {i}' for i in range(5)]
    got = server.ask(*(f'hash {text}' for text in texts))
    case(got == [digest(text) for text in texts], f'{where}: hashes are right', got)
    got = server.ask('hash a', 'ping', 'hash b', 'ping', 'ping')
    case(got == [digest('a'), 'pong', digest('b'), 'pong', 'pong'],
         f'{where}: answers come in the order of events', got)
    got = server.ask('ping\r', '', 'hash', 'hash ', 'PING', 'hash ' + 'x' * 201, 'hash \0\xff',
                     'ping')
    case([line.split(':')[0] for line in got] == ['pong'] + ['error'] * 5 + [
        digest('\0\xff'), 'pong'], f'{where}: nonsense gets a word', got)
    got = server.ask('ping', 'x' * 100000, 'ping')
    case(got[:1] == ['pong'] and got[-1:] == ['error: a line without an end'],
         f'{where}: a line without an end', got)


def check_busy(server, where):
    """Pings overtake the work of others."""
    with server.connect() as busy, server.connect() as quick:
        busy.sendall(b''.join(b'hash %d\n' % i for i in range(60)))
        for _ in range(20):
            quick.sendall(b'ping\n')
            answer = quick.recv(100)
        ready, _, _ = select.select([busy], [], [], 0)
        early = busy.recv(65536) if ready else b''
        case(answer == b'pong\n' and early.count(b'\n') < 60,
             f'{where}: twenty pings before sixty hashes', early.count(b'\n'))
        got = early
        while got.count(b'\n') < 60:
            got += busy.recv(65536)
        case(got.splitlines()[59].decode() == digest('59'), f'{where}: and all hashes')


def check_rude(server, where):
    for _ in range(5):
        with server.connect() as s: # it leaves with its work undone
            s.sendall(b'hash x\n' * (2 if where == 'loop://' else 20))
    with server.connect() as deaf: # and it never reads
        deaf.setblocking(False)
        sent = 0
        try:
            while sent < 50 << 20:
                sent += deaf.send(b'ping\n' * 1000)
        except BlockingIOError:
            pass
        got = server.ask('ping', 'hash y')
        case(got == ['pong', digest('y')], f'{where}: rude clients hold up nobody', got)
        case(sent < 50 << 20, f'{where}: who does not read is not read for ever', sent)


def check_crashes(server, where, processes):
    got = server.ask('hash a', 'crash', 'hash b', 'crash', 'hash c')
    fine = [got[0], got[2], got[4]] == [digest('a'), digest('b'), digest('c')]
    named = all(line.startswith('error: ') and ('SIGSEGV' in line) == processes
                for line in (got[1], got[3]))
    case(fine and named, f'{where}: a crash is the answer to one event', got)


for wanted in ('loop://', 'threads://2', 'processes://2'):
    one = Listen(wanted)
    check_answers(one, wanted)
    if wanted != 'loop://': # there the work is done between the pings
        check_busy(one, wanted)
    check_rude(one, wanted)
    check_crashes(one, wanted, wanted.startswith('processes'))
    code, said, err = one.end()
    case(code == 0 and not err, f'{wanted}: SIGTERM ends it well', (code, said, err))
for words in (('nonsense',), ('a', 'b'), ('--executor', 'serial', 'tcp:127.0.0.1:1')):
    done = subprocess.run([BIN, *words], capture_output=True, text=True, timeout=LIMIT)
    case(done.returncode in (1, 2) and done.stderr.count('\n') == 1, f'refused: {words[-1]}', done)
finish()
