/* explore/step.c - which share of the program's accesses to memory no hook sees.  The
 * schedule that nothing is decided in is run once more in a process of its own, by
 * single steps: for each instruction outside of this library that touches the program's
 * variables or heap, or another thread's stack, the steps that the hooks wrote down
 * must have that place of that thread, else the access was unseen.  A step costs
 * microseconds, so this library runs without: where a call of it will return lies a
 * breakpoint meanwhile.  And of a long schedule only the beginning is looked at.  Told
 * only where nothing failed: a failure is seen, and its replay must say the same.
 * Holds: met[0..met_n) are places touched, each thread's once for each instruction;
 * stop[0..stops) are addresses of code whose first byte is a breakpoint, but for the
 * one that is executed at this moment (`lifted`).
 * Tests: tests/explore_seen_test.py. */
#include "decode.h"
#include "engine.h"
#include "fail.h"
#include "fibers.h"
#include "heap.h"
#include "near.h"
#include "options.h"
#include "quiet.h"
#include "real.h"
#include "restore.h"
#include "run.h"
#include "scarce.h"
#include "trace.h"
#include <link.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INSTRUCTIONS = 5000, MET = 4096, RECENT = 100, STOPS = 1024 };
enum { ALARM = 5 /* seconds */, TRAP_FLAG = 0x100, BREAKPOINT = 0xCC };

static struct met {
    uintptr_t granule, pc;
    uint32_t count, last; /* the newest instruction's number */
    int thread;
    bool written;
} met[MET];
static unsigned met_n, instructions;
static struct code { uintptr_t low, high; } own;
static struct stop { uint8_t *at, was; } stop[STOPS], *lifted;
static int stops;
static const bool *near[64]; /* what the program's own hooks look at */
static int nears;
static bool arriving; /* on the way from this library into the program */
static struct operand waiting[OPERANDS];
static int waits;
static uintptr_t waiting_pc;
static pid_t stepper;

static int scan(struct dl_phdr_info *info, size_t size, void *arg)
{
    uintptr_t here = (uintptr_t)&scan;
    (void)size, (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + p->p_vaddr, high = low + p->p_memsz;
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && here >= low && here < high)
            own = (struct code){ low, high };
    }
    return own.low != 0;
}

static bool is_in(const struct code *c, uintptr_t pc)
{
    return pc - c->low < c->high - c->low;
}

/* Whether these bytes are the program's, and others than this thread could reach them.
 */
static bool shared_memory(const struct thread *me, uintptr_t at)
{
    const struct thread *t = thread_of_stack((void *)at);
    if (t)
        return t != me && t->id < ex.threads;
    return heap_owns((void *)at) || restore_owns((void *)at);
}

exported void tutti_explore_near(bool *exploring)
{
    *exploring = options.explore;
    if (!options.explore)
        quiet(exploring);
    if (nears < (int)(sizeof near / sizeof *near))
        near[nears++] = exploring;
}

static void note(const struct thread *me, uintptr_t at, bool written, uintptr_t pc)
{
    for (int i = 0; i < nears; i++)
        if ((uintptr_t)near[i] == at)
            return;
    if (!shared_memory(me, at))
        return;
    for (unsigned i = met_n; i > 0 && i + 64 > met_n; i--) {
        struct met *m = &met[i - 1];
        if (m->granule == at / 8 && m->pc == pc && m->thread == me->id) {
            m->count++;
            m->last = instructions;
            m->written |= written;
            return;
        }
    }
    if (met_n < MET)
        met[met_n++] = (struct met){ at / 8, pc, 1, instructions, me->id, written };
}

/* --- breakpoints where calls of this library return to --- */

static struct stop *stop_at(const uint8_t *at)
{
    for (int i = 0; i < stops; i++)
        if (stop[i].at == at)
            return &stop[i];
    return NULL;
}

/* False: none can be there. */
static bool stop_put(uint8_t *at)
{
    char *page = (char *)((uintptr_t)at & ~4095ul);
    struct stop *s = stop_at(at);
    if (s == lifted && s)
        lifted = NULL;
    if (!s) {
        if (stops == STOPS || mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC))
            return false;
        s = &stop[stops++];
        *s = (struct stop){ at, *at };
    }
    *s->at = BREAKPOINT;
    return true;
}

static void judge(void) __attribute__((noreturn));

