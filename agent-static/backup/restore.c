#include "backup/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <mbedtls/sha256.h>

#include "backup/extract.h"
#include "backup/remote.h"
#include "backup/retry.h"
#include "backup/roots.h"
#include "backup/stream.h"
#include "common/encode.h"

enum { STREAM_SIZE = 1024 * 1024, STACK_SIZE = 256 * 1024, RUN_MEMORY = 64 * 1024, RETRY_MS = 2 * 60 * 1000 };

/* --- the archive, coming in -------------------------------------------------------------------------------------- */

struct download {
    struct api *api;
    const struct agent *agent;
    const struct remote_stored_run *run;
    struct stream *stream;
    int64_t received;
    unsigned char sha256[32];
    mbedtls_sha256_context hash;
    int rc;
    struct err err;
};

static int take_bytes(void *ctx, const void *data, size_t len, struct err *err)
{
    struct download *d = ctx;
    d->received += (int64_t)len;
    if (mbedtls_sha256_update(&d->hash, data, len) != 0)
        return err_set(err, ERR_INTERNAL, "hashing failed");
    return stream_write(d->stream, data, len, err);
}

/* The archive from where we are on. A store that knows no ranges and sends it from the start again is found out by the
 * size and the hash. */
static int fetch_rest(struct download *d, const char *url)
{
    char range[48];
    (void)snprintf(range, sizeof range, "bytes=%lld-", (long long)d->received);
    const struct http_header headers[] = {{"Range", range}};
    const struct http_request request = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .header_count = d->received > 0 ? 1 : 0,
        .timeouts = {.connect_ms = 15000, .io_ms = 60000, .total_ms = 0},
        .sink = take_bytes,
        .sink_ctx = d,
    };
    struct http_reply reply = {0};
    int rc = api_store(d->api, &request, &reply, &d->err);
    if (rc != 0)
        return rc;
    int wanted = request.header_count > 0 ? 206 : 200;
    if (reply.status != wanted)
        rc = err_set(&d->err, reply.status >= 500 ? ERR_UNAVAILABLE : ERR_DENIED, "the store answered with status %d",
                     reply.status);
    buf_done(&reply.body);
    return rc;
}

/* The same with a URL that has not run out. */
static int fetch_rest_afresh(struct download *d)
{
    struct remote_stored_run again;
    struct arena *arena = arena_new(RUN_MEMORY);
    int rc = arena == NULL ? err_set(&d->err, ERR_NOMEM, "out of memory") : 0;
    if (rc == 0)
        rc = remote_restore(d->api, d->run->log_id, NULL, NULL, arena, &again, &d->err);
    if (rc == 0)
        rc = fetch_rest(d, again.url);
    arena_free(arena);
    return rc;
}

/* A connection that breaks is taken up again where it broke, as long as something comes in between. */
static int fetch(struct download *d)
{
    struct retry retry;
    int64_t before = 0;
    retry_init(&retry, d->agent->clock, RETRY_MS);
    int rc = fetch_rest(d, d->run->url);
    while (retry_worth(rc)) {
        if (d->received > before)
            retry_init(&retry, d->agent->clock, RETRY_MS);
        before = d->received;
        int wait = retry_next_ms(&retry, NULL);
        if (wait < 0)
            break;
        retry_sleep(wait);
        rc = fetch_rest_afresh(d);
    }
    if (rc == 0 && mbedtls_sha256_finish(&d->hash, d->sha256) != 0)
        rc = err_set(&d->err, ERR_INTERNAL, "hashing failed");
    return rc;
}

static void *download_main(void *arg)
{
    struct download *d = arg;
    d->rc = fetch(d);
    stream_end(d->stream);
    return NULL;
}

static void read_stream(void *ctx, const void **ret, size_t *ret_len)
{
    stream_read(ctx, ret, ret_len);
}

/* Whether what came in is what was stored. */
static int verify(const struct download *d, const struct remote_stored_run *run, struct err *err)
{
    char hex[HEX_SIZE(32)];
    hex_encode(d->sha256, sizeof d->sha256, hex);
    if (run->size >= 0 && d->received != run->size)
        return err_set(err, ERR_CORRUPT, "the archive has %lld bytes instead of %lld", (long long)d->received,
                       (long long)run->size);
    if (run->sha256 == NULL) /* of an upload that was not ours */
        (void)fputs("note: the server knows no SHA-256 of this archive, so its content could not be verified\n",
                    stderr);
    else if (strcmp(hex, run->sha256) != 0)
        return err_set(err, ERR_CORRUPT, "the archive is not the one that was stored: its SHA-256 differs");
    return 0;
}

