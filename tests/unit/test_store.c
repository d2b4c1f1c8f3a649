/* The local store: what its URLs allow, what it takes from nginx, and that an object is made once. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "auth/secrets.h"
#include "common/file.h"
#include "fixture_db.h"
#include "settings.h"
#include "store/store_local.h"

#define AGENT  "0193a000-0000-7000-8000-000000000001"
#define RUN    "0193a000-0000-7000-8000-000000000002"
#define PATH   "users/u1/agents/a1/configs/c1/backup.tar.zst"
#define MD5    "5d41402abc4b2a76b9719d911017c592" /* of "hello" */
#define XXH64_ "26c7827d889f6da3"                 /* likewise, as xxhsum says */
#define BASE64 "XUFAKrxLKna5cZ2REBfFkg=="
#define PART   ((int64_t)STORE_PART_SIZE)

static const int64_t now_ms = INT64_C(1700000000000);

struct place {
    struct fixture *files;
    struct settings settings;
    char store_dir[128];
    char secrets_dir[128];
    struct secrets *secrets;
    struct store *store;
    struct arena *arena;
    struct err err;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->files = fixture_dir();
    (void)snprintf(p->store_dir, sizeof p->store_dir, "%s/store", p->files->dir);
    (void)snprintf(p->secrets_dir, sizeof p->secrets_dir, "%s/secrets", p->files->dir);
    p->settings = (struct settings){.store_dir = p->store_dir, .agent_url = "https://store.example:8444"};
    expect_ok(secrets_init(p->secrets_dir, &p->err), &p->err);
    expect_ok(secrets_load(p->secrets_dir, &p->secrets, &p->err), &p->err);
    expect_ok(store_open(&p->settings, p->secrets, &p->store, &p->err), &p->err);
    p->arena = arena_new(1 << 20);
    assert_non_null(p->arena);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    void *files = p->files;
    arena_free(p->arena);
    store_close(p->store);
    secrets_free(p->secrets);
    free(p);
    return fixture_teardown(&files);
}

/* --- names --- */

static void only_paths_of_the_one_form_are_valid(void **state)
{
    static const char *const bad[] = {
        "",
        "users",
        "/users/u1/agents/a1/configs/c1/f",
        "users/u1/agents/a1/configs/c1/",
        "users/u1/agents/a1/configs/c1",
        "users//agents/a1/configs/c1/f",
        "users/../agents/a1/configs/c1/f",
        "users/./agents/a1/configs/c1/f",
        "users/u1/agents/a1/configs/c1/..",
        "users/u1/agents/a1/configs/c1/.hidden",
        "users/u1/agents/a1/configs/c1/f/g",
        "users/u1/agents/a1/configs/c1/f%2f",
        "users/u1/agents/a1/configs/c1/f g",
        "users/u1/agents/a1/configs/c1/f\n",
        "users/u1/agents/a1/configs/c1/f?",
        "userS/u1/agents/a1/configs/c1/f",
        "users/u1/agent/a1/configs/c1/f",
        "users/u\xc3\xbc/agents/a1/configs/c1/f",
    };
    (void)state;
    assert_true(store_path_valid(PATH));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (store_path_valid(bad[i]))
            fail_msg("accepted: %s", bad[i]);
}

static void a_file_name_has_at_most_160_bytes(void **state)
{
    char name[162];
    (void)state;
    memset(name, 'a', sizeof name);
    name[160] = '\0';
    assert_true(store_filename_valid(name));
    name[160] = 'a';
    name[161] = '\0';
    assert_false(store_filename_valid(name));
}

/* --- URLs --- */

