/* Runs everything in common/ that allocates with the first, the second, the third … allocation failing, until nothing
 * fails any more. Each time the outcome must be success or an honest "out of memory", with nothing leaked and outputs
 * untouched. The Makefile links this program with --wrap for malloc, calloc, realloc, strdup and free; jansson is
 * given the same functions. */
#include "unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/config.h"
#include "common/file.h"
#include "common/jsonread.h"
#include "common/log.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

static long countdown = -1; /* allocations that still succeed; -1: all */
static long live;           /* allocations not yet freed */

static bool fails(void)
{
    if (countdown < 0)
        return false;
    if (countdown == 0)
        return true; /* and so do all after it, as when memory is really out */
    countdown--;
    return false;
}

static void *count(void *p)
{
    live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t number, size_t size)
{
    return fails() ? NULL : count(__real_calloc(number, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    if (fails())
        return NULL;
    void *moved = __real_realloc(p, size);
    live += p == NULL && moved != NULL;
    return moved;
}

char *__wrap_strdup(const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = __wrap_malloc(size);
    return copy == NULL ? NULL : memcpy(copy, s, size);
}

void __wrap_free(void *p)
{
    live -= p != NULL;
    __real_free(p);
}

/* A scenario cleans up after itself and returns 0 or ERR_NOMEM. */
typedef int scenario_fn(void);

static void survive(scenario_fn *scenario)
{
    for (long n = 0;; n++) {
        assert_true(n < 10000);
        long before = live;
        countdown = n;
        int rc = scenario();
        bool reached = countdown == 0;
        countdown = -1;
        assert_int_equal(live, before);
        if (rc == 0 && !reached) {
            assert_true(n > 0); /* a scenario without allocations tests nothing */
            return;
        }
        if (rc != 0)
            assert_int_equal(rc, ERR_NOMEM);
    }
}

static void ignore(void *arg)
{
    (void)arg;
}

static int use_arena(void)
{
    struct arena *a = arena_new(1000000);
    if (a == NULL)
        return ERR_NOMEM;
    int rc = 0;
    for (int i = 0; i < 5 && rc == 0; i++) {
        size_t used = arena_used(a);
        bool ok = arena_alloc(a, 20000) != NULL && arena_printf(a, "%0900d", i) != NULL;
        rc = ok ? arena_cleanup(a, ignore, NULL) : ERR_NOMEM;
        assert_true(rc == 0 ? arena_used(a) > used : arena_used(a) >= used);
    }
    arena_reset(a);
    assert_int_equal(arena_used(a), 0);
    if (rc == 0 && arena_strdup(a, "again") == NULL)
        rc = ERR_NOMEM;
    arena_free(a);
    return rc;
}

static int use_buf(void)
{
    struct buf b;
    buf_init(&b, 100000);
    size_t expected = 0;
    for (int i = 0; i < 2000; i++) {
        buf_addf(&b, "%d,", i);
        buf_adds(&b, "text");
        if (buf_ok(&b))
            expected = b.len;
    }
    int rc = buf_ok(&b) ? 0 : ERR_NOMEM;
    assert_true(b.len >= expected);
    char *text = buf_take(&b);
    assert_true((text != NULL) == (rc == 0));
    free(text);
    buf_done_secret(&b);
    return rc;
}

static const struct config_key keys[] = {
    {.name = "TEXT", .type = CONFIG_TEXT, .fallback = "x", .help = ""},
    {.name = "LIST", .type = CONFIG_LIST, .fallback = "a b", .help = ""},
    {.name = "NUMBER", .type = CONFIG_INT, .fallback = "1", .help = "", .max = 9},
};

static int use_config(void)
{
    static const char text[] = "TEXT=\"long enough to be copied\"\nLIST=\"c d e\"\nNUMBER=3\nTEXT=again\nFOO=1\n";
    struct config *c = NULL;
    struct err e = {0};
    int rc = config_parse("t", text, sizeof text - 1, keys, 3, NULL, NULL, &c, &e);
    if (rc != 0) {
        assert_null(c);
        assert_string_equal(e.msg, "out of memory");
        return rc;
    }
    assert_string_equal(config_text(c, "TEXT"), "again");
    assert_int_equal(config_int(c, "NUMBER"), 3);
    config_free(c);
    return 0;
}

static int use_file(void)
{
    char *data = NULL;
    size_t len = 0;
    struct err e = {0};
    int rc = file_read("/proc/self/smaps", 1 << 20, &data, &len, &e); /* grows several times */
    if (rc != 0) {
        assert_null(data);
        assert_int_equal(e.code, ERR_NOMEM);
        return rc;
    }
    free(data);
    return 0;
}

static int use_jsonread(void)
{
    static const char text[] =
        "{\"name\":\"n\",\"list\":[{\"path\":\"/a\"},{\"path\":\"/b\"}],\"deep\":{\"n\":[1,2,3]}}";
    struct err e = {0};
    json_t *json = jsonread_parse(span_of(text), &e);
    if (json == NULL)
        return ERR_NOMEM;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, json, &wrong);
    const json_t *list = NULL;
    assert_string_equal(jsonread_str(&r, "name", 1, 5), "n");
    assert_int_equal(jsonread_array(&r, "list", 0, 5, &list), 2);
    assert_false(wrong.failed);
    json_decref(json);
    return 0;
}

static int use_log(void)
{
    /* A line that finds no memory is lost; nothing else may happen. */
    long before = countdown;
    log_info("a line");
    return before == 0 ? ERR_NOMEM : 0;
}

static void arenas_survive_when_memory_is_out(void **state)
{
    (void)state;
    survive(use_arena);
}

static void buffers_survive_when_memory_is_out(void **state)
{
    (void)state;
    survive(use_buf);
}

static void configurations_survive_when_memory_is_out(void **state)
{
    (void)state;
    survive(use_config);
}

static void files_survive_when_memory_is_out(void **state)
{
    (void)state;
    survive(use_file);
}

static void json_survives_when_memory_is_out(void **state)
{
    (void)state;
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
    survive(use_jsonread);
}

static void logging_survives_when_memory_is_out(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_init(fd, LOG_INFO, LOG_JSON);
    survive(use_log);
    log_init(STDERR_FILENO, LOG_INFO, LOG_TEXT);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arenas_survive_when_memory_is_out),
        cmocka_unit_test(buffers_survive_when_memory_is_out),
        cmocka_unit_test(configurations_survive_when_memory_is_out),
        cmocka_unit_test(files_survive_when_memory_is_out),
        cmocka_unit_test(json_survives_when_memory_is_out),
        cmocka_unit_test(logging_survives_when_memory_is_out),
    };
    return cmocka_run_group_tests_name("allocfail", tests, NULL, NULL);
}
