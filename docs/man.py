#!/usr/bin/env python3
"""man.py - write the man pages of the calls, from the comments of the public headers,
so that there is one text to keep right.

    man.py INCLUDE_FOLDER OUTPUT_FOLDER DATE

One page of section 3 for each section of a header, named after its first call; every
other call has a page that leads there.  tutti(7) is the opening comment of tutti.h.
Pages written by hand (docs/*.1) are copied.  Under `meson install` it is called with
the folder of man pages and the date, and writes where Meson says.
Tests: tests/man_test.py.
"""
import os
import re
import shutil
import sys
import textwrap

sys.dont_write_bytecode = True  # install may run as root in a user's tree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'scripts'))
import api  # noqa: E402  (it lies beside, not on the path)

CALLERS = {
    'any': 'Any thread or task may call it, at any time.',
    'task': 'To be called in a task only.',
    'owner': 'To be called only by who opened the scope or executor.',
    'wait': 'It parks a task and blocks a plain thread until it can finish, and is\n'
            'cut off when a scope around the caller is over.',
    'signal': 'Signal handlers may call it as well.',
}
# Whom a page mentions at its end besides tutti(7): the nouns that go together.
BESIDE = {
    'tutti_executor_open': ['tutti_scope_open', 'tutti_go'],
    'tutti_scope_open': ['tutti_executor_open', 'tutti_go', 'tutti_future_await'],
    'tutti_go': ['tutti_scope_open', 'tutti_future_await'],
    'tutti_future_await': ['tutti_go', 'tutti_wait'],
    'tutti_chan_open': ['tutti_wait', 'tutti_scope_open'],
    'tutti_wait': ['tutti_chan_open', 'tutti_future_await', 'tutti_event_set'],
    'tutti_share': ['tutti_for', 'tutti_reduce'],
}


def escape(line):
    """A line of text as roff: no accidental requests, backslashes kept."""
    line = line.replace('\\', '\\e')
    return '\\&' + line if line[:1] in ('.', "'") else line


def is_laid_out(line):
    return bool(re.search(r'^ {2,}\S|\S {3,}\S', line))


def paragraphs(text):
    """(laid out?, lines) of a comment; a line before an indented one belongs to it."""
    lines = text.split('\n')
    kinds = [is_laid_out(line) or (i + 1 < len(lines) and
                                   re.match(r' {2,}\S', lines[i + 1]) is not None)
             for i, line in enumerate(lines)]
    block = []
    for i, line in enumerate(lines):
        if block and kinds[i] != kinds[i - 1]:
            yield kinds[i - 1], block
            block = []
        block.append(line)
    yield kinds[-1], block


def sentences(lines):
    """Flowing text, a new line after each sentence as mdoc wants it."""
    text = ' '.join(line.strip() or '\n.Pp\n' for line in lines)
    text = re.sub(r'([.?!\]]) *( |\n) +', r'\1\n', text)
    text = re.sub(r'([.?!\]]) +(?=[A-Z])', r'\1\n', text)
    out = []
    for line in text.split('\n'):
        wrapped = textwrap.wrap(line.strip(), 78, break_on_hyphens=False)
        out += ['.Pp'] if line == '.Pp' else [escape(piece) for piece in wrapped]
    return out


def body(text):
    out = []
    for laid_out, lines in paragraphs(text):
        if laid_out:
            out += ['.Bd -literal -compact'] + [escape(l) for l in lines] + ['.Ed']
        else:
            out += sentences(lines)
    return out


def split_arguments(prototype):
    """(result, name, arguments) of a prototype in one line."""
    name = api.CALL.search(prototype).group(1)
    result, rest = prototype.split(name, 1)
    depth, argument, arguments = 0, '', []
    for char in rest.strip()[1:-1]:
        depth += (char == '(') - (char == ')')
        if char == ',' and depth == 0:
            arguments.append(argument.strip())
            argument = ''
        else:
            argument += char
    return result.strip(), name, arguments + [argument.strip()]


def synopsis(section):
    out = ['.Sh SYNOPSIS', f'.In {section.header}']
    for call in section.calls:
        result, name, arguments = split_arguments(call.prototype)
        out += [f'.Ft "{escape(result)}"', f'.Fo {name}']
        out += [f'.Fa "{escape(argument)}"' for argument in arguments] + ['.Fc']
    return out


def callers(section):
    words = ' '.join(call.text for call in section.calls)
    tags = [tag for tag in CALLERS if re.search(r'\[' + tag + r'\b', words)]
    if not tags:
        return []
    out = ['.Sh CALLERS', 'The words in brackets say who may call.',
           '.Bl -tag -width 8n']
    for tag in tags:
        out += [f'.It [{tag}]'] + CALLERS[tag].split('\n')
    return out + ['.El']


def types(section):
    if not section.types:
        return []
    out = ['.Sh TYPES', '.Bd -literal']
    for code in section.types:
        out += [escape(line) for line in code.split('\n')] + ['']
    return out[:-1] + ['.Ed']


