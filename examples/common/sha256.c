/* examples/common/sha256.c - SHA-256; see sha256.h.  Tests: tests/examples_test.sh. */
#include "sha256.h"
#include <string.h>

/* The first 32 bits behind the point of the square roots of the first 8 primes, and of
 * the cube roots of the first 64. */
static const uint32_t start[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};
static const uint32_t constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turn(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint32_t read_word(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* One round.  The eight words do not move up by one, their numbers do: k is a constant
 * once the compiler has unrolled the loop, and the words stay in registers. */
static inline void step(uint32_t s[8], unsigned k, uint32_t more)
{
    uint32_t a = s[-k & 7], b = s[(1 - k) & 7], c = s[(2 - k) & 7];
    uint32_t e = s[(4 - k) & 7], f = s[(5 - k) & 7], g = s[(6 - k) & 7];
    more += s[(7 - k) & 7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
            ((e & f) ^ (~e & g));
    s[(3 - k) & 7] += more;
    s[(7 - k) & 7] = more + (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) +
                     ((a & b) ^ (a & c) ^ (b & c));
}

static void mix(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], s[8];
    for (unsigned i = 0; i < 16; i++)
        w[i] = read_word(block + 4 * i);
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] +
               (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
    }
    memcpy(s, state, sizeof s);
    for (unsigned i = 0; i < 64; i += 8)
        for (unsigned k = 0; k < 8; k++)
            step(s, k, constant[i + k] + w[i + k]);
    for (unsigned i = 0; i < 8; i++)
        state[i] += s[i];
}

void sha256_begin(struct sha256 *h)
{
    memcpy(h->state, start, sizeof start);
    h->size = 0;
}

void sha256_add(struct sha256 *h, const void *data, size_t size)
{
    const uint8_t *p = data;
    size_t waiting = h->size % 64;
    h->size += size;
    while (waiting + size >= 64) {
        if (waiting) {
            memcpy(h->block + waiting, p, 64 - waiting);
            mix(h->state, h->block);
        } else {
            mix(h->state, p);
        }
        p += 64 - waiting;
        size -= 64 - waiting;
        waiting = 0;
    }
    if (size)
        memcpy(h->block + waiting, p, size);
}

void sha256_end(struct sha256 *h, uint8_t digest[SHA256_SIZE])
{
    static const uint8_t one = 0x80, zero = 0;
    uint8_t bits[8];
    for (unsigned i = 0; i < 8; i++)
        bits[i] = (uint8_t)(h->size * 8 >> (56 - 8 * i));
    sha256_add(h, &one, 1);
    while (h->size % 64 != 56)
        sha256_add(h, &zero, 1);
    sha256_add(h, bits, 8);
    for (unsigned i = 0; i < 32; i++)
        digest[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}
