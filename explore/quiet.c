/* explore/quiet.c - a program that was built to be explored and just runs: what near.c has
 * in front of its accesses does nothing then, but a call and a return cost some five cycles.
 * So the calls are taken out of the code before it begins, where the linker has left word of
 * them (--emit-relocs, which `tutti cc` asks for).  Only an instruction that the linker names,
 * that is a call or a jump, and that goes to such a hook is changed; without that word, or
 * where code may not be written, all stays as it is, and is right.  A call of an atomic load
 * becomes the load; that of a store stays, since its order is known only when it is made.
 * Tests: tests/cc_test.sh. */
#include "quiet.h"
#include "real.h"
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* An object of this process, and its file.  Holds: code lies in [low, high), whose pages are
 * writable once opened. */
struct object {
    uintptr_t near, bias, low, high;
    const char *path;
    const unsigned char *file;
    size_t size;
    bool opened;
};

static int scan(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct object *o = arg;
    bool here = false;
    uintptr_t low = 0, high = 0;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + p->p_vaddr;
        if (p->p_type != PT_LOAD)
            continue;
        here |= o->near - at < p->p_memsz;
        if (p->p_flags & PF_X) {
            low = at & ~4095ul;
            high = (at + p->p_memsz + 4095) & ~4095ul;
        }
    }
    if (!here)
        return 0;
    o->bias = info->dlpi_addr;
    o->low = low;
    o->high = high;
    o->path = info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
    return 1;
}

/* n things of that size at an offset of the file; NULL if it has no such place. */
static const void *part(const struct object *o, uint64_t offset, uint64_t size, uint64_t n)
{
    bool fits = offset <= o->size && (!n || size <= (o->size - offset) / n);
    return fits && offset % 8 == 0 ? o->file + offset : NULL;
}

/* What a hook does where nothing is explored, in the room that a call of it has: a move of
 * what its argument points to into its result, or nothing.  Behind `size` bytes the code does
 * nothing. */
struct deed {
    const char *name;
    bool begins; /* with that name */
    unsigned char size, code[5];
};
static const struct deed deeds[] = {
    { "__tsan_read", true, 0, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } },
    { "__tsan_write", true, 0, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } },
    { "__tsan_unaligned_", true, 0, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } },
    { "__tsan_volatile_", true, 0, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } },
    { "__tsan_func_", true, 0, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } },
    { "__tsan_atomic8_load", false, 3, { 0x0f, 0xb6, 0x07, 0x66, 0x90 } },
    { "__tsan_atomic16_load", false, 3, { 0x0f, 0xb7, 0x07, 0x66, 0x90 } },
    { "__tsan_atomic32_load", false, 2, { 0x8b, 0x07, 0x0f, 0x1f, 0x00 } },
    { "__tsan_atomic64_load", false, 3, { 0x48, 0x8b, 0x07, 0x66, 0x90 } },
};

static const struct deed *deed_of(const char *name, size_t room)
{
    if (!memchr(name, '\0', room))
        return NULL;
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        const struct deed *d = &deeds[i];
        if (d->begins ? !strncmp(name, d->name, strlen(d->name)) : !strcmp(name, d->name))
            return d;
    }
    return NULL;
}

static bool code_protect(const struct object *o, int prot)
{
    return real_syscall(SYS_mprotect, (long)o->low, (long)(o->high - o->low), prot, 0, 0,
                        0) == 0;
}

/* The instruction whose last four bytes are at `at` goes to the hook `to`: do its deed there.
 * A jump is the end of its function: who called that would have been returned to. */
static bool take_out(struct object *o, uintptr_t at, uintptr_t to, const struct deed *d)
{
    enum { CALL = 0xe8, JUMP = 0xe9, RETURN = 0xc3 };
    unsigned char *code = (unsigned char *)at - 1;
    int32_t distance;
    if (at <= o->low || at + 4 > o->high)
        return true;
    memcpy(&distance, code + 1, 4);
    if ((code[0] != CALL && code[0] != JUMP) || at + 4 + (uintptr_t)(intptr_t)distance != to)
        return true;
    if (!o->opened && !(o->opened = code_protect(o, PROT_READ | PROT_WRITE | PROT_EXEC)))
        return false;
    unsigned done = code[0] == CALL ? sizeof d->code : d->size;
    bool jump = code[0] == JUMP;
    memcpy(code, d->code, done);
    if (jump)
        code[done] = RETURN;
    return true;
}

/* One section of relocations, with its symbols and their names. */
static bool section(struct object *o, const Elf64_Shdr *all, unsigned n, const Elf64_Shdr *s)
{
    const Elf64_Shdr *symbols = s->sh_link < n ? &all[s->sh_link] : NULL;
    const Elf64_Shdr *names =
        symbols && symbols->sh_link < n ? &all[symbols->sh_link] : NULL;
    if (!names)
        return true;
    uint64_t count = s->sh_size / sizeof(Elf64_Rela);
    uint64_t known = symbols->sh_size / sizeof(Elf64_Sym);
    const Elf64_Rela *r = part(o, s->sh_offset, sizeof *r, count);
    const Elf64_Sym *symbol = part(o, symbols->sh_offset, sizeof *symbol, known);
    if (!r || !symbol || names->sh_offset > o->size
        || names->sh_size > o->size - names->sh_offset)
        return true;
    for (; count; count--, r++) {
        const Elf64_Sym *to = symbol + ELF64_R_SYM(r->r_info);
        if (ELF64_R_SYM(r->r_info) >= known || to->st_shndx == SHN_UNDEF
            || to->st_name >= names->sh_size)
            continue;
        const char *name = (const char *)o->file + names->sh_offset + to->st_name;
        const struct deed *d = deed_of(name, names->sh_size - to->st_name);
        if (d && !take_out(o, o->bias + r->r_offset, o->bias + to->st_value, d))
            return false;
    }
    return true;
}

static void sections(struct object *o)
{
    const Elf64_Ehdr *head = part(o, 0, sizeof *head, 1);
    if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0
        || head->e_shentsize != sizeof(Elf64_Shdr))
        return;
    const Elf64_Shdr *all = part(o, head->e_shoff, sizeof *all, head->e_shnum);
    for (unsigned i = 0; all && i < head->e_shnum; i++) {
        const Elf64_Shdr *s = &all[i];
        bool code = s->sh_type == SHT_RELA && s->sh_info < head->e_shnum
                    && all[s->sh_info].sh_flags & SHF_EXECINSTR;
        if (code && !section(o, all, head->e_shnum, s))
            return;
    }
}

void quiet(const void *inside)
{
    struct object o = { .near = (uintptr_t)inside };
    struct stat s;
    if (!dl_iterate_phdr(scan, &o) || !o.low)
        return;
    int fd = (int)real_syscall(SYS_open, (long)o.path, O_RDONLY | O_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0)
        return;
    if (real_syscall(SYS_fstat, fd, (long)&s, 0, 0, 0, 0) == 0 && s.st_size > 0) {
        long at = real_syscall(SYS_mmap, 0, s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        o.file = at > -4096 && at < 0 ? NULL : (const unsigned char *)at;
        o.size = (size_t)s.st_size;
    }
    real_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
    if (!o.file)
        return;
    sections(&o);
    if (o.opened)
        code_protect(&o, PROT_READ | PROT_EXEC);
    real_syscall(SYS_munmap, (long)o.file, (long)o.size, 0, 0, 0, 0);
}
