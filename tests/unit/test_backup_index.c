/* The list of what is inside a run: what is read from it, and what is refused. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/buf.h"
#include "restore/files.h"
#include "restore/pathtext.h"

enum { ARENA_BYTES = 8 << 20 };

static const struct index_limits wide = {.max_bytes = UINT64_MAX};

/* Compressed bytes, given out in pieces. */
struct feed {
    const char *at;
    size_t left;
    size_t piece;
};

static int feed_read(void *ctx, void *buf, size_t size, size_t *ret_len, struct err *err)
{
    struct feed *f = ctx;
    (void)err;
    size_t len = f->left < f->piece ? f->left : f->piece;
    len = len < size ? len : size;
    memcpy(buf, f->at, len);
    f->at += len;
    f->left -= len;
    *ret_len = len;
    return 0;
}

static void *compressed(const char *text, size_t len, size_t *ret_len)
{
    size_t size = ZSTD_compressBound(len);
    void *data = malloc(size);
    assert_non_null(data);
    *ret_len = ZSTD_compress(data, size, text, len, 3);
    assert_false(ZSTD_isError(*ret_len));
    return data;
}

static int note(void *ctx, const struct index_entry *e, struct err *err)
{
    struct buf *seen = ctx;
    (void)err;
    buf_addf(seen, "%c%c %lld %lld %lld %s\n", e->type, e->outcome, (long long)e->size, (long long)e->mtime_ms,
             (long long)e->seq, e->path);
    return strcmp(e->path, "stop") == 0 ? INDEX_ENOUGH : 0;
}

/* Reads text as a list; what was seen goes into seen, which may be NULL. */
static int read_pieces(const char *text, size_t piece, struct buf *seen, struct err *err)
{
    size_t len = 0;
    struct buf own;
    buf_init(&own, 1 << 20);
    char *data = compressed(text, strlen(text), &len);
    struct feed feed = {data, len, piece};
    int rc = index_read(&(struct index_source){feed_read, &feed}, &wide, note, seen != NULL ? seen : &own, err);
    free(data);
    buf_done(&own);
    return rc;
}

static const char sample[] = "muster-index 1\n"
                             "d - 0 1700000000000 - etc\n"
                             "f - 9223372036854775807 1700000000001 0 etc/a\n"
                             "f c 13 -5 2 etc/a/b\n" /* after etc/a, before etc/a-: the slash is the least byte */
                             "f u 0 0 - etc/a-\n"
                             "l - 3 7 1 etc/caf\\351\\040\\134x\n"
                             "d - 0 8 - srv/data\n"
                             "s s 0 9 - srv/data/sock\n"
                             "end 7\n";

static void every_entry_is_seen_whatever_the_pieces(void **state)
{
    (void)state;
    struct err err = {0};
    for (size_t piece = 1; piece < 40; piece += 19) {
        struct buf seen;
        buf_init(&seen, 1 << 20);
        assert_int_equal(read_pieces(sample, piece, &seen, &err), 0);
        assert_string_equal(buf_str(&seen), "d- 0 1700000000000 -1 etc\n"
                                            "f- 9223372036854775807 1700000000001 0 etc/a\n"
                                            "fc 13 -5 2 etc/a/b\n"
                                            "fu 0 0 -1 etc/a-\n"
                                            "l- 3 7 1 etc/caf\351 \\x\n"
                                            "d- 0 8 -1 srv/data\n"
                                            "ss 0 9 -1 srv/data/sock\n");
        buf_done(&seen);
    }
}

static void an_empty_list_is_whole(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(read_pieces("muster-index 1\nend 0\n", 100, NULL, &err), 0);
}

