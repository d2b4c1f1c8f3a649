/* The steps of an update that has no server to offer it, one at a time, for test_download.py:
 *
 *   download URL PART NOTE SIZE SHA256 CA [RATE [LEAST_RATE LEAST_WINDOW_MS GIVE_UP_MS]]
 *   patch BASE BASE_SHA256 PATCH RESULT SIZE SHA256
 *   open A                    A could be updated
 *   finish A                  A.part becomes A.new
 *   space DIRECTORY BYTES RESERVE
 *   selftest BINARY VERSION [CONFIG]
 *   fetch NAME MAX            of UPDATE_SERVER, with the environment as configuration
 *   url PATH SHA256           of that target there
 *
 * Prints {"rc": 0, "error": "", "errno": 0, "percents": [...], "peak_kib": …}; SIGTERM cancels a download. */
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "common/clock.h"
#include "common/file.h"
#include "net/tls.h"
#include "net/url.h"
#include "poll/signals.h"
#include "update/binary.h"
#include "update/download.h"
#include "update/patch.h"
#include "update/selftest.h"
#include "update/source.h"
#include "update/space.h"

static json_t *percents;

static void note_percent(void *ctx, int percent)
{
    (void)ctx;
    (void)json_array_append_new(percents, json_integer(percent));
}

static int64_t number(char **argv, int argc, int index)
{
    return index < argc ? strtoll(argv[index], NULL, 10) : 0;
}

static int download(int argc, char **argv, struct err *err)
{
    struct signals signals;
    struct tls_trust *trust = NULL;
    char *ca = NULL;
    int rc = signals_init(&signals, err);
    if (rc == 0)
        rc = tls_trust_new(clock_system(), &trust, err);
    if (rc == 0)
        rc = file_read(argv[7], 1024 * 1024, &ca, NULL, err);
    if (rc == 0)
        rc = tls_trust_add_ca(trust, ca, true, err);
    struct http *http = http_new(trust);
    struct download d = {
        .http = http,
        .cancel_fd = signals.stop_fd,
        .url = argv[2],
        .part = argv[3],
        .note = argv[4],
        .size = number(argv, argc, 5),
        .sha256 = argv[6],
        .rate = number(argv, argc, 8),
        .least_rate = number(argv, argc, 9),
        .least_window_ms = number(argv, argc, 10),
        .give_up_ms = number(argv, argc, 11),
        .progress = note_percent,
    };
    http_set_cancel(http, signals.stop_fd);
    if (rc == 0)
        rc = download_run(&d, err);
    http_free(http);
    tls_trust_free(trust);
    free(ca);
    signals_done(&signals);
    return rc;
}

static int patch(int argc, char **argv, struct err *err)
{
    const struct patch p = {.base = argv[2],
                            .base_sha256 = argv[3],
                            .patch = argv[4],
                            .result = argv[5],
                            .result_size = number(argv, argc, 6),
                            .result_sha256 = argv[7]};
    return patch_apply(&p, err);
}

static int open_binary(int argc, char **argv, struct err *err)
{
    struct binary b;
    (void)argc;
    return binary_open(argv[2], &b, err);
}

static int finish(int argc, char **argv, struct err *err)
{
    struct binary b;
    (void)argc;
    int rc = binary_open(argv[2], &b, err);
    return rc == 0 ? binary_finish(&b, err) : rc;
}

static int space(int argc, char **argv, struct err *err)
{
    const struct space_need need = {.fetched = number(argv, argc, 3), .reserve = number(argv, argc, 4)};
    return space_check(argv[2], &need, err);
}

static int selftest(int argc, char **argv, struct err *err)
{
    const struct selftest s = {.path = argv[2], .version = argv[3], .config_path = argc > 4 ? argv[4] : NULL};
    return selftest_run(&s, err);
}

/* With the environment as configuration. */
static int open_source(struct agent **ret_agent, struct source **ret, struct err *err)
{
    int rc = agent_look(NULL, ret_agent, err);
    return rc == 0 ? source_open(*ret_agent, ret, err) : rc;
}

static int fetch(int argc, char **argv, struct err *err)
{
    struct agent *agent = NULL;
    struct source *source = NULL;
    struct buf body;
    size_t max = (size_t)number(argv, argc, 3);
    buf_init(&body, max);
    int rc = open_source(&agent, &source, err);
    if (rc == 0)
        rc = source_fetch(source, argv[2], max, &body, err);
    if (rc == 0)
        (void)fprintf(stderr, "%s", buf_str(&body));
    buf_done(&body);
    source_close(source);
    agent_close(agent);
    return rc;
}

static int target_url(int argc, char **argv, struct err *err)
{
    struct agent *agent = NULL;
    struct source *source = NULL;
    char url[URL_MAX];
    (void)argc;
    int rc = open_source(&agent, &source, err);
    if (rc == 0)
        rc = source_target_url(source, argv[2], argv[3], url, err);
    if (rc == 0)
        (void)fprintf(stderr, "%s", url);
    source_close(source);
    agent_close(agent);
    return rc;
}

/* Not getrusage's, which also knows of the process that was forked from. */
static json_int_t peak_kib(void)
{
    char *status = NULL;
    struct err err;
    long long kib = -1;
    if (file_read("/proc/self/status", 64 * 1024, &status, NULL, &err) == 0) {
        const char *line = strstr(status, "VmHWM:");
        kib = line != NULL ? strtoll(line + 6, NULL, 10) : -1;
    }
    free(status);
    return kib;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int least; /* arguments, itself included */
        int (*run)(int argc, char **argv, struct err *err);
    } steps[] = {
        {"download", 8, download}, {"patch", 8, patch},       {"open", 3, open_binary}, {"finish", 3, finish},
        {"space", 5, space},       {"selftest", 4, selftest}, {"fetch", 4, fetch},      {"url", 4, target_url},
    };
    struct err err = {0};
    int rc = 1;
    percents = json_array();
    for (size_t i = 0; argc > 1 && i < sizeof steps / sizeof steps[0]; i++)
        if (strcmp(argv[1], steps[i].name) == 0 && argc >= steps[i].least)
            rc = steps[i].run(argc, argv, &err);
    json_t *report = json_pack("{s:i, s:s, s:i, s:o, s:I}", "rc", rc, "error", rc == 0 ? "" : err.msg, "errno",
                               rc == 0 ? 0 : err.sys_errno, "percents", percents, "peak_kib", peak_kib());
    (void)json_dumpf(report, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(report);
    return 0;
}