/* The request URI of a part's URL, made for AGENT. */
static const char *part_uri_with(struct place *p, const char *digest)
{
    const struct store_url want = {.agent_id = AGENT,
                                   .method = "PUT",
                                   .path = PATH,
                                   .upload_id = RUN,
                                   .number = 3,
                                   .size = 5,
                                   .digest = digest,
                                   .now_ms = now_ms,
                                   .expires_s = 900};
    const char *url = NULL;
    int64_t expires_ms = 0;
    expect_ok(store_presign(p->store, &want, p->arena, &url, &expires_ms, &p->err), &p->err);
    assert_int_equal(expires_ms, now_ms + 900000);
    assert_int_equal(strncmp(url, "https://store.example:8444/objects/", 35), 0);
    return url + strlen("https://store.example:8444");
}

static const char *part_uri(struct place *p)
{
    return part_uri_with(p, MD5);
}

static int verify(struct place *p, struct store_request request, struct store_grant *ret)
{
    struct store_grant unused;
    request.now_ms = request.now_ms == 0 ? now_ms : request.now_ms;
    return store_local_verify(store_local_of(p->store), &request, p->arena, ret == NULL ? &unused : ret, &p->err);
}

static void a_parts_url_grants_that_part_to_that_agent(void **state)
{
    struct place *p = *state;
    struct store_grant grant;
    const struct store_request request = {
        .method = "PUT", .uri = part_uri(p), .content_length = "5", .content_md5 = BASE64};
    expect_ok(verify(p, request, &grant), &p->err);
    assert_string_equal(grant.agent_id, AGENT);
    assert_string_equal(grant.path, PATH);
    assert_string_equal(grant.upload_id, RUN);
    assert_int_equal(grant.number, 3);
    assert_int_equal(grant.size, 5);
    assert_string_equal(grant.digest, MD5);
}

static void a_parts_url_can_hold_its_digest(void **state)
{
    struct place *p = *state;
    struct store_grant grant;
    struct store_request request = {.method = "PUT", .uri = part_uri_with(p, XXH64_), .content_length = "5"};
    expect_ok(verify(p, request, &grant), &p->err);
    assert_string_equal(grant.upload_id, RUN);
    assert_string_equal(grant.digest, XXH64_);
    request.content_md5 = BASE64; /* not signed, not asked for */
    expect_ok(verify(p, request, &grant), &p->err);
    assert_string_equal(grant.digest, XXH64_);
    request.content_length = "6";
    assert_int_equal(verify(p, request, NULL), ERR_DENIED);
    request.content_length = "5";
    char *forged = arena_strdup(p->arena, request.uri);
    char *digest = strstr(forged, XXH64_);
    assert_non_null(digest);
    digest[0] = '0';
    request.uri = forged;
    assert_int_equal(verify(p, request, NULL), ERR_DENIED);
    (void)memmove(digest, digest + 1, strlen(digest)); /* of another length */
    assert_int_not_equal(verify(p, request, NULL), 0);
    char *without = arena_strdup(p->arena, part_uri_with(p, XXH64_));
    (void)memcpy(strstr(without, "xxh64="), "xxh65=", 6);
    request.uri = without;
    assert_int_not_equal(verify(p, request, NULL), 0);
}

static void a_parts_url_grants_nothing_else(void **state)
{
    struct place *p = *state;
    const char *uri = part_uri(p);
    assert_int_equal(verify(p, (struct store_request){.method = "GET", .uri = uri}, NULL), ERR_INVALID);
    assert_int_equal(
        verify(p, (struct store_request){.method = "PUT", .uri = uri, .content_length = "6", .content_md5 = BASE64},
               NULL),
        ERR_DENIED);
    assert_int_equal(
        verify(p,
               (struct store_request){
                   .method = "PUT", .uri = uri, .content_length = "5", .content_md5 = "YUFAKrxLKna5cZ2REBfFkg=="},
               NULL),
        ERR_DENIED);
    assert_int_equal(verify(p, (struct store_request){.method = "PUT", .uri = uri, .content_length = "5"}, NULL),
                     ERR_INVALID);
    assert_int_equal(verify(p, (struct store_request){.method = "PUT", .uri = uri, .content_md5 = BASE64}, NULL),
                     ERR_INVALID);
    assert_int_equal(
        verify(p,
               (struct store_request){.method = "PUT", .uri = uri, .content_length = "8388609", .content_md5 = BASE64},
               NULL),
        ERR_TOO_BIG);
    assert_int_equal(
        verify(
            p,
            (struct store_request){
                .method = "PUT", .uri = uri, .content_length = "5", .content_md5 = BASE64, .now_ms = now_ms + 900000},
            NULL),
        ERR_DENIED);
}

