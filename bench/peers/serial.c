/* serial.c - the workloads of fork_work.h in plain C, without tasks: the floor. */
#include "../fork_drive.h"

static long nqueens(uint32_t all)
{
    return nqueens_serial(all, 0, 0, 0);
}
static long uts(void)
{
    return uts_serial(UTS_SEED, UTS_ROOT);
}
static long skynet(long size)
{
    return skynet_serial(0, size);
}
static void region(float *a, long n)
{
    region_serial(a, 0, n);
}
static void matmul(const struct product *p)
{
    rows_serial(p, 0, p->n);
}

int main(int argc, char **argv)
{
    static const struct fork_system serial = { "serial", fib_serial, nqueens, uts, skynet,
                                               region,   matmul,     NULL,    1,   0 };
    struct fork_options o;
    return fork_options(&o, argc, argv) ? 2 : fork_drive(&o, &serial, 1);
}
