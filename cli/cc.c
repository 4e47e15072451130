/* cc.c - `tutti cc`: the compiler, such that what it builds can be explored.  Compiling
 * gets -fsanitize=thread; linking must not, since that would bring the sanitizer's own
 * library, and gets libtutti-explore in its place.  So a command that compiles and
 * links becomes one command for each source and one that links.  Everything else is
 * handed on.  Tests: tests/cc_test.sh. */
#include "options.h"
#include "explore.h"
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum word { WORD_OPTION, WORD_VALUE, WORD_SOURCE, WORD_INPUT, WORD_OUTPUT, WORD_LINK };

/* Whether word is one of those in list, which stand between blanks. */
static bool listed(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; n && (at = strstr(at, word)) != NULL; at += n)
        if (at > list && at[-1] == ' ' && at[n] == ' ')
            return true;
    return false;
}

/* Options whose value is the next word, if nothing follows in the same word. */
static bool takes_value(const char *word)
{
    return listed(
        " -o -I -D -U -L -l -x -T -u -z -e -A -B -include -imacros -idirafter "
        "-isystem -iquote -iprefix -iwithprefix -iwithprefixbefore -isysroot "
        "-MF -MT -MQ -Xlinker -Xpreprocessor -Xassembler -Xclang -target "
        "--param -aux-info -dumpbase -wrapper -specs -mllvm --sysroot ",
        word);
}

static bool names_source(const char *word)
{
    const char *dot = strrchr(word, '.');
    return dot && !strchr(dot, '/') &&
           listed(" c i cc cp cxx cpp CPP c++ C ii s S sx m ", dot + 1);
}

/* Whether the compiler is asked to stop before it links. */
static bool stops_early(const char *word)
{
    return listed(" -c -S -E -M -MM -fsyntax-only ", word);
}

static bool only_links(const char *word)
{
    static const char *const starts[] = { "-l", "-L", "-Wl,", "-fuse-ld=", NULL };
    for (int i = 0; starts[i]; i++)
        if (!strncmp(word, starts[i], strlen(starts[i])))
            return true;
    return listed(
        " -s -pie -no-pie -static-pie -shared -rdynamic -nostdlib -u -z -T -e "
        "-Xlinker -nodefaultlibs -nostartfiles ",
        word);
}

/* What was asked for, a kind for each word of it.
 * Holds: kind has count places; words are the caller's. */
struct request {
    char **word;
    enum word *kind;
    int count, sources, inputs;
    bool whole;        /* it links */
    bool strips;       /* what it links keeps no symbols, or is no whole program */
    const char *wrong; /* a word that does not go, with why */
    const char *why;
};

static enum word kind_of(struct request *r, const char *word, bool language)
{
    if (word[0] == '@' || !strcmp(word, "-static") || !strcmp(word, "--static")) {
        r->wrong = word;
        r->why = word[0] == '@' ? "write out what the file has"
                                : "what is explored needs the shared libtutti-explore";
    }
    /* -flto=N and -flto=auto too; the last word on it counts. */
    if (!strncmp(word, "-flto", 5) && (!word[5] || word[5] == '=')) {
        r->wrong = word;
        r->why = "the compiler puts the calls that are explored into objects, and leaves "
                 "them out where it optimises when it links";
    } else if (!strcmp(word, "-fno-lto") && r->wrong && !strncmp(r->wrong, "-flto", 5)) {
        r->wrong = NULL;
    }
    if (word[0] != '-' || !word[1])
        return names_source(word) || language ? WORD_SOURCE : WORD_INPUT;
    if (stops_early(word))
        r->whole = false;
    if (!strncmp(word, "-o", 2))
        return WORD_OUTPUT;
    return only_links(word) ? WORD_LINK : WORD_OPTION;
}

static void request_read(struct request *r)
{
    bool language = false; /* -x said what the next inputs are */
    r->whole = true;
    for (int i = 0; i < r->count; i++) {
        const char *word = r->word[i];
        r->kind[i] = kind_of(r, word, language);
        r->strips |= !strcmp(word, "-s") || !strcmp(word, "-r");
        r->sources += r->kind[i] == WORD_SOURCE;
        r->inputs += r->kind[i] == WORD_INPUT;
        if (!strncmp(word, "-x", 2) && word[2])
            language = strcmp(word + 2, "none") != 0;
        if (!takes_value(word) || i + 1 == r->count)
            continue;
        if (!strcmp(word, "-x"))
            language = strcmp(r->word[i + 1], "none") != 0;
        r->kind[i + 1] = r->kind[i] == WORD_OPTION ? WORD_VALUE : r->kind[i];
        i++;
    }
}