/* uri with the first `from` replaced by `to`. */
static const char *with(struct place *p, const char *uri, const char *from, const char *to)
{
    const char *at = strstr(uri, from);
    assert_non_null(at);
    return arena_printf(p->arena, "%.*s%s%s", (int)(at - uri), uri, to, at + strlen(from));
}

static void another_spelling_of_a_url_is_refused(void **state)
{
    struct place *p = *state;
    const char *uri = part_uri(p);
    const char *const others[] = {
        with(p, uri, "/objects/", "/objects//"),
        with(p, uri, "/objects/", "/objects/./"),
        with(p, uri, "/objects/", "/x/../objects/"),
        with(p, uri, "users", "%75sers"),
        with(p, uri, "backup.tar", "backup%2etar"),
        with(p, uri, "c1/backup", "c2/backup"),
        with(p, uri, "partNumber=3", "partNumber=4"),
        with(p, uri, "partNumber=3", "partNumber=03"),
        with(p, uri, "partNumber=3&", ""),
        with(p, uri, "partNumber=3", "partNumber=3&partNumber=3"),
        with(p, uri, "partNumber=3", "partNumber=3&response-content-type=text%2Fhtml"),
        with(p, uri, "uploadId=0193a000", "uploadId=0193a001"),
        with(p, uri, AGENT, "0193a000-0000-7000-8000-000000000009"),
        with(p, uri, "." AGENT, ""),
        with(p, uri, "?", "?&"),
        with(p, uri, "X-Amz-Expires=900", "X-Amz-Expires=901"),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const struct store_request request = {
            .method = "PUT", .uri = others[i], .content_length = "5", .content_md5 = BASE64};
        int rc = verify(p, request, NULL);
        if (rc != ERR_INVALID && rc != ERR_DENIED)
            fail_msg("accepted: %s", others[i]);
    }
}

static void a_download_url_serves_get_and_head_only(void **state)
{
    struct place *p = *state;
    const struct store_url want = {
        .agent_id = AGENT, .method = "GET", .path = PATH, .now_ms = now_ms, .expires_s = 3600};
    const char *url = NULL;
    int64_t expires_ms = 0;
    expect_ok(store_presign(p->store, &want, p->arena, &url, &expires_ms, &p->err), &p->err);
    const char *uri = strstr(url, "/objects/");
    assert_int_equal(verify(p, (struct store_request){.method = "GET", .uri = uri}, NULL), 0);
    assert_int_equal(verify(p, (struct store_request){.method = "HEAD", .uri = uri}, NULL), 0);
    assert_int_equal(verify(p, (struct store_request){.method = "PUT", .uri = uri, .content_length = "5"}, NULL),
                     ERR_DENIED);
}

/* --- bodies --- */