/* Downloads and extracts at once. The verdict on the whole archive comes last. */
static int run_archive(const struct agent *agent, struct api *api, const struct remote_stored_run *run,
                       const struct extract_options *options, struct err *err)
{
    struct download d = {.agent = agent, .api = api, .run = run};
    struct extract_options extract = *options;
    pthread_t thread;
    pthread_attr_t attr;
    mbedtls_sha256_init(&d.hash);
    d.stream = stream_new(STREAM_SIZE);
    if (d.stream == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    extract.read = read_stream;
    extract.ctx = d.stream;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    int rc = mbedtls_sha256_starts(&d.hash, 0) != 0 || pthread_create(&thread, &attr, download_main, &d) != 0
                 ? err_set(err, ERR_NOMEM, "cannot start the download")
                 : 0;
    (void)pthread_attr_destroy(&attr);
    if (rc == 0) {
        rc = extract_archive(&extract, err);
        const void *rest = NULL;
        for (size_t len = 1; rc == 0 && len > 0;) /* what follows the archive counts for the hash */
            stream_read(d.stream, &rest, &len);
        stream_leave(d.stream);
        (void)pthread_join(thread, NULL);
        if (d.rc != 0 && d.rc != ERR_CONFLICT) { /* then the extraction failed only because bytes were missing */
            *err = d.err;
            rc = d.rc;
        } else if (rc == 0) {
            rc = verify(&d, run, err);
        }
    }
    mbedtls_sha256_free(&d.hash);
    stream_free(d.stream);
    return rc;
}

/* --- the target -------------------------------------------------------------------------------------------------- */

/* Where files go. Without overwrite that is "<name>.partial" beside the target, which gets its name when all is well;
 * so a target is whole or not there. */
struct target {
    char path[PATH_MAX];
    int dir_fd; /* holds it */
    const char *name;
    char partial[NAME_MAX + 16];
    bool in_place;
};

static bool is_empty_directory(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    size_t count = 0;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count <= 2;
}

static int make_directory(struct target *t, const char *name, struct err *err)
{
    if (mkdirat(t->dir_fd, name, 0700) != 0 && !(t->in_place && errno == EEXIST)) {
        if (errno == EEXIST)
            return err_set(err, ERR_CONFLICT,
                           "%.200s.partial is left from a restore that did not finish: look at it, "
                           "then remove it",
                           t->path);
        return err_sys(err, ERR_IO, "make directory for %.200s", t->path);
    }
    int fd = openat(t->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, ERR_IO, "%.200s", t->path);
    if (!t->in_place) { /* what it inherited would be passed on to all that is restored */
        (void)fremovexattr(fd, "system.posix_acl_default");
        (void)fremovexattr(fd, "system.posix_acl_access");
    }
    int rc = fchdir(fd) == 0 ? 0 : err_sys(err, ERR_IO, "%.200s", t->path);
    (void)close(fd);
    return rc;
}

/* Checks the target against RESTORE_ROOTS and steps into the directory to extract in. */
static int enter_target(const struct agent *agent, const struct restore_options *options, const char *log_id,
                        struct target *t, struct err *err)
{
    char wanted[PATH_MAX];
    char below[REMOTE_ID_SIZE + 16];
    (void)snprintf(below, sizeof below, "restore/%s", log_id);
    int rc = options->target == NULL ? agent_state_path(agent, below, wanted, err) : 0;
    if (rc == 0)
        rc = roots_clean_path(options->target == NULL ? wanted : options->target, t->path, err);
    if (rc == 0)
        rc = roots_open_target(agent, t->path, &t->dir_fd, &t->name, err);
    if (rc != 0)
        return rc;
    struct stat st;
    bool exists = fstatat(t->dir_fd, t->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    t->in_place = options->overwrite && exists;
    if (t->in_place)
        return make_directory(t, t->name, err);
    if (exists && !is_empty_directory(t->dir_fd, t->name))
        return err_set(err, ERR_CONFLICT, "%.200s is there already: choose another target or give --overwrite",
                       t->path);
    if (strcmp(t->name, ".") == 0)
        return err_set(err, ERR_CONFLICT, "%.200s is a root itself: choose a target below it or give --overwrite",
                       t->path);
    if (snprintf(t->partial, sizeof t->partial, "%s.partial", t->name) > NAME_MAX)
        return err_set(err, ERR_TOO_BIG, "the name of the target is too long");
    return make_directory(t, t->partial, err);
}

static int settle_target(struct target *t, struct err *err)
{
    int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && syncfs(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (!synced)
        return err_sys(err, ERR_IO, "write %.200s to disk", t->path);
    if (t->in_place)
        return 0;
    if (renameat(t->dir_fd, t->partial, t->dir_fd, t->name) != 0 || fsync(t->dir_fd) != 0)
        return err_sys(err, ERR_IO, "rename %.100s to %.100s", t->partial, t->name);
    return 0;
}

/* --- the command ------------------------------------------------------------------------------------------------- */

static void print_problems(struct report *report)
{
    json_t *errors = report_errors_json(report);
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *item = json_array_get(errors, i);
        const char *path = json_string_value(json_object_get(item, "path"));
        (void)fprintf(stderr, "%s: %s\n", path == NULL ? "archive" : path,
                      json_string_value(json_object_get(item, "message")));
    }
    json_decref(errors);
}

static void print_summary(const struct remote_stored_run *run, const struct target *t, struct report *report, bool json)
{
    uint64_t files = atomic_load(&report->files);
    uint64_t bytes = atomic_load(&report->bytes);
    if (!json) {
        (void)printf("restored %llu files, %.1f MB, of %s (%s) into %s\n", (unsigned long long)files,
                     (double)bytes / 1e6, run->config_name, run->filename, t->path);
        return;
    }
    json_t *value = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o*}", "logId", run->log_id, "filename", run->filename,
                              "target", t->path, "files", (json_int_t)files, "bytes", (json_int_t)bytes, "errorCount",
                              (json_int_t)report_problems(report), "errors", report_errors_json(report));
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));
    if (text != NULL)
        (void)printf("%s\n", text);
    free(text);
    json_decref(value);
}

