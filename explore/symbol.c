/* explore/symbol.c - file, line and function of code, names of variables.  Lines come
 * from addr2line, which stands beside every linker; names of variables from the symbol
 * table of the executable.  Without either the report has bare addresses.
 * Tests: tests/explore/suite.py (each bug is found in its line). */
#include "fibers.h"
#include "heap.h"
#include "objects.h"
#include "scarce.h"
#include "symbol.h"
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- which object an address is in --- */

struct object_file {
    uintptr_t address, base;
    char path[256];
};

static int scan(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct object_file *o = arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + p->p_vaddr;
        if (p->p_type == PT_LOAD && o->address >= low &&
            o->address < low + p->p_memsz) {
            o->base = info->dlpi_addr;
            snprintf(o->path, sizeof o->path, "%s",
                     info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "");
            if (!o->path[0]) {
                ssize_t n = readlink("/proc/self/exe", o->path, sizeof o->path - 1);
                o->path[n < 0 ? 0 : n] = 0;
            }
            return 1;
        }
    }
    return 0;
}

static bool object_at(uintptr_t address, struct object_file *o)
{
    o->address = address;
    o->path[0] = 0;
    return dl_iterate_phdr(scan, o) == 1 && o->path[0] && !strchr(o->path, '\'');
}

/* --- code --- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void set_line(struct site *s, char *line)
{
    char *colon = strrchr(line, ':');
    if (!colon)
        return;
    *colon = 0;
    s->line = atoi(colon + 1);
    snprintf(s->file, sizeof s->file, "%.150s", base_name(line));
    if (!strcmp(s->file, "??"))
        s->file[0] = 0;
}

/* The answers to one question: an address, then pairs of lines, function and place; the
 * first pair is the innermost function. */
static void read_answers(FILE *f, struct site *site, size_t n)
{
    char line[1024];
    size_t at = 0;
    int pair = 0;
    struct site *s = NULL;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (!strncmp(line, "0x", 2)) {
            s = at < n ? &site[at++] : NULL;
            pair = 0;
        } else if (s && pair == 0) {
            snprintf(s->function, sizeof s->function, "%.79s", line);
            pair = 1;
        } else if (s && pair == 1) {
            set_line(s, line);
            pair = 2;
        }
    }
}

/* Sites that lie in one object, which are side by side. */
static void ask(const struct object_file *o, struct site *site, size_t n)
{
    size_t room = n * 20 + 512;
    char *command = scarce_bytes(room);
    if (!command)
        return;
    int k = snprintf(command, room, "addr2line -a -f -C -i -e '%s'", o->path);
    for (size_t i = 0; i < n; i++)
        k += snprintf(command + k, room - (size_t)k, " %lx", site[i].pc - 1 - o->base);
    snprintf(command + k, room - (size_t)k, " 2>/dev/null");
    FILE *f = scarce_pipe(command);
    if (f) {
        read_answers(f, site, n);
        pclose(f);
    }
    free(command);
}

/* What the dynamic linker knows, where there are no lines: a library's function. */
static void by_linker(struct site *s)
{
    Dl_info known;
    if (!s->pc || s->line || !dladdr((void *)(s->pc - 1), &known) || !known.dli_fname)
        return;
    if (known.dli_sname && (!s->function[0] || s->function[0] == '?'))
        snprintf(s->function, sizeof s->function, "%.79s", known.dli_sname);
    snprintf(s->object, sizeof s->object, "%.79s", base_name(known.dli_fname));
}

void symbol_sites(struct site *site, size_t n)
{
    for (size_t i = 0; i < n;) {
        struct object_file o, next;
        size_t k = i + 1;
        if (!site[i].pc || !object_at(site[i].pc - 1, &o)) {
            i++;
            continue;
        }
        while (k < n && k - i < 200 && site[k].pc && object_at(site[k].pc - 1, &next) &&
               next.base == o.base)
            k++;
        ask(&o, site + i, k - i);
        for (; i < k; i++)
            by_linker(&site[i]);
    }
}

/* --- data --- */

static bool named(const char *file, size_t size, uintptr_t at, char *to, size_t room)
{
    const ElfW(Ehdr) *e = (const void *)file;
    if (size < sizeof *e || memcmp(e->e_ident, ELFMAG, SELFMAG) ||
        e->e_shoff + (size_t)e->e_shnum * sizeof(ElfW(Shdr)) > size)
        return false;
    const ElfW(Shdr) *section = (const void *)(file + e->e_shoff);
    for (int i = 0; i < e->e_shnum; i++) {
        if (section[i].sh_type != SHT_SYMTAB || section[i].sh_link >= e->e_shnum)
            continue;
        const ElfW(Shdr) *names = &section[section[i].sh_link];
        if (section[i].sh_offset + section[i].sh_size > size ||
            names->sh_offset + names->sh_size > size)
            return false;
        const ElfW(Sym) *symbol = (const void *)(file + section[i].sh_offset);
        for (size_t k = 0; k < section[i].sh_size / sizeof *symbol; k++) {
            const ElfW(Sym) *s = &symbol[k];
            if (ELF64_ST_TYPE(s->st_info) != STT_OBJECT || at < s->st_value ||
                at >= s->st_value + s->st_size || s->st_name >= names->sh_size)
                continue;
            const char *name = file + names->sh_offset + s->st_name;
            size_t offset = at - s->st_value;
            snprintf(to, room, offset ? "%.60s+%zu" : "%.60s", name, offset);
            return true;
        }
    }
    return false;
}

void symbol_data(uintptr_t address, char *to, size_t room)
{
    struct object_file o;
    struct stat st;
    const struct thread *t = thread_of_stack((void *)address);
    snprintf(to, room, "%#lx", address);
    if (t) {
        snprintf(to, room, "the stack of thread %d", t->id);
        return;
    }
    if (heap_owns((void *)address)) {
        snprintf(to, room, "heap+%#lx", address & 0xffffffff);
        return;
    }
    if (!object_at(address, &o))
        return;
    int fd = scarce_open(o.path, O_RDONLY);
    if (fd < 0)
        return;
    if (!fstat(fd, &st)) {
        size_t size = (size_t)st.st_size;
        char *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file != MAP_FAILED) {
            named(file, size, address - o.base, to, room);
            munmap(file, size);
        }
    }
    close(fd);
}
