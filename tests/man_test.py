#!/usr/bin/env python3
"""man_test.py - every public call has a man page that says something about it, and the
pages have no error that a lint knows (with mandoc; without it, that case is skipped).
tutti(1) and the completion for bash know every command and option that the help of the
command names.  A call without words, a page with a mistake and an option that no page
has are planted and must be found.

    man_test.py SOURCE_ROOT [TUTTI]    without a command that part is left out
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = sys.argv[1]
sys.path.insert(0, os.path.join(ROOT, 'scripts'))
import api  # noqa: E402
from tap import case, finish  # noqa: E402


def declared(include):
    """The exported calls by another way than api.py's, to check that one."""
    names = set()
    for path in glob.glob(os.path.join(include, '**', '*.h'), recursive=True):
        with open(path, encoding='utf-8') as file:
            text = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.S)
        names |= set(re.findall(r'TUTTI_API[^;{}]*?\b(tutti_\w+)\s*\(', text))
    return names


def make_pages(include, folder):
    subprocess.run([sys.executable, os.path.join(ROOT, 'docs/man.py'), include, folder,
                    'November 21, 2026'], check=True)


def page_of(folder, name):
    """The text of the page for a call, through the link if it is one; '' if none."""
    text = f'.so man3/{name}.3'
    while text.startswith('.so '):
        path = os.path.join(folder, text.split()[1])
        if not os.path.exists(path):
            return ''
        with open(path, encoding='utf-8') as file:
            text = file.read()
    return text


def words_for(text, name):
    """How many words a page says about a call, the words in brackets aside."""
    part = re.search(r'^\.Ss [^\n]*\b' + name + r'\b[^\n]*\n(.*?)(?=^\.S[sh])', text,
                     re.M | re.S)
    return len(re.sub(r'\[[^]]*\]', '', part.group(1)).split()) if part else 0


def silent(include, folder):
    """Calls whose page says nothing, does not name them or is not there."""
    calls = [call.name for header in api.headers(include) for section in header.sections
             for call in section.calls]
    return [name for name in sorted(set(calls) | declared(include))
            if words_for(page_of(folder, name), name) < 2
            or f'.Nm {name}' not in page_of(folder, name)
            or f'.Fo {name}\n' not in page_of(folder, name)]


def lint(pages):
    run = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning'] + pages,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         check=False)
    return [line for line in run.stdout.splitlines() if 'referenced manual' not in line]


def check_lint(folder):
    pages = [path for path in sorted(glob.glob(os.path.join(folder, 'man*', '*')))
             if not open(path, encoding='utf-8').read().startswith('.so ')]
    bad = lint(pages)
    case(not bad, f'mandoc finds nothing in {len(pages)} pages', bad)
    planted = os.path.join(folder, 'planted.3')
    with open(planted, 'w', encoding='utf-8') as file:
        file.write(open(pages[0], encoding='utf-8').read() + '.Xyz\n')
    case(bool(lint([planted])), 'mandoc finds a planted mistake')


def options_of(text):
    return sorted(set(re.findall(r'(?<![\w-])--[a-z]+', text)))


def unknown(options, page, completion):
    """The options that the page or the completion lacks."""
    return [o for o in options if '\\' + o.replace('--', '-') not in page] + \
           [o for o in options if o not in completion]


COMPLETE = """
source "$0"
COMP_CWORD=1 COMP_WORDS=(tutti t)
_tutti
echo "${COMPREPLY[@]}"
COMP_CWORD=3 COMP_WORDS=("$1" tour --only matm)
_tutti
echo "${COMPREPLY[@]}"
"""


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          text=True, check=True).stdout


def check_command(tutti):
    completer = os.path.join(ROOT, 'docs/completion/tutti.bash')
    with open(os.path.join(ROOT, 'docs/tutti.1'), encoding='utf-8') as file:
        page = file.read()
    with open(completer, encoding='utf-8') as file:
        completion = file.read()
    for command in ('tour', 'run', 'cc', 'explore'):
        options = options_of(output_of(tutti, command, '--help'))
        missing = unknown(options, page, completion)
        case(options and not missing,
             f'tutti(1) and the completion know the options of {command}', missing)
    case(unknown(['--planted'], page, completion) == ['--planted'] * 2,
         'an option that they lack is found')
    words = output_of('bash', '-c', COMPLETE, completer, tutti)
    case(words == 'tour\nmatmul\n', 'the completion completes', [words])


def check_planted():
    with tempfile.TemporaryDirectory() as root:
        include, folder = os.path.join(root, 'include'), os.path.join(root, 'man')
        shutil.copytree(os.path.join(ROOT, 'include'), include)
        with open(os.path.join(include, 'tutti.h'), 'a', encoding='utf-8') as file:
            file.write('\n/* ---- planted ---- */\n'
                       '\nTUTTI_API int tutti_planted(void);\n'
                       '\n/* Says what it does. */\nTUTTI_API int tutti_said(void);\n')
        make_pages(include, folder)
        case(silent(include, folder) == ['tutti_planted'],
             'a call without a word is found', silent(include, folder))
        os.remove(os.path.join(folder, 'man3', 'tutti_go.3'))
        case('tutti_go' in silent(include, folder), 'a call without a page is found')


def main():
    include = os.path.join(ROOT, 'include')
    differ = declared(include) ^ set(api.exported(include))
    case(not differ, 'two readings of the headers find the same calls', sorted(differ))
    with tempfile.TemporaryDirectory() as folder:
        make_pages(include, folder)
        missing = silent(include, folder)
        case(not missing, 'each call has a page with words about it', missing)
        overview = open(os.path.join(folder, 'man7/tutti.7'), encoding='utf-8').read()
        lost = [name for name in declared(include) if f'.Xr {name} 3' not in overview]
        case(not lost, 'tutti(7) lists every call', lost)
        case(os.path.exists(os.path.join(folder, 'man1/tutti.1')), 'tutti(1) is there')
        if shutil.which('mandoc'):
            check_lint(folder)
        else:
            case(True, 'mandoc finds nothing # SKIP no mandoc here')
    check_planted()
    if len(sys.argv) > 2:
        check_command(sys.argv[2])
    finish()


if __name__ == '__main__':
    main()