/* A file in the store's directory. */
static const char *put_file(struct place *p, const char *name, const char *text)
{
    const char *path = arena_printf(p->arena, "%s/%s", p->store_dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
    return path;
}

static int open_body_as(struct place *p, const char *file, int64_t size, enum part_digest kind, const char *want)
{
    char digest[PART_DIGEST_SIZE];
    int fd = -1;
    int rc = store_local_body_open(store_local_of(p->store), file, size, kind, &fd, digest, &p->err);
    if (rc == 0) {
        assert_string_equal(digest, want);
        (void)close(fd);
    }
    return rc;
}

static int open_body(struct place *p, const char *file, int64_t size)
{
    return open_body_as(p, file, size, PART_MD5, MD5);
}

static void a_body_is_a_plain_file_that_nginx_made(void **state)
{
    struct place *p = *state;
    const char *good = put_file(p, "incoming/0000000001", "hello");
    expect_ok(open_body(p, good, 5), &p->err);
    expect_ok(open_body_as(p, good, 5, PART_XXH64, XXH64_), &p->err);
    assert_int_equal(open_body(p, good, 4), ERR_INVALID);
    assert_int_equal(open_body(p, good, 6), ERR_INVALID);
    assert_int_equal(open_body(p, put_file(p, "incoming/name", "hello"), 5), ERR_INVALID);
    assert_int_equal(open_body(p, put_file(p, "uploads/2", "hello"), 5), ERR_INVALID);
    assert_int_equal(open_body(p, arena_printf(p->arena, "%s/incoming/../incoming/0000000001", p->store_dir), 5),
                     ERR_INVALID);
    assert_int_equal(open_body(p, "/etc/hostname", 5), ERR_INVALID);
    assert_int_equal(open_body(p, "", 5), ERR_INVALID);
}

static void a_body_is_no_link_and_no_pipe(void **state)
{
    struct place *p = *state;
    const char *target = put_file(p, "uploads/target", "hello");
    const char *link_path = arena_printf(p->arena, "%s/incoming/3", p->store_dir);
    assert_int_equal(symlink(target, link_path), 0);
    assert_int_equal(open_body(p, link_path, 5), ERR_IO);
    link_path = arena_printf(p->arena, "%s/incoming/4", p->store_dir);
    assert_int_equal(link(target, link_path), 0);
    assert_int_equal(open_body(p, link_path, 5), ERR_INVALID);
    link_path = arena_printf(p->arena, "%s/incoming/5", p->store_dir);
    assert_int_equal(mkfifo(link_path, 0600), 0);
    assert_int_equal(open_body(p, link_path, 0), ERR_INVALID);
}

/* --- uploads --- */

static void begin(struct place *p)
{
    char id[STORE_UPLOAD_ID_SIZE];
    expect_ok(store_upload_begin(p->store, PATH, RUN, id, &p->err), &p->err);
    assert_string_equal(id, RUN);
}

static int stage(struct place *p, int64_t offset, int64_t size, int *ret_fd)
{
    return store_local_stage(store_local_of(p->store), RUN, offset, size, ret_fd, &p->err);
}

/* Stores "hello" at an offset. */
static void store_hello(struct place *p, int64_t offset)
{
    const char *path = put_file(p, "incoming/7", "hello");
    int body = open(path, O_RDONLY | O_CLOEXEC);
    int fd = -1;
    expect_ok(stage(p, offset, 5, &fd), &p->err);
    expect_ok(store_local_copy(fd, offset, body, 5, &p->err), &p->err);
    (void)close(fd);
    (void)close(body);
}

/* Whole blocks go past the page cache where they can, the rest and what lies askew do not: the same bytes arrive. */
static void all_of_a_body_arrives_wherever_it_goes(void **state)
{
    static const struct {
        int64_t offset;
        size_t size;
    } cases[] = {{0, 4096}, {8192, 3 * 4096 + 5}, {5, 2 * 4096}, {1 << 20, 1 << 20}, {4096, 4095}, {0, 0}};
    struct place *p = *state;
    begin(p);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = cases[i].size;
        static char body[(1 << 20) + 1], back[sizeof body];
        memset(body, 0, sizeof body);
        for (size_t k = 0; k < size; k++)
            body[k] = (char)('a' + (k * 7 + k / 4096 + i) % 26);
        int from = open(put_file(p, "incoming/8", body), O_RDONLY | O_CLOEXEC);
        int fd = -1;
        expect_ok(stage(p, cases[i].offset, (int64_t)size, &fd), &p->err);
        expect_ok(store_local_copy(fd, cases[i].offset, from, (int64_t)size, &p->err), &p->err);
        assert_int_equal(pread(fd, back, size, cases[i].offset), size);
        assert_memory_equal(back, body, size);
        (void)close(fd);
        (void)close(from);
    }
}

