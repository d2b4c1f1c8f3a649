/* What a run stores, without a server, for test_snapshot.py:
 *
 *   snapshot_driver [OPTION…] STATE_DIR CONFIG_ID RUN_ID SOURCE…
 *
 *   --incremental SEQ           else a full run
 *   --archive FILE --index FILE where they go; else nowhere
 *   --method none|gzip|zstd     of the archive; none is the default
 *   --exclude PATTERN, --skip-tag NAME, --max-file-size BYTES, --one-file-system
 *   --clock MS                  what a clock says that is so many milliseconds ahead of the system's
 *   --at BYTES COMMAND          once the archive has as many bytes, the shell runs this
 *   --stop-at BYTES             once it has as many, the run is stopped
 *   --keep                      without commit
 *
 * Prints one JSON object; its "rc" is 0 or the error's code. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent.h"
#include "common/file.h"
#include "snapshot/snapshot.h"

enum { LIST_MAX = 64, ROOM = 16 * 1024 };

struct driver {
    const char *state_dir, *run_id, *archive, *index;
    struct remote_config config;
    const char *excludes[LIST_MAX], *skip_tags[LIST_MAX], *paths[LIST_MAX];
    struct pipeline_source sources[LIST_MAX];
    size_t source_count;
    bool incremental, keep;
    unsigned seq;
    int64_t ahead_ms;
    int64_t at;
    const char *command;
    int64_t stop_at;
    atomic_bool stop;
    int fd;
    int64_t written;
    char room[ROOM];
};

static struct driver d = {.at = -1, .stop_at = -1};

static int take_room(void *ctx, void **ret, size_t *ret_len, struct err *err)
{
    (void)ctx;
    (void)err;
    *ret = d.room;
    *ret_len = sizeof d.room;
    return 0;
}

static void give_filled(void *ctx, size_t len)
{
    struct err err;
    (void)ctx;
    if (d.fd >= 0 && file_write_all(d.fd, d.room, len, &err) != 0)
        abort();
    d.written += (int64_t)len;
    if (d.command != NULL && d.written >= d.at) {
        const char *command = d.command;
        d.command = NULL;
        if (system(command) != 0)
            abort();
    }
    if (d.stop_at >= 0 && d.written >= d.stop_at)
        atomic_store(&d.stop, true);
}

static const struct compress_receiver receiver = {.room = take_room, .filled = give_filled};

static int64_t shifted_now_ms(void *ctx)
{
    (void)ctx;
    return clock_now_ms(clock_system()) + d.ahead_ms;
}

static void open_out(const char *path)
{
    d.fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    d.written = 0;
}

static void close_out(void)
{
    if (d.fd >= 0)
        (void)close(d.fd);
}

static int run(struct snapshot *s, struct err *err)
{
    const struct snapshot_run options = {.run_id = d.run_id,
                                         .incremental = d.incremental,
                                         .chain_seq = d.seq,
                                         .method = d.config.method,
                                         .level = d.config.level};
    open_out(d.archive);
    int rc = snapshot_archive(s, &options, &receiver, &d.stop, err);
    close_out();
    if (rc == 0) {
        open_out(d.index);
        rc = snapshot_index(s, &receiver, &d.stop, err);
        close_out();
    }
    return rc == 0 && !d.keep ? snapshot_commit(s, err) : rc;
}

/* Of this program alone: getrusage would count the one that started it. */
static json_int_t peak_kib(void)
{
    char line[128];
    long long kib = -1;
    FILE *f = fopen("/proc/self/status", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "VmHWM: %lld", &kib) == 1)
            break;
    if (f != NULL)
        (void)fclose(f);
    return kib;
}

