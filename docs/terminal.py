#!/usr/bin/env python3
"""terminal.py - a command and what it printed, colours and all, as an SVG picture for a
guide.

    terminal.py OUTPUT.svg COMMAND <what-it-printed

Reads text with the ANSI colours that tutti prints (bold, dim, eight colours).  The
picture is dark on every page, as a terminal is, and needs no font of its own.
Made with: tutti explore --color=always ./bank | docs/terminal.py docs/explore.svg
'tutti cc -o bank bank.c && tutti explore ./bank'
"""
import html
import re
import sys

WIDE, HIGH, EDGE = 7.83, 17, 16  # of a character of 13 px, in px
TEXT, DIM = '#e6edf3', '#8b949e'
COLORS = {31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 34: '#79c0ff', 35: '#d2a8ff',
          36: '#56d4dd'}


def spans(line):
    """(text, color, weight) parts of a line with ANSI codes."""
    color, weight, parts = TEXT, '', []
    for code, text in re.findall(r'(?:\033\[([\d;]*)m)?([^\033]*)', line):
        for one in (code or '').split(';'):
            if one in ('', '0') and code:
                color, weight = TEXT, ''
            elif one == '1':
                weight = ' font-weight="bold"'
            elif one == '2':
                color = DIM
            elif one and int(one) in COLORS:
                color = COLORS[int(one)]
        if text:
            parts.append((text, color, weight))
    return parts


def picture(lines):
    plain = [re.sub(r'\033\[[\d;]*m', '', line) for line in lines]
    width = max(len(line) for line in plain) * WIDE + 2 * EDGE
    height = len(lines) * HIGH + 2 * EDGE
    out = ['<svg xmlns="http://www.w3.org/2000/svg" '
           f'viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" '
           'font-size="13" '
           'font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace">',
           f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#161b22"/>']
    for i, line in enumerate(lines):
        at = 0
        for text, color, weight in spans(line):
            if text.strip():
                x = EDGE + (at + len(text) - len(text.lstrip())) * WIDE
                shown = text.strip()
                out.append(f'<text x="{x:.1f}" y="{EDGE + (i + 1) * HIGH - 5}" '
                           f'textLength="{len(shown) * WIDE:.1f}" xml:space="preserve"'
                           f' fill="{color}"{weight}>{html.escape(shown)}</text>')
            at += len(text)
    return '\n'.join(out + ['</svg>', ''])


def main():
    lines = ['\033[1m$ ' + sys.argv[2] + '\033[0m']
    lines += sys.stdin.read().rstrip().split('\n')
    with open(sys.argv[1], 'w', encoding='utf-8') as file:
        file.write(picture(lines))


if __name__ == '__main__':
    main()
