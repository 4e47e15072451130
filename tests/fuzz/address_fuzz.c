/* Any text as an address: it is taken apart, or refused in one sentence. */
#include "net/address.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <tutti.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct address_text t;
    assert(text);
    memcpy(text, data, size);
    text[size] = 0;
    int rc = address_parse(&t, text);
    assert(rc == 0 || rc == -EINVAL);
    if (rc < 0)
        assert(*tutti_why());
    else if (t.kind == ADDRESS_UNIX)
        assert(t.local.size <= sizeof(struct sockaddr_un));
    else
        assert(strlen(t.host) < ADDRESS_HOST && *t.port && strlen(t.port) < ADDRESS_PORT);
    free(text);
    return 0;
}