static void print(int rc, const struct err *err, const char *base, uint64_t files, uint64_t bytes, struct report *r)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    json_t *out = json_pack(
        "{s:i, s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:f}", "rc", rc, "error",
        rc == 0 ? "" : err->msg, "base", base, "totalFiles", (json_int_t)files, "totalBytes", (json_int_t)bytes,
        "files", (json_int_t)atomic_load(&r->files), "bytes", (json_int_t)atomic_load(&r->bytes), "listedFiles",
        (json_int_t)atomic_load(&r->listed_files), "listedBytes", (json_int_t)atomic_load(&r->listed_bytes), "problems",
        (json_int_t)report_problems(r), "unreadable", (json_int_t)report_count(r, REPORT_UNREADABLE), "vanished",
        (json_int_t)report_count(r, REPORT_VANISHED), "changed", (json_int_t)report_count(r, REPORT_CHANGED), "skipped",
        (json_int_t)report_count(r, REPORT_SKIPPED), "errors", report_errors_json(r), "peakKib", peak_kib(), "cpuS",
        cpu);
    char *text = out == NULL ? NULL : json_dumps(out, JSON_COMPACT);
    (void)puts(text == NULL ? "out of memory" : text);
    free(text);
    json_decref(out);
}

static int option(int argc, char **argv, int i)
{
    const char *name = argv[i];
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    struct remote_config *c = &d.config;
    if (strcmp(name, "--one-file-system") == 0 || strcmp(name, "--keep") == 0) {
        *(name[2] == 'k' ? &d.keep : &c->one_file_system) = true;
        return 1;
    }
    if (strcmp(name, "--incremental") == 0) {
        d.incremental = true;
        d.seq = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--archive") == 0) {
        d.archive = value;
    } else if (strcmp(name, "--index") == 0) {
        d.index = value;
    } else if (strcmp(name, "--method") == 0) {
        c->method = value[0] == 'z' ? COMPRESS_ZSTD : value[0] == 'g' ? COMPRESS_GZIP : COMPRESS_NONE;
    } else if (strcmp(name, "--exclude") == 0 && c->exclude_count < LIST_MAX) {
        d.excludes[c->exclude_count++] = value;
    } else if (strcmp(name, "--skip-tag") == 0 && c->skip_tag_count < LIST_MAX) {
        d.skip_tags[c->skip_tag_count++] = value;
    } else if (strcmp(name, "--max-file-size") == 0) {
        c->max_file_size = strtoll(value, NULL, 10);
    } else if (strcmp(name, "--clock") == 0) {
        d.ahead_ms = strtoll(value, NULL, 10);
    } else if (strcmp(name, "--stop-at") == 0) {
        d.stop_at = strtoll(value, NULL, 10);
    } else if (strcmp(name, "--at") == 0 && i + 2 < argc) {
        d.at = strtoll(value, NULL, 10);
        d.command = argv[i + 2];
        return 3;
    } else {
        (void)fprintf(stderr, "snapshot_driver: %s?\n", name);
        exit(2);
    }
    return 2;
}

static int arguments(int argc, char **argv)
{
    int i = 1;
    d.config = (struct remote_config){.max_file_size = -1, .excludes = d.excludes, .skip_tags = d.skip_tags};
    while (i < argc && strncmp(argv[i], "--", 2) == 0)
        i += option(argc, argv, i);
    if (argc - i < 4 || argc - i - 3 > LIST_MAX)
        return -1;
    d.state_dir = argv[i];
    d.config.id = argv[i + 1];
    d.run_id = argv[i + 2];
    for (i += 3; i < argc; i++)
        d.sources[d.source_count++] =
            (struct pipeline_source){.path = argv[i], .fd = open(argv[i], O_PATH | O_CLOEXEC)};
    return 0;
}

int main(int argc, char **argv)
{
    if (arguments(argc, argv) != 0)
        return 2;
    const struct clock clock = {.now_ms = shifted_now_ms};
    const struct agent agent = {.state_dir = d.state_dir, .clock = clock_system()};
    struct report report;
    struct err err = {0};
    struct snapshot *s = NULL;
    report_init(&report);
    const struct snapshot_options options = {.agent = &agent,
                                             .config = &d.config,
                                             .sources = d.sources,
                                             .source_count = d.source_count,
                                             .report = &report,
                                             .clock = &clock};
    uint64_t files = 0, bytes = 0;
    char base[REMOTE_ID_SIZE] = "";
    int rc = snapshot_open(&options, &s, &err);
    if (rc == 0) {
        snapshot_totals(s, &files, &bytes);
        (void)snprintf(base, sizeof base, "%s", snapshot_base(s) == NULL ? "" : snapshot_base(s));
        rc = run(s, &err);
    }
    print(rc, &err, base[0] == '\0' ? NULL : base, files, bytes, &report);
    snapshot_free(s);
    report_done(&report);
    return 0;
}