def description(section, header):
    out = ['.Sh DESCRIPTION']
    if header.path != 'tutti.h':
        words = header.opening.split(' - ', 1)[-1]
        out += body(words[:1].upper() + words[1:]) + ['.Pp']
    for text in section.intro:
        out += body(text) + ['.Pp']
    groups = []
    for call in section.calls:  # calls that share their words stand together
        if groups and groups[-1][0].text == call.text:
            groups[-1].append(call)
        else:
            groups.append([call])
    if out[-1] == '.Pp':
        out.pop()
    for group in groups:
        out += ['.Ss ' + ', '.join(call.name for call in group)] + body(group[0].text)
    return out


def page(section, header, date):
    names = [call.name for call in section.calls]
    title = section.title.split(':')[0]
    out = [f'.Dd {date}', f'.Dt {names[0].upper()} 3', '.Os', '.Sh NAME']
    out += [f'.Nm {name} ,' for name in names[:-1]] + [f'.Nm {names[-1]}']
    out += [f'.Nd {title} of tutti', '.Sh LIBRARY', 'libtutti (libtutti, \\-ltutti)']
    out += synopsis(section) + description(section, header) + types(section)
    out += callers(section)
    beside = sorted(set(BESIDE.get(names[0], [])) - set(names))
    out += ['.Sh SEE ALSO'] + [f'.Xr {name} 3 ,' for name in beside] + ['.Xr tutti 7']
    return '\n'.join(out) + '\n'


def terms(opening):
    """(term, lines) of the opening comment: `Word   text` with a hanging indent, or a
    line of words alone with an indented table below."""
    found = []
    for line in opening.split('\n'):
        hanging = re.match(r'(\S+[^.\s])\s{2,}(\S.*)$', line)
        if hanging:
            found.append((hanging.group(1), [hanging.group(2)]))
        elif re.match(r'\s+\S', line) and found:
            found[-1][1].append(line)
        elif line.strip():
            found.append((line.strip(), []))
    return found


def nouns(lines):
    """The table of the six nouns: `  noun   words`, continued under the words."""
    out, item = ['.Bl -tag -width 10n'], []
    for line in lines:
        match = re.match(r' {2,4}(\S+)\s+(\S.*)$', line)
        if match:
            out += sentences(item) + [f'.It {match.group(1)}']
            item = [match.group(2)]
        else:
            item.append(line)
    return out + sentences(item) + ['.El']


def overview(headers, date):
    main_header = next(header for header in headers if header.path == 'tutti.h')
    first, rest = main_header.opening.split('\n', 1)
    out = [f'.Dd {date}', '.Dt TUTTI 7', '.Os', '.Sh NAME', '.Nm tutti',
           '.Nd ' + first.split(' - ', 1)[-1].rstrip('.'),
           '.Sh SYNOPSIS', '.In tutti.h', '.Pp',
           'cc program.c $(pkg-config --cflags --libs tutti)', '.Sh DESCRIPTION']
    for term, lines in terms(rest):
        table = lines and lines[0].startswith('  ')
        out += [f'.Ss {term}'] + (nouns(lines) if table else sentences(lines))
    out += ['.Sh CALLS']
    for header in headers:
        for section in header.sections:
            if section.calls:
                names = [f'.Xr {call.name} 3' for call in section.calls]
                out += [f'.Ss {section.title} ({header.path})', ' ,\n'.join(names)]
    return '\n'.join(out + ['.Sh SEE ALSO', '.Xr tutti 1']) + '\n'


def write(folder, name, text):
    section = os.path.join(folder, 'man' + name.rsplit('.', 1)[1])
    os.makedirs(section, exist_ok=True)
    with open(os.path.join(section, name), 'w', encoding='utf-8') as file:
        file.write(text)


def write_all(include, folder, date):
    headers = api.headers(include)
    for header in headers:
        for section in header.sections:
            if not section.calls:
                continue
            first = section.calls[0].name
            write(folder, first + '.3', page(section, header, date))
            for call in section.calls[1:]:
                write(folder, call.name + '.3', f'.so man3/{first}.3\n')
    write(folder, 'tutti.7', overview(headers, date))
    for name in sorted(os.listdir(HERE)):
        if re.fullmatch(r'[\w-]+\.[1-8]', name):
            there = os.path.join(folder, 'man' + name[-1])
            os.makedirs(there, exist_ok=True)
            shutil.copy(os.path.join(HERE, name), there)


def main(args):
    if len(args) == 2 and 'MESON_INSTALL_DESTDIR_PREFIX' in os.environ:
        mandir, date = args
        folder = os.path.join(os.environ['MESON_INSTALL_DESTDIR_PREFIX'], mandir)
        write_all(os.path.join(HERE, '..', 'include'), folder, date)
    elif len(args) == 3:
        write_all(*args)
    else:
        sys.exit(__doc__.strip())


if __name__ == '__main__':
    main(sys.argv[1:])