/* A command under construction. */
struct command {
    char **word;
    int count;
};

static void command_add(struct command *c, const char *word)
{
    c->word[c->count++] = (char *)word;
    c->word[c->count] = NULL;
}

/* The words of $CC, which may be several ("ccache gcc"); text is cut up. */
static void command_begin(struct command *c, char *text)
{
    c->count = 0;
    for (char *rest = text, *word; (word = strtok_r(rest, " \t", &rest)) != NULL;)
        command_add(c, word);
}

static int command_run(const struct command *c)
{
    pid_t pid;
    int rc = posix_spawnp(&pid, c->word[0], NULL, NULL, c->word, environ), status;
    if (rc != 0) {
        fprintf(stderr, "tutti: cannot run the compiler '%s': %s\n", c->word[0],
                strerror(rc));
        return rc == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return EXIT_DIFFERED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BY_SIGNAL + WTERMSIG(status);
}

/* Defaults first, so that what the user says wins.  Copies that gcc makes on the spot
 * carry no hooks, so it is to call the functions. */
static void add_flags(struct command *c, bool clang)
{
    static const char *const gcc[] = { "-Wno-tsan", "-fno-builtin-memcpy",
                                       "-fno-builtin-memmove", "-fno-builtin-memset",
                                       "-fno-builtin-strcpy" };
    command_add(c, "-fsanitize=thread");
    command_add(c, "-g");
    command_add(c, "-O1");
    if (clang)
        command_add(c, "-Qunused-arguments");
    for (size_t i = 0; !clang && i < sizeof gcc / sizeof *gcc; i++)
        command_add(c, gcc[i]);
}

/* Last, so that it wins: the checking forms of libc's calls are not those that are
 * explored. */
static void add_last(struct command *c)
{
    command_add(c, "-U_FORTIFY_SOURCE");
}

/* -fsanitize= without "thread"; NULL when nothing is left.  Allocated or word itself.
 * */
static const char *without_thread(const char *word)
{
    if (strncmp(word, "-fsanitize=", 11) != 0)
        return word;
    char *kept = calloc(1, strlen(word) + 1), *copy = strdup(word + 11);
    if (!kept || !copy)
        abort();
    for (char *rest = copy, *one; (one = strtok_r(rest, ",", &rest)) != NULL;)
        if (strcmp(one, "thread") != 0)
            sprintf(kept + strlen(kept), "%s%s", *kept ? "," : "-fsanitize=", one);
    free(copy);
    if (*kept)
        return kept; /* lives as long as the command: until exit */
    free(kept);
    return NULL;
}

static void compile_words(struct command *c, const struct request *r, int source,
                          const char *object)
{
    for (int i = 0; i < r->count; i++) {
        bool later = i > source && !strncmp(r->word[i], "-x", 2);
        if (later) /* of another source; its value is in the same word or the next */
            i += !r->word[i][2];
        else if (r->kind[i] == WORD_OPTION || r->kind[i] == WORD_VALUE)
            command_add(c, r->word[i]);
    }
    add_last(c);
    command_add(c, "-c");
    command_add(c, "-o");
    command_add(c, object);
    command_add(c, r->word[source]);
}

static void link_words(struct command *c, const struct request *r, char *const *objects,
                       const char *folder)
{
    static char where[4200], path[4200];
    /* Before all others, or a library such as libatomic would take calls from it. */
    snprintf(where, sizeof where, "-L%s", folder);
    snprintf(path, sizeof path, "-Wl,-rpath,%s", folder);
    command_add(c, where);
    command_add(c, path);
    command_add(c, "-Wl,--push-state,--no-as-needed");
    command_add(c, "-Wl,--whole-archive");
    command_add(c, "-ltutti-explore-near");
    command_add(c, "-Wl,--no-whole-archive");
    command_add(c, "-ltutti-explore");
    command_add(c, "-Wl,--pop-state");
    if (!r->strips) /* what explore/quiet.c goes by */
        command_add(c, "-Wl,--emit-relocs");
    for (int i = 0, n = 0; i < r->count; i++) {
        const char *word = r->word[i];
        if (r->kind[i] == WORD_SOURCE)
            word = objects[n++];
        else if (!strncmp(word, "-x", 2)) /* objects are no source of that language */
            i += !word[2], word = NULL;
        else
            word = without_thread(word);
        if (word)
            command_add(c, word);
    }
}

/* Compile the sources into objects of a folder of their own, and link all. */
static int build(const struct request *r, struct command *c, const char *compiler,
                 bool clang, const char *folder)
{
    const char *below = getenv("TMPDIR");
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s/tutti-cc-XXXXXX",
             below && *below ? below : "/tmp");
    if (r->sources && !mkdtemp(temporary)) {
        fprintf(stderr, "tutti: cannot make a folder like %s: %s\n", temporary,
                strerror(errno));
        return EXIT_DIFFERED;
    }
    char **objects = calloc((size_t)r->sources + 1, sizeof *objects);
    int code = 0, made = 0;
    for (int i = 0; i < r->count && code == 0 && objects; i++) {
        if (r->kind[i] != WORD_SOURCE)
            continue;
        char *text = strdup(compiler), *object = NULL;
        if (!text || asprintf(&object, "%s/%d.o", temporary, made) < 0)
            abort();
        objects[made++] = object;
        command_begin(c, text);
        add_flags(c, clang);
        compile_words(c, r, i, object);
        code = command_run(c);
        free(text);
    }
    char *text = strdup(compiler);
    if (!text || !objects)
        abort();
    if (code == 0) {
        command_begin(c, text);
        link_words(c, r, objects, folder);
        code = command_run(c);
    }
    free(text);
    for (int i = 0; i < made; i++, free(objects[i - 1]))
        unlink(objects[i]);
    free(objects);
    if (r->sources)
        rmdir(temporary);
    return code;
}

