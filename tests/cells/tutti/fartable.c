/* fartable.c - a table that processes share: two of them count at one key, and each puts and
 * deletes one of its own; no change is lost or seen by half. */
#include "far.h"

static tutti_table *table;

static tutti_bytes key_of(const char *name)
{
    return (tutti_bytes){ name, 1 };
}

static void *counter(void *arg)
{
    static const char *const own[] = { "x", "y" };
    const char *mine = own[(long)arg];
    long value = (long)arg + 7, seen = 0;
    lane_enter((long)arg % LANES);
    assert(tutti_table_put(table, key_of(mine), (tutti_bytes){ &value, sizeof value }) == 1);
    assert(tutti_table_add(table, key_of("n"), 1, NULL) == 0);
    assert(tutti_table_get(table, key_of(mine), &seen, sizeof seen) == sizeof seen);
    assert(seen == value);
    assert(tutti_table_delete(table, key_of(mine)) == 0);
    return arg;
}

int main(void)
{
    tutti_scope s;
    long n = 0;
    home_open(&s);
    assert(tutti_table_share(&table, &s, 4, 1, sizeof(long)) == 0);
    CELL_RUN(counter, counter);
    assert(tutti_table_get(table, key_of("n"), &n, sizeof n) == sizeof n && n == 2);
    assert(tutti_table_length(table) == 1);
    home_close(&s);
    return 0;
}