static int list_archive(const struct agent *agent, struct api *api, const struct remote_stored_run *run, bool json,
                        struct report *report, struct err *err)
{
    const struct extract_options options = {.report = report, .list = stdout, .json = json};
    if (json)
        (void)printf("{\"logId\":\"%s\",\"entries\":[", run->log_id);
    int rc = run_archive(agent, api, run, &options, err);
    if (json)
        (void)printf("],\"complete\":%s}\n", rc == 0 ? "true" : "false");
    return rc;
}

static int restore_to(struct agent *agent, const struct restore_options *options, struct api *api,
                      const struct remote_stored_run *run, struct report *report, struct err *err)
{
    struct target t = {.dir_fd = -1};
    struct progress progress;
    progress_init(&progress, agent->clock, !options->json);
    int rc = enter_target(agent, options, run->log_id, &t, err);
    if (rc == 0) {
        const struct extract_options extract = {.report = report, .progress = &progress};
        rc = run_archive(agent, api, run, &extract, err);
        progress_end(&progress);
        if (rc == 0)
            rc = settle_target(&t, err);
        else if (t.in_place)
            (void)err_prefix(err, "%.100s is restored in part only", t.path);
        else
            (void)err_prefix(err, "nothing restored; what could be read is in %.80s.partial", t.path);
    }
    if (rc == 0)
        print_summary(run, &t, report, options->json);
    if (t.dir_fd >= 0)
        (void)close(t.dir_fd);
    return rc;
}

int restore_run(struct agent *agent, const struct restore_options *options, struct err *err)
{
    if (!agent_enrolled(agent))
        return err_set(err, ERR_DENIED, "this host is not enrolled: run muster-agent enroll first");
    struct api *api = NULL;
    struct remote_stored_run run;
    struct report report;
    report_init(&report);
    struct arena *arena = arena_new(RUN_MEMORY);
    int rc = arena == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    if (rc == 0)
        rc = api_open(agent, &api, err);
    if (rc == 0)
        rc = remote_restore(api, options->log_id, options->config_id, options->config_name, arena, &run, err);
    if (rc == 0 && options->list_only)
        rc = list_archive(agent, api, &run, options->json, &report, err);
    else if (rc == 0)
        rc = restore_to(agent, options, api, &run, &report, err);
    uint64_t problems = report_problems(&report);
    if (problems > 0)
        print_problems(&report);
    if (rc == 0 && problems > 0)
        rc = err_set(err, ERR_IO, "%llu entries could not be restored as they were", (unsigned long long)problems);
    api_close(api);
    arena_free(arena);
    report_done(&report);
    return rc;
}
