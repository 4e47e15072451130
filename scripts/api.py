#!/usr/bin/env python3
"""api.py - read the public headers: which calls, types and words they hold, and which
comment belongs to which call.  docs/man.py makes the man pages of it, the tests of
exports and man pages compare with it.

    api.py INCLUDE_FOLDER     names every exported function, one a line

A comment belongs to the declarations below it up to a blank line or the next comment;
one beside a declaration belongs to that alone, and stands before what it shares with
earlier calls of its noun.  `/* ---- title --- */` begins a section; a header without
such lines has one section for each noun.  Tests: tests/man_test.py.
"""
import os
import re
import sys
from dataclasses import dataclass, field

EXPORT = 'TUTTI_API'
CALL = re.compile(r'\b(tutti_\w+)\s*\(')
TITLE = re.compile(r'/\*\s*-{3,}\s*(.*?)\s*(-{3,})?\s*\*/$', re.S)
NOISE = re.compile(r'\b(TUTTI_API|TUTTI_CHECKED_|TUTTI_UNUSED_|static|inline)\b\s*')


@dataclass
class Call:
    name: str
    prototype: str
    text: str  # what the header says about it
    exported: bool


@dataclass
class Section:
    header: str
    title: str
    intro: list = field(default_factory=list)  # comments that belong to no declaration
    calls: list = field(default_factory=list)
    types: list = field(default_factory=list)  # as they stand in the header


@dataclass
class Header:
    path: str
    opening: str
    sections: list


def comment_text(comment):
    """The words of a comment; the lines keep their layout relative to each other."""
    lines = comment[2:-2].split('\n')
    indent = min((len(l) - len(l.lstrip(' *')) for l in lines[1:] if l.strip(' *')),
                 default=0)
    rest = [l[indent:] if l[:indent].strip(' *') == '' else l.lstrip(' *')
            for l in lines[1:]]
    return '\n'.join([lines[0].strip()] + [l.rstrip() for l in rest]).strip()


def noun_of(name):
    return name.split('_')[1]


def pieces(text):
    """(kind, text) of a header in order; kinds: comment, blank, code.  A declaration
    with its body is one piece of code, with the comments in it and the one beside it."""
    cplusplus = r'^#ifdef __cplusplus$.*?^#(else|endif)$'
    text = re.sub(cplusplus, '', text, flags=re.M | re.S)
    text = re.sub(r'^[ \t]*#(?:\\\n|.)*$', '', text, flags=re.M)
    at = 0
    while at < len(text):
        blank = re.compile(r'[ \t]*\n').match(text, at)
        if blank:
            yield 'blank', ''
            at = blank.end()
            continue
        space = re.compile(r'[ \t]+').match(text, at)
        if space:
            at = space.end()
            continue
        if text.startswith('/*', at):
            end = text.index('*/', at) + 2
            yield 'comment', text[at:end]
        else:
            end = end_of_code(text, at)
            yield 'code', text[at:end]
        at = end
        if at < len(text) and text[at] == '\n':
            at += 1


def end_of_code(text, at):
    depth = 0
    while at < len(text):
        if text.startswith('/*', at):
            at = text.index('*/', at) + 2
            continue
        depth += (text[at] in '{(') - (text[at] in '})')
        at += 1
        body_ends = text[at - 1] == '}' and depth == 0 and \
            not re.match(r'\s*\w*\s*(__attribute__.*)?;|\s*\w+;', text[at:at + 80])
        if depth == 0 and (text[at - 1] == ';' or body_ends):
            break
    beside = re.compile(r'[ \t]*/\*').match(text, at)
    if beside:
        at = text.index('*/', at) + 2
    return at


def split_beside(code):
    match = re.match(r'(.*?[;}])[ \t]*(/\*(?:(?!\*/).)*\*/)\s*$', code, re.S)
    if match and '/*' not in match.group(1).split('\n')[-1]:
        return match.group(1), comment_text(match.group(2))
    return code, ''


def prototype_of(code):
    """The declaration in one line, without this library's attributes; None: no call."""
    head = code.split('{')[0] if code.startswith('static inline') else code
    if code.startswith('typedef') or '{' in head or not CALL.search(head):
        return None
    head = re.sub(r'/\*.*?\*/', '', head, flags=re.S)
    head = re.sub(r'__attribute__\s*\(\(.*\)\)', '', NOISE.sub('', head), flags=re.S)
    return re.sub(r'\s+', ' ', head).strip().rstrip(';').strip()


class Reader:
    """Walks over the pieces of one header."""

    def __init__(self, path):
        self.path, self.opening = path, None
        self.sections = []
        self.titled = False
        self.pending = ''  # the comment that nothing has claimed yet
        self.shared, self.shared_noun = '', ''
        self.with_type = ''  # a comment over a type, which the call below shares

    def section(self, name=None):
        if not self.titled and name:
            for known in self.sections:
                if known.title == noun_of(name):
                    return known
            self.sections.append(Section(self.path, noun_of(name)))
        elif not self.sections:
            self.sections.append(Section(self.path, ''))
        return self.sections[-1]

    def unclaimed(self):
        if self.pending:
            self.section().intro.append(self.pending)
        self.pending = self.shared = self.with_type = ''

    def comment(self, text):
        title = TITLE.match(text)
        if self.opening is None:
            self.opening = comment_text(text)
        elif title:
            self.unclaimed()
            self.titled = True
            self.sections.append(Section(self.path, title.group(1)))
        else:
            self.unclaimed()
            self.pending = comment_text(text)

    def code(self, text):
        declaration, beside = split_beside(text)
        prototype = prototype_of(declaration)
        if prototype is None:
            above = f'/* {self.pending} */\n' if self.pending else ''
            self.pending, self.with_type = '', self.pending
            if re.match(r'typedef|enum|struct', text):
                self.section().types.append(above + text.strip())
            return
        name = CALL.search(prototype).group(1)
        if name.endswith('_'):
            return  # a helper of the macros
        fresh = self.pending or self.with_type
        if fresh:
            self.shared, self.shared_noun = fresh, noun_of(name)
            self.pending = self.with_type = ''
        shared = self.shared if noun_of(name) == self.shared_noun else ''
        inline = declaration.startswith('static inline')
        if fresh:
            words = ' '.join(filter(None, [fresh, beside]))
        elif beside and not re.fullmatch(r'(\[[^]]*\][ .,]*)+', beside):
            words = beside
        else:
            words = '' if inline else ' '.join(filter(None, [shared, beside]))
        self.section(name).calls.append(Call(name, prototype, words, not inline))


def read_header(include, path):
    with open(os.path.join(include, path), encoding='utf-8') as file:
        text = file.read()
    reader = Reader(path)
    for kind, piece in pieces(text):
        if kind == 'comment':
            reader.comment(piece)
        elif kind == 'code':
            reader.code(piece)
        else:
            reader.unclaimed()
    reader.unclaimed()
    return Header(path, reader.opening or '',
                  [s for s in reader.sections if s.calls or s.types])


def headers(include):
    names = [os.path.relpath(os.path.join(folder, name), include)
             for folder, _, found in os.walk(include) for name in found
             if name.endswith('.h')]
    return [read_header(include, name) for name in sorted(names)]


def exported(include):
    """Names of the functions that the shared library must give."""
    return sorted(call.name for header in headers(include)
                  for section in header.sections for call in section.calls
                  if call.exported)


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    print('\n'.join(exported(sys.argv[1])))