/* As one part; that there were more makes no difference here. */
static int complete(struct place *p, int64_t size)
{
    const struct store_part part = {.number = 1, .size = size};
    struct store_made made = {.size = -1};
    int rc = store_upload_complete(p->store, PATH, RUN, &part, 1, &made, &p->err);
    assert_int_equal(made.size, rc == 0 ? size : -1);
    return rc;
}

static int64_t object_size(struct place *p)
{
    struct stat st;
    const char *path = arena_printf(p->arena, "%s/objects/%s", p->store_dir, PATH);
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

static bool staged(struct place *p)
{
    return access(arena_printf(p->arena, "%s/uploads/%s", p->store_dir, RUN), F_OK) == 0;
}

static void the_same_bytes_have_one_writer_at_a_time(void **state)
{
    struct place *p = *state;
    int first = -1, second = -1;
    begin(p);
    expect_ok(stage(p, PART, PART, &first), &p->err);
    assert_int_equal(stage(p, PART, PART, &second), ERR_UNAVAILABLE);
    expect_ok(stage(p, 0, PART, &second), &p->err);
    (void)close(second);
    (void)close(first);
    expect_ok(stage(p, PART, PART, &second), &p->err);
    (void)close(second);
}

static void an_object_is_what_was_stored_and_may_be_completed_again(void **state)
{
    struct place *p = *state;
    begin(p);
    store_hello(p, 0);
    assert_int_equal(complete(p, 6), ERR_CONFLICT);
    assert_int_equal(object_size(p), -1);
    expect_ok(complete(p, 5), &p->err);
    assert_int_equal(object_size(p), 5);
    assert_false(staged(p));
    expect_ok(complete(p, 5), &p->err);
    assert_int_equal(complete(p, 6), ERR_CONFLICT);
}

static void a_part_lands_at_its_offset(void **state)
{
    struct place *p = *state;
    begin(p);
    store_hello(p, PART);
    expect_ok(complete(p, PART + 5), &p->err);
    assert_int_equal(object_size(p), PART + 5);
}

static void nothing_is_written_into_a_finished_object(void **state)
{
    struct place *p = *state;
    int fd = -1;
    begin(p);
    store_hello(p, 0);
    expect_ok(complete(p, 5), &p->err);
    assert_int_equal(stage(p, 0, 5, &fd), ERR_CONFLICT);
}

static void an_object_is_not_made_while_a_part_is_written(void **state)
{
    struct place *p = *state;
    int fd = -1;
    begin(p);
    store_hello(p, 0);
    expect_ok(stage(p, PART, 5, &fd), &p->err);
    assert_int_equal(complete(p, 5), ERR_UNAVAILABLE);
    (void)close(fd);
    expect_ok(complete(p, 5), &p->err);
}

static void an_object_is_never_replaced(void **state)
{
    struct place *p = *state;
    begin(p);
    store_hello(p, 0);
    expect_ok(complete(p, 5), &p->err);
    begin(p);
    store_hello(p, 0);
    store_hello(p, 5);
    assert_int_equal(complete(p, 10), ERR_CONFLICT);
    assert_int_equal(object_size(p), 5);
}

static void an_aborted_upload_leaves_nothing(void **state)
{
    struct place *p = *state;
    begin(p);
    store_hello(p, 0);
    expect_ok(store_upload_abort(p->store, PATH, RUN, &p->err), &p->err);
    assert_false(staged(p));
    expect_ok(store_upload_abort(p->store, PATH, RUN, &p->err), &p->err);
    begin(p);
    store_hello(p, 0);
    expect_ok(complete(p, 5), &p->err);
    expect_ok(store_upload_abort(p->store, PATH, RUN, &p->err), &p->err);
    assert_int_equal(object_size(p), -1);
}

static void a_planted_link_is_not_followed(void **state)
{
    struct place *p = *state;
    const char *users = arena_printf(p->arena, "%s/objects/users", p->store_dir);
    begin(p);
    store_hello(p, 0);
    assert_int_equal(symlink("/tmp", users), 0);
    assert_int_equal(complete(p, 5), ERR_IO);
    assert_true(staged(p));
}

static void a_run_has_an_upload_for_each_object(void **state)
{
    struct place *p = *state;
    char id[STORE_UPLOAD_ID_SIZE];
    int fd = -1;
    expect_ok(store_upload_begin(p->store, PATH, RUN "-12", id, &p->err), &p->err);
    assert_string_equal(id, RUN "-12");
    expect_ok(store_local_stage(store_local_of(p->store), RUN "-12", 0, 5, &fd, &p->err), &p->err);
    (void)close(fd);
    const char *const others[] = {"", "-", RUN "-", RUN "-x", RUN "-1234567", RUN "-1/..", RUN "0", "12"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_not_equal(store_upload_begin(p->store, PATH, others[i], id, &p->err), 0);
}

static void parts_have_no_gap(void **state)
{
    struct place *p = *state;
    struct store_made made;
    const struct store_part gap[] = {{.number = 1, .size = 2}, {.number = 3, .size = 3}};
    const struct store_part empty[] = {{.number = 1, .size = 5}, {.number = 2, .size = 0}};
    begin(p);
    store_hello(p, 0);
    assert_int_equal(store_upload_complete(p->store, PATH, RUN, gap, 2, &made, &p->err), ERR_CONFLICT);
    assert_int_equal(store_upload_complete(p->store, PATH, RUN, empty, 2, &made, &p->err), ERR_CONFLICT);
    assert_int_equal(store_upload_complete(p->store, PATH, RUN, gap, 0, &made, &p->err), ERR_CONFLICT);
    assert_int_equal(object_size(p), -1);
}

/* --- objects --- */

static void an_object_is_looked_at_read_and_removed(void **state)
{
    struct place *p = *state;
    struct store_object object;
    struct store_reader *reader = NULL;
    char text[8];
    size_t len = 0;
    assert_int_equal(store_object_head(p->store, PATH, &object, &p->err), ERR_NOT_FOUND);
    assert_int_equal(store_object_open(p->store, PATH, &reader, &p->err), ERR_NOT_FOUND);
    expect_ok(store_object_delete(p->store, PATH, &p->err), &p->err);
    begin(p);
    store_hello(p, 0);
    expect_ok(complete(p, 5), &p->err);
    expect_ok(store_object_head(p->store, PATH, &object, &p->err), &p->err);
    assert_int_equal(object.size, 5);
    assert_int_equal(object.thaw, STORE_ONLINE);
    expect_ok(store_object_thaw(p->store, PATH, 1, &p->err), &p->err);
    expect_ok(store_object_open(p->store, PATH, &reader, &p->err), &p->err);
    expect_ok(store_object_read(reader, text, 4, &len, &p->err), &p->err);
    assert_int_equal(len, 4);
    expect_ok(store_object_read(reader, text + 4, 4, &len, &p->err), &p->err);
    assert_int_equal(len, 1);
    assert_memory_equal(text, "hello", 5);
    expect_ok(store_object_read(reader, text, 4, &len, &p->err), &p->err);
    assert_int_equal(len, 0);
    store_object_close(reader);
    expect_ok(store_object_delete(p->store, PATH, &p->err), &p->err);
    assert_int_equal(object_size(p), -1);
    expect_ok(store_object_delete(p->store, PATH, &p->err), &p->err);
}

static void an_object_that_ends_early_is_an_error(void **state)
{
    struct place *p = *state;
    struct store_reader *reader = NULL;
    char text[8];
    size_t len = 0;
    begin(p);
    store_hello(p, 0);
    expect_ok(complete(p, 5), &p->err);
    expect_ok(store_object_open(p->store, PATH, &reader, &p->err), &p->err);
    assert_int_equal(truncate(arena_printf(p->arena, "%s/objects/%s", p->store_dir, PATH), 3), 0);
    expect_ok(store_object_read(reader, text, sizeof text, &len, &p->err), &p->err);
    assert_int_equal(len, 3);
    assert_int_equal(store_object_read(reader, text, sizeof text, &len, &p->err), ERR_IO);
    store_object_close(reader);
}

static void an_id_that_is_no_run_names_no_upload(void **state)
{
    struct place *p = *state;
    int fd = -1;
    (void)put_file(p, "objects/target", "hello");
    assert_int_equal(store_local_stage(store_local_of(p->store), "../objects/target", 0, 5, &fd, &p->err),
                     ERR_CONFLICT);
    assert_int_equal(store_upload_forget(p->store, NULL, "../objects/target", &p->err), 0);
    assert_int_equal(access(arena_printf(p->arena, "%s/objects/target", p->store_dir), F_OK), 0);
}

/* --- tidying up --- */

static void age(const char *path, int64_t by_s)
{
    const struct timespec then = {.tv_sec = time(NULL) - by_s};
    assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){then, then}, 0), 0);
}

