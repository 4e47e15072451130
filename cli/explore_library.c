/* explore_library.c - where libtutti-explore is, and whether a program was built for
 * it.  The program's own file is asked, so that a wrong one is refused before it
 * runs: what it is linked with, and whether any part of it was compiled with
 * -fsanitize=thread.  Tests: tests/cc_test.sh. */
#include "explore.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY "libtutti-explore.so"

bool explore_folder(char *out, size_t size)
{
    char self[PATH_MAX], tried[2][PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    const char *bin = dirname(self);
    /* in the build folder, and installed */
    snprintf(tried[0], sizeof tried[0], "%s/../explore", bin);
    snprintf(tried[1], sizeof tried[1], "%s/%s", bin, TUTTI_LIBDIR);
    for (int i = 0; i < 2; i++) {
        char file[3 * PATH_MAX], real[PATH_MAX];
        snprintf(file, sizeof file, "%s/" LIBRARY, tried[i]);
        if (access(file, R_OK) != 0 || !realpath(tried[i], real))
            continue;
        snprintf(out, size, "%s", real);
        return true;
    }
    if (TUTTI_NO_EXPLORE[0]) /* meson knows why: explore/meson.build */
        fprintf(stderr, "tutti: " TUTTI_NO_EXPLORE "\n");
    else
        fprintf(stderr,
                "tutti: there is no " LIBRARY " in %s or %s: build tutti whole, or "
                "install it\n",
                tried[0], tried[1]);
    return false;
}

/* A file in memory.  Holds: size bytes at start. */
struct image {
    const unsigned char *start;
    size_t size;
};

static const void *image_at(const struct image *m, size_t offset, size_t size)
{
    return offset <= m->size && size <= m->size - offset ? m->start + offset : NULL;
}

/* The offset in the file of what is loaded at address; SIZE_MAX if nothing is. */
static size_t file_offset(const struct image *m, const Elf64_Ehdr *head,
                          uint64_t address)
{
    const Elf64_Phdr *part =
        image_at(m, head->e_phoff, (size_t)head->e_phnum * sizeof *part);
    for (int i = 0; part && i < head->e_phnum; i++)
        if (part[i].p_type == PT_LOAD && address >= part[i].p_vaddr &&
            address - part[i].p_vaddr < part[i].p_filesz)
            return address - part[i].p_vaddr + part[i].p_offset;
    return SIZE_MAX;
}

static const Elf64_Phdr *dynamic_part(const struct image *m, const Elf64_Ehdr *head)
{
    const Elf64_Phdr *part =
        image_at(m, head->e_phoff, (size_t)head->e_phnum * sizeof *part);
    for (int i = 0; part && i < head->e_phnum; i++)
        if (part[i].p_type == PT_DYNAMIC)
            return &part[i];
    return NULL;
}

/* The names that the dynamic linker sees, one after the other. */
static struct image dynamic_names(const struct image *m, const Elf64_Ehdr *head)
{
    const Elf64_Phdr *part = dynamic_part(m, head);
    const Elf64_Dyn *entry = part ? image_at(m, part->p_offset, part->p_filesz) : NULL;
    size_t count = entry ? part->p_filesz / sizeof *entry : 0, size = 0;
    uint64_t at = 0;
    for (size_t i = 0; i < count && entry[i].d_tag != DT_NULL; i++) {
        if (entry[i].d_tag == DT_STRTAB)
            at = entry[i].d_un.d_ptr;
        if (entry[i].d_tag == DT_STRSZ)
            size = entry[i].d_un.d_val;
    }
    struct image names = { image_at(m, file_offset(m, head, at), size), size };
    return names;
}

static bool has_name(const struct image *names, const char *start)
{
    return names->start &&
           memmem(names->start, names->size, start, strlen(start)) != NULL;
}

/* A file as it is, for as long as this process lives; empty if it cannot be read. */
static struct image image_open(const char *path)
{
    struct image m = { NULL, 0 };
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &s) == 0) {
        void *start = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (start != MAP_FAILED)
            m = (struct image){ start, (size_t)s.st_size };
    }
    if (fd >= 0)
        close(fd);
    return m;
}

/* The first name among those of the program that begins as the compiler's calls do and
 * that the library does not have; NULL if there is none. */
static const char *missing_call(const struct image *names, const char *library)
{
    struct image m = image_open(library);
    const Elf64_Ehdr *head = image_at(&m, 0, sizeof *head);
    struct image there = head ? dynamic_names(&m, head) : (struct image){ NULL, 0 };
    const char *at = (const char *)names->start, *end = at + names->size;
    for (; there.start && at < end; at += strlen(at) + 1)
        if (!strncmp(at, "__tsan_", 7) &&
            !memmem(there.start, there.size, at, strlen(at) + 1))
            return at;
    return NULL;
}

