/* fuzz/replay.c - feeds the kept inputs of a fuzz target to it, as an ordinary test: each file
 * is a case.      replay FILE... */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    static uint8_t data[1 << 20];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(data, 1, sizeof data, f) : 0;
    if (!f || fclose(f))
        return 1;
    uint8_t *exact = malloc(n ? n : 1); /* so that a byte too far is seen */
    if (!exact)
        return 1;
    memcpy(exact, data, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        int status = 1;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            alarm(60);
            exit(replay(argv[i]));
        }
        if (pid > 0)
            waitpid(pid, &status, 0);
        printf("%s %d - %s\n", status ? "not ok" : "ok", i, argv[i]);
        failed |= status != 0;
    }
    printf("1..%d\n", argc - 1);
    return failed;
}
