/* examples/primes.c - how many primes there are, ad hoc: thousands of small tasks of
 * uneven size, each started on its own when its numbers come up, and each answer
 * taken when it is there.
 *
 * Nothing is known beforehand but the next range, as in a program that serves
 * requests.  A number costs as many divisions as there are primes up to its root, so
 * the last ranges cost many times the first even where they are as long. */
#include "common/example.h"
#include <stdio.h>
#include <stdlib.h>
#include <tutti/patterns.h>

static const struct example_about about = {
    .name = "primes",
    .kind = "CPU",
    .summary = "Counts primes by trial division, in ranges of uneven length.",
    .size_means = "the numbers below this one",
    .size = 5000000,
    .size_least = 3,
    .size_most = UINT64_C(4000000000),
};

struct range {
    uint64_t from, to; /* to is not in it */
    tutti_ref divisors; /* the primes up to the root of all there are, uint32_t */
};
struct count {
    uint64_t primes;
};
TUTTI_TASK(count, "primes.count", struct range, struct count);

static int is_prime(uint32_t n, const uint32_t *divisor, uint64_t divisors)
{
    for (uint64_t i = 0; i < divisors && (uint64_t)divisor[i] * divisor[i] <= n; i++)
        if (n % divisor[i] == 0)
            return 0;
    return n > 1;
}

static uint64_t count_range(uint64_t from, uint64_t to, const uint32_t *divisor,
                            uint64_t divisors)
{
    uint64_t found = 0;
    for (uint64_t n = from; n < to; n++)
        found += (uint64_t)is_prime((uint32_t)n, divisor, divisors);
    return found;
}

static int count(const struct range *in, struct count *out)
{
    out->primes = count_range(in->from, in->to, tutti_ref_view(&in->divisors),
                              in->divisors.count);
    return 0;
}

/* From 100 to 4195 numbers, as they come. */
static uint64_t next_end(uint64_t from, uint64_t end)
{
    uint64_t to = from + 100 + (example_random(from) & 4095);
    return to < end ? to : end;
}

/* All primes up to the root of end; returns how many.  There are less than the root. */
static uint64_t find_divisors(uint64_t end, uint32_t *divisor)
{
    uint64_t found = 0;
    for (uint32_t n = 2; (uint64_t)n * n < end; n++)
        if (is_prime(n, divisor, found))
            divisor[found++] = n;
    return found;
}

static uint64_t root_of(uint64_t end)
{
    uint64_t root = 1;
    while (root * root < end)
        root++;
    return root;
}

static int primes_serial(struct example *e, uint64_t *primes)
{
    uint32_t *divisor = malloc(root_of(e->size) * sizeof *divisor);
    if (!divisor)
        return -ENOMEM;
    uint64_t divisors = find_divisors(e->size, divisor);
    example_start(e);
    for (uint64_t from = 0, to; from < e->size; from = to) {
        to = next_end(from, e->size);
        *primes += count_range(from, to, divisor, divisors);
    }
    example_stop(e);
    free(divisor);
    return 0;
}

/* Take what has finished, in whatever order. */
static int collect(tutti_scope *s, uint64_t *primes)
{
    tutti_future f;
    struct count got;
    int rc;
    while ((rc = tutti_scope_next(s, &f)) == 1) {
        if ((rc = count_take(f, &got)) < 0)
            break;
        *primes += got.primes;
    }
    return rc;
}

static int primes_tasks(struct example *e, uint64_t *primes)
{
    struct range in = { 0 };
    tutti_future f;
    int rc = 0;
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    uint32_t *divisor = tutti_share(&s, root_of(e->size), sizeof *divisor, TUTTI_READ,
                                    &in.divisors);
    if (divisor) {
        in.divisors = tutti_ref_slice(in.divisors, 0, find_divisors(e->size, divisor));
        example_start(e);
        for (; rc >= 0 && in.from < e->size; in.from = in.to) {
            in.to = next_end(in.from, e->size);
            rc = count_submit(&s, &in, &f);
        }
        if (rc >= 0)
            rc = collect(&s, primes);
        example_stop(e);
    }
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    struct example e;
    uint64_t primes = 0;
    example_open(&e, &about, argc, argv);
    int rc = e.serial ? primes_serial(&e, &primes) : primes_tasks(&e, &primes);
    return example_close(&e, rc, "ad hoc", "%llu primes below %llu",
                         (unsigned long long)primes, (unsigned long long)e.size);
}