static int count_upload(void *ctx, const char *path, const char *upload_id, int64_t started_ms, struct err *err)
{
    (void)err;
    assert_null(path);
    assert_true(started_ms <= (time(NULL) - 60) * INT64_C(1000));
    assert_string_equal(upload_id, RUN);
    ++*(int *)ctx;
    return 0;
}

static void only_old_uploads_are_shown(void **state)
{
    struct place *p = *state;
    int count = 0;
    begin(p);
    expect_ok(store_upload_each(p->store, 60, count_upload, &count, &p->err), &p->err);
    assert_int_equal(count, 0);
    age(arena_printf(p->arena, "%s/uploads/%s", p->store_dir, RUN), 120);
    expect_ok(store_upload_each(p->store, 60, count_upload, &count, &p->err), &p->err);
    assert_int_equal(count, 1);
}

static void only_old_bodies_are_swept(void **state)
{
    struct place *p = *state;
    const char *old = put_file(p, "incoming/1", "hello");
    const char *fresh = put_file(p, "incoming/2", "hello");
    const char *other = put_file(p, "incoming/README", "hello");
    age(old, 120);
    age(other, 120);
    expect_ok(store_sweep(p->store, 60, &p->err), &p->err);
    assert_int_not_equal(access(old, F_OK), 0);
    assert_int_equal(access(fresh, F_OK), 0);
    assert_int_equal(access(other, F_OK), 0);
}

