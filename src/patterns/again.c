/* patterns/again.c - tutti_again: try, pause, try again.
 * Tests: tests/race_test.c. */
#include <tutti/patterns.h>

/* One try under its limit. */
static int again_try(const tutti_retry *r, tutti_fn *fn, void *arg)
{
    if (r->each <= 0)
        return fn(arg);
    TUTTI_SCOPE(each, NULL, tutti_after(r->each), 0);
    return fn(arg);
}

/* Half of it to all of it, so that many who failed together do not come back
 * together. */
static tutti_time again_jitter(tutti_time pause, const void *salt)
{
    uint64_t x = (uint64_t)tutti_now() ^ (uint64_t)(uintptr_t)salt;
    x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    return pause - (tutti_time)(x % ((uint64_t)pause / 2 + 1));
}

static tutti_time again_double(const tutti_retry *r, tutti_time pause)
{
    tutti_time most = r->pause_most > 0 ? r->pause_most : TUTTI_NEVER;
    return pause > most / 2 ? most : pause * 2;
}

/* Pause; a failed one takes the place of the words of the try, so put those back. */
static int again_pause(tutti_time pause, const void *salt, int code)
{
    char words[256];
    size_t n = strlen(tutti_why());
    n = n < sizeof words ? n : sizeof words - 1;
    memcpy(words, tutti_why(), n);
    words[n] = 0;
    int rc = pause > 0 ? tutti_sleep_until(tutti_after(again_jitter(pause, salt)))
                       : tutti_yield();
    if (rc < 0)
        tutti_fail(code, "%s", words);
    return rc;
}

int tutti_again(const tutti_retry *r, tutti_fn *fn, void *arg)
{
    if (!r || r->size < sizeof *r || !r->tries || !fn)
        return tutti_fail(-EINVAL,
                          "tutti_again: it needs a function, its size, and at least "
                          "one try");
    tutti_time pause = r->pause_most > 0 && r->pause > r->pause_most ? r->pause_most
                                                                     : r->pause;
    int rc = tutti_check();
    for (unsigned i = 1; rc == 0; i++) {
        int code = again_try(r, fn, arg);
        if (code >= 0 || i >= r->tries || tutti_check() < 0
            || (r->worth && !r->worth(code)))
            return code;
        if (again_pause(pause, &rc, code) < 0)
            return code;
        pause = again_double(r, pause);
    }
    return rc;
}
