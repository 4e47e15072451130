/* explore/decode.c - see decode.h.  Only where an instruction's operand in memory lies
 * is worked out: prefixes, the length of the opcode, and the address's bytes.  What it
 * does and how long it is are left aside.
 * Tests: tests/explore_seen_test.py (shares of accesses that are known). */
#include "decode.h"
#include <string.h>

enum { REX_B = 1, REX_X = 2, LEA = 0x8D };

struct instruction {
    const uint8_t *at;
    unsigned map; /* 0: one byte, 1: after 0F, 2: after 0F 38, 3: after 0F 3A */
    unsigned opcode, rex;
    bool segment, vector;
};

/* Legacy prefixes and REX. */
static void prefixes(struct instruction *i)
{
    for (;; i->at++)
        switch (*i->at) {
        case 0x64: case 0x65:
            i->segment = true;
            break;
        case 0x66: case 0x67: case 0xF0: case 0xF2: case 0xF3:
        case 0x2E: case 0x36: case 0x3E: case 0x26:
            break;
        default:
            if ((*i->at & 0xF0) == 0x40)
                i->rex = *i->at++ & 15;
            return;
        }
}

/* VEX and EVEX hold the bits of REX inverted, and the map. */
static bool vector_prefix(struct instruction *i)
{
    const uint8_t *p = i->at;
    switch (*p) {
    case 0xC5:
        i->map = 1;
        i->at += 2;
        break;
    case 0xC4:
        i->map = p[1] & 31;
        i->rex = (unsigned)~p[1] >> 5 & 3;
        i->at += 3;
        break;
    case 0x62:
        i->map = p[1] & 7;
        i->rex = (unsigned)~p[1] >> 5 & 3;
        i->at += 4;
        break;
    default:
        return false;
    }
    i->vector = true;
    i->opcode = *i->at++;
    return true;
}

static void opcode(struct instruction *i)
{
    prefixes(i);
    if (vector_prefix(i))
        return;
    i->opcode = *i->at++;
    if (i->opcode != 0x0F)
        return;
    i->map = 1;
    i->opcode = *i->at++;
    if (i->opcode != 0x38 && i->opcode != 0x3A)
        return;
    i->map = i->opcode == 0x38 ? 2 : 3;
    i->opcode = *i->at++;
}

static bool addressed_one_byte(unsigned op)
{
    if (op < 0x40)
        return (op & 7) < 4;
    return op == 0x63 || op == 0x69 || op == 0x6B || (op >= 0x80 && op <= 0x8F) ||
           op == 0xC0 || op == 0xC1 || op == 0xC6 || op == 0xC7 ||
           (op >= 0xD0 && op <= 0xD3) || (op >= 0xD8 && op <= 0xDF) || op == 0xF6 ||
           op == 0xF7 || op == 0xFE || op == 0xFF;
}

/* Whether a byte follows that may name memory, and the instruction really touches that:
 * LEA, prefetches and the long NOPs only look so. */
static bool addressed(const struct instruction *i)
{
    unsigned op = i->opcode;
    if (i->map == 0)
        return addressed_one_byte(op) && op != LEA;
    if (i->map > 1)
        return true;
    if (i->vector)
        return op != 0x77;
    return !(op <= 0x0F || (op >= 0x18 && op <= 0x1F) || (op >= 0x30 && op <= 0x37) ||
             op == 0x77 || (op >= 0x80 && op <= 0x8F) || (op >= 0xA0 && op <= 0xA2) ||
             (op >= 0xA8 && op <= 0xAA) || op == 0xAE || op >= 0xFF ||
             (op >= 0xC8 && op <= 0xCF));
}