#define ADA "0193a000-0000-7000-8000-00000000000a"
#define BOB "0193a000-0000-7000-8000-00000000000b"

static void plant(struct place *p, const char *path)
{
    char full[400];
    (void)snprintf(full, sizeof full, "%s/objects/%s", p->store_dir, path);
    *strrchr(full, '/') = '\0';
    expect_ok(file_mkdirs(full, 0700, &p->err), &p->err);
    (void)snprintf(full, sizeof full, "objects/%s", path);
    (void)put_file(p, full, "x");
}

static bool is_there(struct place *p, const char *path)
{
    char full[400];
    struct stat st;
    (void)snprintf(full, sizeof full, "%s/objects/%s", p->store_dir, path);
    return lstat(full, &st) == 0;
}

static void all_of_one_person_is_removed_and_nothing_of_another(void **state)
{
    struct place *p = *state;
    bool gone = false;
    expect_ok(store_user_remove(p->store, ADA, 10000, &gone, &p->err), &p->err);
    assert_true(gone); /* there is none yet */
    plant(p, "users/" ADA "/agents/a1/configs/c1/one.tar.zst");
    plant(p, "users/" ADA "/agents/a2/configs/c2/two.tar.zst");
    plant(p, "users/" BOB "/agents/a1/configs/c1/one.tar.zst");
    char link[400], target[400];
    (void)snprintf(link, sizeof link, "%s/objects/users/" ADA "/agents/link", p->store_dir);
    (void)snprintf(target, sizeof target, "%s/objects/users/" BOB, p->store_dir);
    assert_int_equal(symlink(target, link), 0);
    gone = false;
    expect_ok(store_user_remove(p->store, ADA, 10000, &gone, &p->err), &p->err);
    assert_true(gone);
    assert_false(is_there(p, "users/" ADA));
    assert_true(is_there(p, "users/" BOB "/agents/a1/configs/c1/one.tar.zst"));
}

