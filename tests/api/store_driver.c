/* An object store, one call at a time, for tests/api: store-driver COMMAND ARGUMENT…, with the settings of a server in
 * the environment. Prints what the call gives; on failure "name of the error: story" and exit 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/secrets.h"
#include "common/token.h"
#include "settings.h"
#include "store/store.h"

enum { ARENA_BYTES = 1 << 20 };

struct call {
    struct store *store;
    struct arena *arena;
    char **args;
    int count;
    struct err err;
};

static int64_t number(const struct call *c, int i)
{
    return i < c->count ? strtoll(c->args[i], NULL, 10) : 0;
}

static int check(struct call *c)
{
    return store_check(c->store, &c->err);
}

/* METHOD PATH SIZE EXPIRES [UPLOAD_ID NUMBER [MD5]] */
static int url(struct call *c)
{
    const char *text = NULL;
    int64_t expires_ms = 0;
    const struct store_url want = {.agent_id = "0193a000-0000-7000-8000-000000000001",
                                   .method = c->args[0],
                                   .path = c->args[1],
                                   .size = number(c, 2),
                                   .expires_s = (int)number(c, 3),
                                   .upload_id = c->count > 4 ? c->args[4] : NULL,
                                   .number = number(c, 5),
                                   .digest = c->count > 6 ? c->args[6] : NULL,
                                   .now_ms = clock_now_ms(clock_system())};
    int rc = store_presign(c->store, &want, c->arena, &text, &expires_ms, &c->err);
    if (rc == 0)
        (void)puts(text);
    return rc;
}

/* PATH HINT */
static int begin(struct call *c)
{
    char id[STORE_UPLOAD_ID_SIZE];
    int rc = store_upload_begin(c->store, c->args[0], c->args[1], id, &c->err);
    if (rc == 0)
        (void)puts(id);
    return rc;
}

/* PATH UPLOAD_ID SIZE:MD5… */
static int complete(struct call *c)
{
    struct store_made made;
    size_t count = (size_t)c->count - 2;
    struct store_part *parts = arena_array(c->arena, count, sizeof *parts);
    for (size_t i = 0; parts != NULL && i < count; i++) {
        char *md5 = strchr(c->args[i + 2], ':');
        parts[i] = (struct store_part){.number = (int64_t)i + 1, .size = number(c, (int)i + 2)};
        parts[i].digest = md5 != NULL ? md5 + 1 : NULL;
    }
    int rc = store_upload_complete(c->store, c->args[0], c->args[1], parts, count, &made, &c->err);
    if (rc == 0)
        (void)printf("%lld %s\n", (long long)made.size, made.etag);
    return rc;
}

static int abort_upload(struct call *c)
{
    return store_upload_abort(c->store, c->args[0], c->args[1], &c->err);
}

static int forget(struct call *c)
{
    return store_upload_forget(c->store, c->args[0], c->args[1], &c->err);
}

static int show(void *ctx, const char *path, const char *upload_id, int64_t started_ms, struct err *err)
{
    (void)ctx;
    (void)err;
    (void)printf("%s %s %lld\n", path != NULL ? path : "-", upload_id, (long long)started_ms);
    return 0;
}

/* MIN_AGE_S */
static int uploads(struct call *c)
{
    return store_upload_each(c->store, number(c, 0), show, NULL, &c->err);
}

static int head(struct call *c)
{
    static const char *const states[] = {"online", "archived", "thawing", "thawed"};
    struct store_object o;
    int rc = store_object_head(c->store, c->args[0], &o, &c->err);
    if (rc == 0)
        (void)printf("%lld %s %s\n", (long long)o.size, states[o.thaw], o.etag);
    return rc;
}

/* PATH DAYS */
static int thaw(struct call *c)
{
    return store_object_thaw(c->store, c->args[0], (int)number(c, 1), &c->err);
}

static int delete_object(struct call *c)
{
    return store_object_delete(c->store, c->args[0], &c->err);
}

static int read_object(struct call *c)
{
    struct store_reader *r = NULL;
    char buf[100000];
    size_t len = 1;
    int rc = store_object_open(c->store, c->args[0], &r, &c->err);
    while (rc == 0 && len > 0) {
        rc = store_object_read(r, buf, sizeof buf, &len, &c->err);
        if (rc == 0 && fwrite(buf, 1, len, stdout) != len)
            rc = err_sys(&c->err, ERR_IO, "write");
    }
    store_object_close(r);
    return rc;
}

static const struct {
    const char *name;
    int least; /* arguments */
    int (*run)(struct call *c);
} commands[] = {
    {"check", 0, check},   {"url", 4, url},          {"begin", 2, begin},          {"complete", 3, complete},
    {"forget", 2, forget}, {"head", 1, head},        {"abort", 2, abort_upload},   {"uploads", 1, uploads},
    {"thaw", 2, thaw},     {"read", 1, read_object}, {"delete", 1, delete_object},
};

static int run(struct call *c, const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0 && c->count >= commands[i].least)
            return commands[i].run(c);
    return err_set(&c->err, ERR_INVALID, "no such command, or too few arguments");
}

int main(int argc, char **argv)
{
    struct settings *settings = NULL;
    struct secrets *secrets = NULL;
    struct call c = {.args = argv + 2, .count = argc - 2, .arena = arena_new(ARENA_BYTES)};
    int rc = settings_load("/dev/null", &settings, &c.err);
    if (rc == 0 && settings->s3.bucket == NULL)
        rc = secrets_load(settings->secrets_dir, &secrets, &c.err);
    if (rc == 0)
        rc = store_open(settings, secrets, &c.store, &c.err);
    if (rc == 0)
        rc = argc >= 2 ? run(&c, argv[1]) : err_set(&c.err, ERR_INVALID, "which command?");
    if (rc != 0)
        (void)fprintf(stderr, "%s: %s\n", err_name(rc), c.err.msg);
    store_close(c.store);
    secrets_free(secrets);
    settings_free(settings);
    arena_free(c.arena);
    return rc == 0 ? 0 : 1;
}