/* The program's next instruction. */
static void look(const struct thread *me, const greg_t *r)
{
    uintptr_t pc = (uintptr_t)r[REG_RIP];
    struct operand operand[OPERANDS];
    int n = decode_operands(r, operand);
    for (int i = 0; i < n; i++)
        if (operand[i].relative)
            waiting[waits++] = operand[i];
        else
            note(me, operand[i].address, operand[i].written, pc + 1); /* as a return */
    waiting_pc = pc + 1;
}

static void on_step(int number, siginfo_t *info, void *context)
{
    (void)number;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    const struct thread *me = thread_of_stack((void *)r[REG_RSP]);
    if (lifted)
        *lifted->at = BREAKPOINT;
    lifted = info->si_code == TRAP_TRACE ? stop_at((uint8_t *)r[REG_RIP])
                                         : stop_at((uint8_t *)r[REG_RIP] - 1);
    if (lifted) {
        r[REG_RIP] = (greg_t)lifted->at;
        *lifted->at = lifted->was;
    }
    uintptr_t pc = (uintptr_t)r[REG_RIP];
    for (int i = 0; i < waits && me; i++)
        note(me, waiting[i].address + pc, waiting[i].written, waiting_pc);
    waits = 0;
    if (++instructions > INSTRUCTIONS)
        judge();
    r[REG_EFL] |= TRAP_FLAG;
    bool here = is_in(&own, pc);
    if (!here) {
        arriving = false;
        if (me)
            look(me, r);
    } else if (!arriving && stop_put(*(uint8_t **)r[REG_RSP])) {
        r[REG_EFL] &= ~TRAP_FLAG;
    }
}

/* Whether a hook told of that place for that thread. */
static bool told(const struct met *m)
{
    const struct trace *t = trace;
    size_t n = t->count < TRACE_STEPS ? t->count : TRACE_STEPS;
    for (size_t i = 0; i < n; i++) {
        const struct step *s = &t->step[i];
        size_t size =
            s->before && (s->op == OP_READ || s->op == OP_WRITE) ? s->before : 16;
        bool enough = !m->written || s->op == OP_WRITE || s->op == OP_STORE ||
                      s->op == OP_RMW || s->op == OP_CAS;
        if (enough && s->thread == m->thread && s->address &&
            m->granule >= s->address / 8 && m->granule <= (s->address + size - 1) / 8)
            return true;
    }
    return false;
}

static void keep_site(const struct met *m)
{
    for (int i = 0; i < shared->unseen_sites; i++)
        if (shared->unseen_site[i].pc == m->pc) {
            shared->unseen_site[i].count += m->count;
            return;
        }
    if (shared->unseen_sites < UNSEEN_SITES)
        shared->unseen_site[shared->unseen_sites++] =
            (struct unseen_site){ m->pc, m->count };
}

/* What was met and not told is unseen, but for the newest: a compiler may tell of a
 * read together with the write that follows it. */
static void judge(void)
{
    uint64_t unseen = 0;
    for (unsigned i = 0; i < met_n; i++)
        if (met[i].last + RECENT < instructions || instructions <= INSTRUCTIONS)
            if (!told(&met[i])) {
                unseen += met[i].count;
                keep_site(&met[i]);
            }
    shared->stepped = ex.accesses + unseen;
    shared->stepped_unseen = unseen;
    for (;;)
        _exit(0);
}

void step_main(void)
{
    if (!ex.stepping)
        return;
    arriving = true;
    __asm__ volatile("sub $128, %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
                     "add $128, %%rsp" : : : "memory", "cc");
}

static void child(void)
{
    static struct result result;
    ex.result = &result;
    fail_watched = true;
    run_quietly();
    struct sigaction act = { .sa_sigaction = on_step,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigaction(SIGTRAP, &act, NULL);
    alarm(ALARM);
    dl_iterate_phdr(scan, NULL);
    ex.stepping = ex.tracing = true;
    trace = &shared->trace;
    run_calibrating();
    judge();
}

void step_start(void)
{
    if (options.replay || options.gdb || options.fork)
        return;
    stepper = (pid_t)scarce_fork();
    if (stepper == 0)
        child();
}

void step_end(bool wanted)
{
    int status;
    if (stepper > 0 && !wanted)
        real_syscall(SYS_kill, stepper, SIGKILL, 0, 0, 0, 0);
    if (stepper > 0)
        while (waitpid(stepper, &status, 0) < 0)
            ;
    stepper = 0;
    if (!wanted)
        shared->stepped = shared->stepped_unseen = 0;
    if (!wanted)
        shared->unseen_sites = 0;
}