static bool writes_one_byte(unsigned op, unsigned extension)
{
    if (op < 0x40)
        return (op & 7) < 2 && op < 0x38; /* arithmetic but comparing */
    switch (op) {
    case 0x80: case 0x81: case 0x83:
        return extension != 7;
    case 0x86: case 0x87: case 0x88: case 0x89: case 0x8F: case 0xC0: case 0xC1:
    case 0xC6: case 0xC7: case 0xD0: case 0xD1: case 0xD2: case 0xD3:
        return true;
    case 0xF6: case 0xF7:
        return extension == 2 || extension == 3;
    case 0xFE: case 0xFF:
        return extension < 2;
    default:
        return false;
    }
}

/* Moves to memory, those that set or change bits, and the atomic ones. */
static bool writes_two_bytes(unsigned op, unsigned extension)
{
    static const uint8_t stores[] = { 0x11, 0x13, 0x17, 0x29, 0x2B, 0x7F, 0xD6, 0xE7,
                                      0xC3, 0x7E, 0xB0, 0xB1, 0xC0, 0xC1, 0xC7, 0xAB,
                                      0xB3, 0xBB, 0xA4, 0xA5, 0xAC, 0xAD };
    return memchr(stores, (int)op, sizeof stores) || (op & 0xF0) == 0x90 ||
           (op == 0xBA && extension > 4);
}

static bool writes(const struct instruction *i)
{
    unsigned extension = *i->at >> 3 & 7;
    if (i->map == 0)
        return writes_one_byte(i->opcode, extension);
    return i->map == 1 && writes_two_bytes(i->opcode, extension);
}

static uintptr_t value_of(const greg_t *r, unsigned number)
{
    static const int place[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                   REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                   REG_R12, REG_R13, REG_R14, REG_R15 };
    return (uintptr_t)r[place[number & 15]];
}

static int32_t number_at(const uint8_t *p)
{
    int32_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

/* Base, index and scale in a byte of their own; whole: without a base. */
static uintptr_t scaled(const greg_t *r, const struct instruction *i, uint8_t sib,
                        bool whole)
{
    unsigned index = (sib >> 3 & 7) | (i->rex & REX_X ? 8 : 0);
    uintptr_t at = whole ? 0 : value_of(r, (sib & 7) | (i->rex & REX_B ? 8 : 0));
    return index == 4 ? at : at + (value_of(r, index) << (sib >> 6));
}

static int by_mod(const greg_t *r, const struct instruction *i, struct operand *to)
{
    const uint8_t *p = i->at;
    unsigned mod = *p >> 6, rm = *p & 7;
    bool far = mod == 2;
    p++;
    if (mod == 3)
        return 0;
    if (rm == 5 && mod == 0) {
        *to = (struct operand){ (uintptr_t)number_at(p), true, writes(i) };
        return 1;
    }
    uintptr_t at;
    if (rm == 4) {
        bool whole = (*p & 7) == 5 && mod == 0;
        at = scaled(r, i, *p++, whole);
        far |= whole;
    } else {
        at = value_of(r, rm | (i->rex & REX_B ? 8 : 0));
    }
    if (far)
        at += (uintptr_t)number_at(p);
    else if (mod == 1)
        at += (uintptr_t)(int8_t)*p;
    *to = (struct operand){ at, false, writes(i) };
    return 1;
}

int decode_operands(const greg_t *r, struct operand *to)
{
    struct instruction i = { .at = (const uint8_t *)r[REG_RIP] };
    int n = 0;
    opcode(&i);
    if (i.segment)
        return 0;
    if (i.map == 0 && i.opcode >= 0xA4 && i.opcode <= 0xAF && i.opcode != 0xA8 &&
        i.opcode != 0xA9) { /* strings: by RSI, RDI or both */
        if (i.opcode < 0xA8 || (i.opcode & ~1u) == 0xAC)
            to[n++] = (struct operand){ (uintptr_t)r[REG_RSI], false, false };
        if ((i.opcode & ~1u) != 0xAC)
            to[n++] = (struct operand){ (uintptr_t)r[REG_RDI], false,
                                          i.opcode < 0xAC && i.opcode != 0xA6 &&
                                              i.opcode != 0xA7 };
        return n;
    }
    return addressed(&i) ? by_mod(r, &i, to) : 0;
}
