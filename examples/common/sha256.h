/* examples/common/sha256.h - SHA-256 (FIPS 180-4) in plain C, so that a hash from
 * sha256sum(1) can be hunted for.  Tests: tests/examples_test.sh. */
#ifndef EXAMPLES_SHA256_H
#define EXAMPLES_SHA256_H
#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32 };
/* Holds: size bytes went in; the last size % 64 of them wait in block. */
struct sha256 {
    uint32_t state[8];
    uint64_t size;
    uint8_t block[64];
};
void sha256_begin(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *data, size_t size);
void sha256_end(struct sha256 *h, uint8_t digest[SHA256_SIZE]);
#endif
