/* sample.c - reads the one line of JSON in which a program tells what it did.  It
 * trusts nothing: a program that prints something else is reported, not believed.
 * Tests: tests/cli_test.sh. */
#include "tour.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? strdup(text) : NULL;
}

/* A number that is finite and not negative; false else. */
static bool number_of(const json_t *object, const char *key, double *out)
{
    const json_t *value = json_object_get(object, key);
    *out = json_number_value(value);
    return json_is_number(value) && isfinite(*out) && *out >= 0;
}

static bool count_of(const json_t *object, const char *key, uint64_t *out)
{
    const json_t *value = json_object_get(object, key);
    *out = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

/* The key that is missing or wrong, or NULL. */
static const char *fill(const json_t *object, struct spoken *s)
{
    uint64_t workers;
    s->note = text_of(object, "note");
    if (!(s->kind = text_of(object, "kind")))
        return "kind";
    if (!(s->what = text_of(object, "what")))
        return "what";
    if (!(s->answer = text_of(object, "answer")))
        return "answer";
    if (!number_of(object, "seconds", &s->sample.seconds))
        return "seconds";
    if (!number_of(object, "cpu_seconds", &s->sample.cpu_seconds))
        return "cpu_seconds";
    if (!count_of(object, "workers", &workers))
        return "workers";
    if (!count_of(object, "switches", &s->sample.switches))
        return "switches";
    if (!count_of(object, "started", &s->sample.started))
        return "started";
    if (s->sample.seconds < 1e-9) /* a clock too coarse; it is divided by */
        s->sample.seconds = 1e-9;
    s->sample.workers = (unsigned)workers;
    return NULL;
}

int sample_parse(const char *text, size_t size, struct spoken *out, char **error)
{
    json_error_t where;
    json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    const char *wrong = NULL;
    *out = (struct spoken){ 0 };
    *error = NULL;
    if (!json_is_object(object)) {
        if (asprintf(error, "printed no line of JSON: %s",
                     object ? "it is not an object" : where.text) < 0)
            *error = NULL;
    } else if ((wrong = fill(object, out)) != NULL) {
        if (asprintf(error, "printed JSON whose \"%s\" is missing or wrong", wrong) < 0)
            *error = NULL;
    }
    bool fine = json_is_object(object) && !wrong;
    json_decref(object);
    if (fine)
        return 0;
    spoken_free(out);
    return -1;
}

void spoken_free(struct spoken *s)
{
    free(s->kind);
    free(s->what);
    free(s->answer);
    free(s->note);
    *s = (struct spoken){ 0 };
}