/* Such a name in a sentence; NULL if there is none. */
static const char *calls_unknown(const struct image *names)
{
    static char words[400], folder[PATH_MAX], library[PATH_MAX + 32];
    if (!explore_folder(folder, sizeof folder))
        return "cannot be explored without it";
    snprintf(library, sizeof library, "%s/" LIBRARY, folder);
    const char *name = missing_call(names, library);
    if (!name)
        return NULL;
    snprintf(words, sizeof words, "calls %.100s, which this " LIBRARY " does not have: "
             "its compiler is too new; build it with gcc 12 or clang 14 (CC=gcc-12 "
             "tutti cc), or install a newer tutti", name);
    return words;
}

/* Why the program cannot be explored; NULL if it can. */
static const char *what_is_wrong(const struct image *m)
{
    const Elf64_Ehdr *head = image_at(m, 0, sizeof *head);
    if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
        return "is a script or another file that is no compiled program: explore the "
               "program that it starts";
    if (head->e_ident[EI_CLASS] != ELFCLASS64)
        return "is a 32-bit program: build it for this machine with 'tutti cc'";
    struct image names = dynamic_names(m, head);
    if (!names.start)
        return "is linked statically: link it with 'tutti cc', without -static";
    if (has_name(&names, "libtsan.so"))
        return "is linked with ThreadSanitizer's own library: link it with 'tutti cc', "
               "or "
               "without -fsanitize=thread and with -ltutti-explore";
    if (!has_name(&names, LIBRARY))
        return memmem(m->start, m->size, "__tsan_", 7)
                   ? "was compiled with -fsanitize=thread but is not linked with "
                     "libtutti-explore: link it with 'tutti cc'"
                   : "was not built to be explored: compile and link it with 'tutti "
                     "cc'";
    if (!has_name(&names, "__tsan_"))
        return "is linked with libtutti-explore but was compiled without "
               "-fsanitize=thread: compile it with 'tutti cc' too";
    return calls_unknown(&names);
}

int explore_check(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat s;
    if (fd < 0 || fstat(fd, &s) != 0) {
        fprintf(stderr, "tutti: cannot read '%s': %s\n", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return EXIT_USAGE;
    }
    void *start = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    struct image m = { start, (size_t)s.st_size };
    if (start == MAP_FAILED)
        m = (struct image){ NULL, 0 };
    const char *wrong = what_is_wrong(&m);
    if (wrong)
        fprintf(stderr, "tutti: '%s' %s\n", path, wrong);
    if (m.start)
        munmap(start, m.size);
    return wrong ? EXIT_USAGE : EXIT_FINE;
}

/* 0 if path is a file that may be executed, else an errno. */
static int executable(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return errno;
    if (S_ISDIR(s.st_mode))
        return EISDIR;
    return access(path, X_OK) == 0 ? 0 : errno;
}

int explore_find(const char *word, char *out, size_t size)
{
    int wrong = ENOENT;
    const char *path = getenv("PATH");
    if (strchr(word, '/') || !path) {
        snprintf(out, size, "%s", word);
        wrong = executable(out);
    } else {
        char *copy = strdup(path);
        for (char *rest = copy, *folder;
             wrong && copy && (folder = strsep(&rest, ":"));) {
            snprintf(out, size, "%s/%s", *folder ? folder : ".", word);
            wrong = executable(out);
        }
        free(copy);
    }
    if (!wrong)
        return EXIT_FINE;
    bool near = !strchr(word, '/') && executable(word) == 0;
    fprintf(stderr, "tutti: cannot run '%s': %s%s%s%s\n", word, strerror(wrong),
            near ? "; did you mean ./" : "", near ? word : "", near ? " ?" : "");
    return EXIT_USAGE;
}

void explore_unstarted(const char *path, int code)
{
    char folder[PATH_MAX];
    if (code == EXIT_NOT_FOUND && explore_folder(folder, sizeof folder))
        fprintf(stderr,
                "tutti: '%s' did not start for want of a library or of a symbol in one (above); "
                "if that is " LIBRARY ", link it with -Wl,-rpath,%s, as 'tutti cc' does, or set "
                "LD_LIBRARY_PATH=%s\n", path, folder, folder);
    else
        fprintf(stderr, "tutti: '%s' ended with %d and without a report\n", path, code);
}
