/* Any bytes as a configuration file: refused with a line, or read, written out and read again to the same values. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config_key keys[] = {
    {.name = "A", .type = CONFIG_TEXT, .help = ""},
    {.name = "B", .type = CONFIG_INT, .fallback = "0", .help = "", .min = INT64_MIN, .max = INT64_MAX},
    {.name = "C", .type = CONFIG_DURATION, .fallback = "1s", .help = "", .min = 0, .max = INT64_MAX},
    {.name = "D", .type = CONFIG_BOOL, .fallback = "no", .help = ""},
    {.name = "E", .type = CONFIG_ENUM, .fallback = "x", .help = "", .choices = "x|yy|"},
    {.name = "F", .type = CONFIG_LIST, .fallback = "a b", .help = ""},
};

static struct config *parse(const char *text, size_t len, struct err *err)
{
    struct config *c = NULL;
    int rc = config_parse("fuzz", text, len, keys, sizeof keys / sizeof keys[0], NULL, NULL, &c, err);
    assert((rc == 0) == (c != NULL));
    return c;
}

static void round_trip(const struct config *c)
{
    const char *value = config_text(c, "A");
    struct buf line;
    buf_init(&line, 100000);
    if (value != NULL && config_write_line(&line, "A", value, NULL) == 0) {
        struct config *again = parse(buf_str(&line), line.len, NULL);
        assert(again != NULL && strcmp(config_text(again, "A"), value) == 0);
        config_free(again);
    }
    buf_done(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct config *c = parse((const char *)data, size, &err);
    if (c == NULL) {
        assert(err.code == ERR_INVALID && strncmp(err.msg, "fuzz:", 5) == 0);
        return 0;
    }
    const char *at = NULL;
    const char *word;
    while ((word = config_word(c, "F", &at)) != NULL)
        assert(strlen(word) > 0 && strpbrk(word, " \t\n") == NULL);
    assert(config_seconds(c, "C") >= 0);
    round_trip(c);
    config_free(c);
    return 0;
}