static void what_is_no_list_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "muster-index 1\n",
        "muster-index 2\nend 0\n",
        "muster-index 1\nend 1\n",
        "muster-index 1\nend 0",
        "muster-index 1\nend 0\nend 0\n",
        "muster-index 1\nend 0\n\n",
        "muster-index 1\nend 0 \n",
        "muster-index 1\nend -0x\n",
        "muster-index 1\nend 99999999999999999999999999\n",
        "muster-index 1\nf - 1 1 0 a\n",
        "muster-index 1\nx - 1 1 0 a\nend 1\n",
        "muster-index 1\nf x 1 1 0 a\nend 1\n",
        "muster-index 1\nf - -1 1 0 a\nend 1\n",
        "muster-index 1\nf - 1 1 -2 a\nend 1\n",
        "muster-index 1\nf - 1e3 1 0 a\nend 1\n",
        "muster-index 1\nf - 9223372036854775808 1 0 a\nend 1\n",
        "muster-index 1\nf - 1 1 a\nend 1\n",
        "muster-index 1\nf - 1 1 0 \nend 1\n",
        "muster-index 1\nf - 1 1 0 /a\nend 1\n",
        "muster-index 1\nf - 1 1 0 a/\nend 1\n",
        "muster-index 1\nf - 1 1 0 a//b\nend 1\n",
        "muster-index 1\nf - 1 1 0 .\nend 1\n",
        "muster-index 1\nf - 1 1 0 a/../b\nend 1\n",
        "muster-index 1\nf - 1 1 0 a/\\056\\056\nend 1\n",
        "muster-index 1\nf - 1 1 0 a\\057b\nend 1\n",
        "muster-index 1\nf - 1 1 0 a\\000b\nend 1\n",
        "muster-index 1\nf - 1 1 0 a\\400\nend 1\n",
        "muster-index 1\nf - 1 1 0 a\\12\nend 1\n",
        "muster-index 1\nf - 1 1 0 a b\nend 1\n",
        "muster-index 1\nf - 1 1 0 a\x7f\nend 1\n",
        "muster-index 1\nf - 1 1 0 b\nf - 1 1 0 a\nend 2\n",
        "muster-index 1\nf - 1 1 0 a\nf - 1 1 0 a\nend 2\n",
        "muster-index 1\nf - 1 1 0 a\nf - 1 1 0 \\141\nend 2\n",
        "muster-index 1\nf - 1 1 0 a-\nf - 1 1 0 a/b\nend 2\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err err = {0};
        if (read_pieces(texts[i], 1000, NULL, &err) != ERR_CORRUPT)
            fail_msg("%s was taken", texts[i]);
    }
}

static int read_bytes(const void *data, size_t len, const struct index_limits *limits, struct err *err)
{
    struct buf seen;
    buf_init(&seen, 1 << 20);
    struct feed feed = {data, len, 1 << 16};
    int rc = index_read(&(struct index_source){feed_read, &feed}, limits, note, &seen, err);
    buf_done(&seen);
    return rc;
}

static void a_list_cut_or_changed_anywhere_is_refused(void **state)
{
    (void)state;
    size_t len = 0;
    char *data = compressed(sample, sizeof sample - 1, &len);
    for (size_t cut = 0; cut < len; cut++) {
        struct err err = {0};
        assert_int_equal(read_bytes(data, cut, &wide, &err), ERR_CORRUPT);
    }
    free(data);
}

static void a_page_read_early_does_not_need_the_rest(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(read_pieces("muster-index 1\nf - 1 1 0 stop\nnonsense\n", 1000, NULL, &err), 0);
}

static void what_grows_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    size_t len = 0, size = (size_t)32 << 20;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'a', size);
    memcpy(text, "muster-index 1\n", 15);
    char *data = compressed(text, size, &len);
    assert_int_equal(read_bytes(data, len, &wide, &err), ERR_CORRUPT); /* a line without an end */
    for (size_t i = 0; i < size; i += 16)
        text[i] = '\n';
    free(data);
    /* A window of its own size is more memory than a list may ask for. */
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    assert_non_null(zstd);
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, 25)));
    data = malloc(ZSTD_compressBound(size));
    assert_non_null(data);
    len = ZSTD_compress2(zstd, data, ZSTD_compressBound(size), text, size);
    assert_false(ZSTD_isError(len));
    assert_int_equal(read_bytes(data, len, &wide, &err), ERR_CORRUPT);
    ZSTD_freeCCtx(zstd);
    free(data);
    free(text);
    data = compressed(sample, sizeof sample - 1, &len);
    assert_int_equal(read_bytes(data, len, &(struct index_limits){.max_bytes = 100}, &err), ERR_TOO_BIG);
    free(data);
}

/* --- pages ----------------------------------------------------------------------------------------------------------
 */

static int page_of(const char *text, const struct files_query *query, json_t **ret, struct err *err)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    size_t len = 0;
    char *data = compressed(text, strlen(text), &len);
    struct feed feed = {data, len, 7};
    int rc = files_page(&(struct index_source){feed_read, &feed}, &wide, query, arena, ret, err);
    free(data);
    arena_free(arena);
    return rc;
}

/* The names of a page, joined; then "+" and where the next begins. */
static void expect_page(const struct files_query *query, const char *member, const char *want)
{
    struct err err = {0};
    json_t *json = NULL, *item;
    struct buf names;
    size_t i;
    buf_init(&names, 10000);
    if (page_of(sample, query, &json, &err) != 0)
        fail_msg("%s", err.msg);
    json_array_foreach(json_object_get(json, "entries"), i, item)
        buf_addf(&names, "%s%s", i > 0 ? " " : "", json_string_value(json_object_get(item, member)));
    const char *next = json_string_value(json_object_get(json, "next"));
    if (next != NULL)
        buf_addf(&names, " +%s", next);
    assert_string_equal(buf_str(&names), want);
    buf_done(&names);
    json_decref(json);
}