static void without_time_not_all_is_said_to_be_gone(void **state)
{
    struct place *p = *state;
    bool gone = true;
    plant(p, "users/" ADA "/agents/a1/configs/c1/one.tar.zst");
    expect_ok(store_user_remove(p->store, ADA, 0, &gone, &p->err), &p->err);
    assert_false(gone);
    assert_true(is_there(p, "users/" ADA "/agents/a1/configs/c1/one.tar.zst"));
}

static void only_a_persons_id_names_what_is_removed(void **state)
{
    struct place *p = *state;
    static const char *const ids[] = {"", ".", "..", "../uploads", ADA "/agents", "%2e"};
    bool gone = false;
    plant(p, "users/" ADA "/agents/a1/configs/c1/one.tar.zst");
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        assert_int_equal(store_user_remove(p->store, ids[i], 10000, &gone, &p->err), ERR_INVALID);
    assert_true(is_there(p, "users/" ADA "/agents/a1/configs/c1/one.tar.zst"));
}

static void a_touched_reserve_is_told(void **state)
{
    struct place *p = *state;
    int64_t room = 0;
    expect_ok(store_check(p->store, &p->err), &p->err);
    store_close(p->store);
    p->settings.store_reserve_bytes = INT64_MAX / 2;
    expect_ok(store_open(&p->settings, p->secrets, &p->store, &p->err), &p->err);
    expect_ok(store_room(p->store, &room, &p->err), &p->err);
    assert_true(room < 0);
    assert_int_equal(store_check(p->store, &p->err), ERR_UNAVAILABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_paths_of_the_one_form_are_valid),
        cmocka_unit_test(a_file_name_has_at_most_160_bytes),
        TEST(a_parts_url_grants_that_part_to_that_agent),
        TEST(a_parts_url_can_hold_its_digest),
        TEST(a_parts_url_grants_nothing_else),
        TEST(another_spelling_of_a_url_is_refused),
        TEST(a_download_url_serves_get_and_head_only),
        TEST(a_body_is_a_plain_file_that_nginx_made),
        TEST(a_body_is_no_link_and_no_pipe),
        TEST(all_of_a_body_arrives_wherever_it_goes),
        TEST(the_same_bytes_have_one_writer_at_a_time),
        TEST(an_object_is_what_was_stored_and_may_be_completed_again),
        TEST(a_part_lands_at_its_offset),
        TEST(nothing_is_written_into_a_finished_object),
        TEST(an_object_is_not_made_while_a_part_is_written),
        TEST(an_object_is_never_replaced),
        TEST(an_aborted_upload_leaves_nothing),
        TEST(a_planted_link_is_not_followed),
        TEST(a_run_has_an_upload_for_each_object),
        TEST(parts_have_no_gap),
        TEST(an_object_is_looked_at_read_and_removed),
        TEST(an_object_that_ends_early_is_an_error),
        TEST(an_id_that_is_no_run_names_no_upload),
        TEST(only_old_uploads_are_shown),
        TEST(only_old_bodies_are_swept),
        TEST(all_of_one_person_is_removed_and_nothing_of_another),
        TEST(without_time_not_all_is_said_to_be_gone),
        TEST(only_a_persons_id_names_what_is_removed),
        TEST(a_touched_reserve_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
