/* tests/fuzz/url_fuzz.c - any bytes as an executor's URL: parsed or refused with words, and
 * what was parsed and printed parses to the same again.  `make fuzz` runs it under libFuzzer;
 * tests/url_test.c replays the corpus kept beside it. */
#include "base/memory.h"
#include "exec/url.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tutti.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct url u, again;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    int rc = url_parse(&u, text);
    if (rc < 0 && !*tutti_why())
        abort();
    bool crew = rc == 0 && (u.scheme == URL_THREADS || u.scheme == URL_PROCESSES);
    if (crew && !u.workers)
        u.workers = 2; /* as who opens it does */
    if (rc == 0 && u.scheme != URL_AUTO) {
        u.stack &= ~(size_t)1023; /* printed in KiB */
        char *printed = url_print(&u);
        if (!printed || url_parse(&again, printed) < 0 || again.scheme != u.scheme
            || again.stack != u.stack || again.lock != u.lock
            || (crew && again.workers != u.workers))
            abort();
        memory_free(printed);
    }
    free(text);
    return 0;
}
