/* base/symbol.c - names for addresses: from the symbol table in the object's file, which,
 * unlike what the loader knows, has the static functions too.  See walk.h. */
#include "base/memory.h"
#include "base/walk.h"
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file, mapped.  Holds: size bytes may be read at `at` while it is open. */
struct image {
    const unsigned char *at;
    size_t size;
};

static bool image_open(struct image *f, const char *path)
{
    struct stat st;
    int fd = fault_now() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    void *at = fstat(fd, &st) || st.st_size <= 0
                   ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    *f = (struct image){ at, (size_t)st.st_size };
    return at != MAP_FAILED;
}

/* n bytes at `from` in the file, or NULL. */
static const void *image_part(const struct image *f, uint64_t from, uint64_t n)
{
    return from <= f->size && n <= f->size - from ? f->at + from : NULL;
}

/* The table of that type; NULL: none, or it is not whole. */
static const ElfW(Shdr) *table_find(const struct image *f, uint32_t type,
                                    const ElfW(Shdr) **sections, unsigned *count)
{
    const ElfW(Ehdr) *e = image_part(f, 0, sizeof *e);
    if (!e || memcmp(e->e_ident, ELFMAG, SELFMAG) || e->e_shentsize != sizeof(ElfW(Shdr)))
        return NULL;
    *count = e->e_shnum;
    *sections = image_part(f, e->e_shoff, (uint64_t)*count * sizeof(ElfW(Shdr)));
    for (unsigned i = 0; *sections && i < *count; i++)
        if ((*sections)[i].sh_type == type && (*sections)[i].sh_link < *count)
            return *sections + i;
    return NULL;
}

/* Of the object: `size` bytes from `from` on. */
struct function {
    char name[128];
    uint64_t from, size;
};

/* The function around `value`. */
static bool table_look(const struct image *f, uint32_t type, uint64_t value,
                       struct function *out)
{
    const ElfW(Shdr) *sections;
    unsigned count;
    const ElfW(Shdr) *table = table_find(f, type, &sections, &count);
    if (!table)
        return false;
    const ElfW(Shdr) *text = sections + table->sh_link;
    const ElfW(Sym) *s = image_part(f, table->sh_offset, table->sh_size), *best = NULL;
    const char *strings = image_part(f, text->sh_offset, text->sh_size);
    for (uint64_t i = 0; s && strings && i < table->sh_size / sizeof *s; i++)
        if (ELF64_ST_TYPE(s[i].st_info) == STT_FUNC && s[i].st_value <= value
            && value - s[i].st_value < (s[i].st_size ? s[i].st_size : 1)
            && s[i].st_name < text->sh_size && (!best || s[i].st_value > best->st_value))
            best = s + i;
    if (!best)
        return false;
    size_t most = text->sh_size - best->st_name;
    snprintf(out->name, sizeof out->name, "%.*s",
             (int)(most < sizeof out->name ? most : sizeof out->name), strings + best->st_name);
    out->from = best->st_value;
    out->size = best->st_size;
    return true;
}

static bool function_look(const char *path, uint64_t value, struct function *out)
{
    struct image f;
    if (!image_open(&f, path))
        return false;
    bool known = table_look(&f, SHT_SYMTAB, value, out) || table_look(&f, SHT_DYNSYM, value, out);
    munmap((void *)(uintptr_t)f.at, f.size);
    return known;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void symbol_say(char *to, size_t room, const void *at, bool returns)
{
    struct dl_find_object found;
    uintptr_t address = (uintptr_t)at - returns;
    if (_dl_find_object((void *)address, &found)) {
        snprintf(to, room, "%#lx", (unsigned long)(uintptr_t)at);
        return;
    }
    const char *path = found.dlfo_link_map->l_name, *object = base_name(path);
    char self[512];
    struct function fn;
    if (!*path) { /* the program itself */
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        self[n > 0 ? n : 0] = 0;
        object = base_name(self);
        path = "/proc/self/exe";
    }
    uint64_t value = address - found.dlfo_link_map->l_addr;
    bool named = function_look(path, value, &fn);
    value += returns;
    if (!named)
        snprintf(to, room, "%s+%#lx", object, (unsigned long)value);
    else if (value == fn.from)
        snprintf(to, room, "%s (%s)", fn.name, object);
    else
        snprintf(to, room, "%s+%#lx (%s)", fn.name, (unsigned long)(value - fn.from), object);
}

const void *symbol_start(const void *at, size_t *size)
{
    struct dl_find_object found;
    struct function fn;
    *size = 1;
    if (_dl_find_object((void *)(uintptr_t)at, &found))
        return at;
    uintptr_t base = found.dlfo_link_map->l_addr;
    const char *path = found.dlfo_link_map->l_name;
    if (!function_look(*path ? path : "/proc/self/exe", (uintptr_t)at - base, &fn))
        return at;
    *size = fn.size ? fn.size : 1;
    return (const void *)(base + fn.from);
}

static const char *object_name(const void *at)
{
    struct dl_find_object found;
    return _dl_find_object((void *)(uintptr_t)at, &found) ? ""
                                                          : found.dlfo_link_map->l_name;
}

bool symbol_is_system(const void *at)
{
    static const char *const known[] = { "libc.so", "libc-", "libpthread", "ld-linux",
                                         "libtutti", "linux-vdso", "libm.so", "libasan",
                                         "libtsan", "libubsan" };
    const char *name = base_name(object_name(at));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strncmp(name, known[i], strlen(known[i])))
            return true;
    return false;
}

bool symbol_is_ours(const void *at)
{
    const char *name = object_name((const void *)(uintptr_t)symbol_is_ours);
    return *name && name == object_name(at);
}