static int pass_on(struct command *c, const struct request *r, const char *compiler,
                   bool flags, bool clang)
{
    char *text = strdup(compiler);
    if (!text)
        abort();
    command_begin(c, text);
    if (flags)
        add_flags(c, clang);
    for (int i = 0; i < r->count; i++)
        command_add(c, r->word[i]);
    if (flags)
        add_last(c);
    int code = command_run(c);
    free(text);
    return code;
}

/* The compiler underneath: $CC, unless that is this command itself, as it is where a build
 * system was given CC="tutti cc"; then $TUTTI_CC. */
static const char *compiler_name(void)
{
    const char *name = getenv("CC");
    if (!name || !name[strspn(name, " \t")])
        return "cc";
    const char *end = name + strlen(name);
    while (end > name && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    bool itself = end - name >= 8 && !strncmp(end - 8, "tutti cc", 8);
    if (!itself)
        return name;
    name = getenv("TUTTI_CC");
    return name && name[strspn(name, " \t")] ? name : "cc";
}

/* Whether a compiler of this command's is this command again, by another name. */
static bool runs_in_a_circle(void)
{
    bool inside = getenv("TUTTI_CC_INSIDE") != NULL;
    if (inside)
        fprintf(stderr, "tutti: the compiler named by CC or TUTTI_CC is 'tutti cc' itself: "
                "name gcc or clang\n");
    else if (setenv("TUTTI_CC_INSIDE", "1", 1) != 0)
        abort();
    return inside;
}

int cc_command(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--help"))
        return help_print("cc"), output_finish(EXIT_FINE);
    if (argc < 2)
        return usage_error("cc", "cc: what to compile is missing");
    if (runs_in_a_circle())
        return EXIT_USAGE;
    const char *compiler = compiler_name();
    struct request r = { .word = argv + 1, .count = argc - 1 };
    struct command c = { .word = calloc((size_t)argc + strlen(compiler) + 32,
                                        sizeof *c.word) };
    r.kind = calloc((size_t)argc, sizeof *r.kind);
    char folder[4096];
    if (!c.word || !r.kind)
        abort();
    request_read(&r);
    bool clang = strstr(compiler, "clang") != NULL;
    int code;
    if (r.wrong)
        code = usage_error("cc", "cc: '%s' does not go: %s", r.wrong, r.why);
    else if (!r.whole || r.sources + r.inputs == 0)
        code = pass_on(&c, &r, compiler, r.sources > 0, clang);
    else if (!explore_folder(folder, sizeof folder))
        code = EXIT_USAGE;
    else
        code = build(&r, &c, compiler, clang, folder);
    free(c.word);
    free(r.kind);
    return code;
}