static void a_directory_shows_what_is_in_it(void **state)
{
    (void)state;
    expect_page(&(struct files_query){.path = "", .limit = 10}, "path", "etc srv");
    expect_page(&(struct files_query){.path = "/etc/", .limit = 10}, "name", "a a- caf\\351 \\134x");
    expect_page(&(struct files_query){.path = "etc", .limit = 10}, "path", "etc/a etc/a- etc/caf\\351 \\134x");
    expect_page(&(struct files_query){.path = "srv", .limit = 10}, "type", "directory");
    expect_page(&(struct files_query){.path = "srv/data", .limit = 10}, "outcome", "skipped");
    expect_page(&(struct files_query){.path = "etc/a", .limit = 10}, "name", "b");
}

static void a_directory_comes_in_pages(void **state)
{
    (void)state;
    expect_page(&(struct files_query){.path = "", .limit = 1}, "name", "etc +etc");
    expect_page(&(struct files_query){.path = "", .limit = 1, .after = "etc"}, "name", "srv");
    expect_page(&(struct files_query){.path = "etc", .limit = 2}, "name", "a a- +a-");
    expect_page(&(struct files_query){.path = "etc", .limit = 2, .after = "a-"}, "name", "caf\\351 \\134x");
    expect_page(&(struct files_query){.path = "etc", .limit = 2, .after = "caf\\351 \\134x"}, "name", "");
}

static void a_search_finds_names_and_paths(void **state)
{
    (void)state;
    expect_page(&(struct files_query){.search = "A", .limit = 10}, "path", "etc/a etc/a- etc/caf\\351 \\134x srv/data");
    expect_page(&(struct files_query){.search = "data/s", .limit = 10}, "path", "srv/data/sock");
    expect_page(&(struct files_query){.search = "a", .limit = 1, .after = "etc/a"}, "path", "etc/a- +etc/a-");
    expect_page(&(struct files_query){.search = "nowhere", .limit = 10}, "path", "");
    expect_page(&(struct files_query){.problems = true, .limit = 10}, "outcome", "changed unreadable skipped");
    expect_page(&(struct files_query){.problems = true, .search = "sock", .limit = 10}, "path", "srv/data/sock");
}

static void a_directory_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {"et", "etc/b", "etc/a-", "zzz", "srv/data/sock"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct err err = {0};
        json_t *json = NULL;
        assert_int_equal(page_of(sample, &(struct files_query){.path = paths[i], .limit = 10}, &json, &err),
                         ERR_NOT_FOUND);
    }
}

static void paths_of_any_bytes_become_text_and_come_back(void **state)
{
    (void)state;
    struct arena *arena = arena_new(ARENA_BYTES);
    for (unsigned a = 1; a < 256; a++)
        for (unsigned b = 1; b < 256; b++) {
            const char bytes[] = {(char)(unsigned char)a, (char)(unsigned char)b, 'x', '\0'};
            size_t len = 0;
            const char *text = pathtext_of(arena, bytes, 3);
            assert_true(pathtext_is_utf8(text, strlen(text)));
            const char *back = pathtext_bytes(arena, text, &len);
            assert_int_equal(len, 3);
            assert_memory_equal(back, bytes, 3);
            arena_reset(arena);
        }
    size_t len = 0;
    assert_string_equal(pathtext_bytes(arena, "a\\b\\12", &len), "a\\b\\12");
    assert_false(pathtext_is_utf8("\xed\xa0\x80", 3));
    assert_false(pathtext_is_utf8("\xc0\xaf", 2));
    assert_false(pathtext_is_utf8("\xf4\x90\x80\x80", 4));
    assert_true(pathtext_is_utf8("\xf0\x9f\x98\x80", 4));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_seen_whatever_the_pieces),
        cmocka_unit_test(an_empty_list_is_whole),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(a_list_cut_or_changed_anywhere_is_refused),
        cmocka_unit_test(a_page_read_early_does_not_need_the_rest),
        cmocka_unit_test(what_grows_beyond_the_limit_is_refused),
        cmocka_unit_test(a_directory_shows_what_is_in_it),
        cmocka_unit_test(a_directory_comes_in_pages),
        cmocka_unit_test(a_search_finds_names_and_paths),
        cmocka_unit_test(a_directory_that_is_not_there_is_not_found),
        cmocka_unit_test(paths_of_any_bytes_become_text_and_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
