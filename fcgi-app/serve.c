#include "serve.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/first_admin.h"
#include "backup/backup.h"
#include "command.h"
#include "common/file.h"
#include "common/log.h"
#include "fleet/fleet.h"
#include "fleet/presence.h"
#include "housekeeping.h"
#include "http/line.h"
#include "http/park.h"
#include "http/server.h"
#include "live/live.h"
#include "ops/changes.h"
#include "ops/ops.h"
#include "policy/policy.h"
#include "route.h"

const char serve_details[] =
    "Runs in the foreground and logs to standard error. SIGTERM or SIGINT: finish the requests under way and end.\n"
    "SIGHUP: read the configuration again; log level and format, limits and intervals take effect, what needs a\n"
    "restart is said and refused.";

enum { DRAIN_REQUESTS_MS = 10 * 1000, DRAIN_ALL_S = 30, RELOADS_MAX = 64 };

struct server {
    const char *config_path;
    struct app *app;
    struct http_server *http;
    struct housekeeping *housekeeping;
    struct settings *settings[RELOADS_MAX]; /* all that were ever in force: requests may still hold one */
    size_t settings_count;
};

/* --- the process --- */

/* No core file and no debugger of the same user: memory holds keys. */
static void harden(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

/* Waiting requests hold a descriptor each: take all that may be had. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void wanted_signals(sigset_t *ret)
{
    (void)sigemptyset(ret);
    (void)sigaddset(ret, SIGTERM);
    (void)sigaddset(ret, SIGINT);
    (void)sigaddset(ret, SIGHUP);
}

/* Before FCGX_Init, which installs handlers of its own that swallow SIGTERM, and before any thread. The main thread
 * takes the signals with sigwait; nobody else sees them. */
static void set_up_signals(void)
{
    sigset_t set;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    wanted_signals(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGUSR1, &ignore, NULL);
}

static void drain_took_too_long(int sig)
{
    static const char text[] = "muster-app: the drain took too long; ending now. Nothing acknowledged is lost.\n";
    (void)sig;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(CLI_FAILED);
    _exit(CLI_FAILED);
}

/* --- reload --- */

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The first setting that differs and cannot change while we run; NULL: none. */
static const char *needs_restart(const struct settings *a, const struct settings *b)
{
    return !same(a->db_path, b->db_path)             ? "MUSTER_DB"
           : !same(a->socket_path, b->socket_path)   ? "MUSTER_SOCKET"
           : !same(a->socket_group, b->socket_group) ? "MUSTER_SOCKET_GROUP"
           : !same(a->pid_path, b->pid_path)         ? "MUSTER_PID_FILE"
           : !same(a->secrets_dir, b->secrets_dir)   ? "MUSTER_SECRETS_DIR"
           : !same(a->store_dir, b->store_dir)       ? "MUSTER_STORE_DIR"
           : !same(a->update_dir, b->update_dir)     ? "MUSTER_UPDATE_DIR"
           : !same(a->public_url, b->public_url)     ? "MUSTER_PUBLIC_URL"
           : !same(a->agent_url, b->agent_url)       ? "MUSTER_AGENT_URL"
           : !settings_s3_same(&a->s3, &b->s3)       ? "AWS_S3_BUCKET or what belongs to it"
           : a->threads != b->threads                ? "MUSTER_THREADS"
           : a->max_parked != b->max_parked          ? "MUSTER_MAX_PARKED"
                                                     : NULL;
}

static void reload(struct server *s)
{
    struct settings *fresh = NULL;
    struct err err = {0};
    if (s->settings_count == RELOADS_MAX) {
        log_error("configuration not reloaded: %d reloads are enough; restart", RELOADS_MAX - 1);
        return;
    }
    if (settings_load(s->config_path, &fresh, &err) != 0) {
        log_error("configuration not reloaded, the old one stays: %s", err.msg);
        return;
    }
    const char *fixed = needs_restart(s->app->settings, fresh);
    if (fixed != NULL) {
        log_error("configuration not reloaded, the old one stays: a change of %s needs a restart", fixed);
        settings_free(fresh);
        return;
    }
    s->settings[s->settings_count++] = fresh;
    s->app->settings = fresh;
    log_init(STDERR_FILENO, fresh->log_level, fresh->log_format);
    log_info("configuration reloaded");
}

/* --- life --- */

static int write_pid(const char *path, struct err *err)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    return file_write(path, text, (size_t)len, 0644, err);
}

static int start(struct server *s, struct settings *settings, struct err *err)
{
    int rc = route_check(err);
    if (rc == 0)
        rc = first_admin_check(settings, err);
    if (rc == 0)
        rc = app_open(settings, &(struct app_options){.server = true}, &s->app, err);
    if (rc == 0)
        rc = fleet_watch(s->app, err);
    if (rc == 0)
        rc = policy_watch(s->app, err);
    if (rc == 0)
        rc = live_watch(s->app, err);
    if (rc == 0)
        rc = changes_start(s->app->changes, settings->db_path, err);
    if (rc == 0)
        rc = housekeeping_start(s->app, &s->housekeeping, err);
    if (rc == 0)
        rc = http_server_start(s->app, &s->http, err);
    if (rc == 0)
        rc = write_pid(settings->pid_path, err);
    return rc;
}

/* From the outside in: no new requests, answer those that wait, finish those under way, then write what memory holds.
 * False when requests would not end: then nothing they use may be freed. */
static bool stop(struct server *s)
{
    struct err err = {0};
    if (s->app == NULL)
        return true;
    park_drain(s->app->park);
    line_hurry(s->app->sign_ins);
    bool ended = http_server_stop(s->http, DRAIN_REQUESTS_MS);
    if (!ended)
        log_warning("some requests did not end within %d s", DRAIN_REQUESTS_MS / 1000);
    housekeeping_stop(s->housekeeping);
    changes_stop(s->app->changes);
    if (presence_flush(s->app, 0, &err) != 0)
        log_error("what heartbeats last said was not written: %s", err.msg);
    auth_flush(s->app);
    if (ended)
        app_close(s->app);
    return ended;
}

static void run(struct server *s)
{
    sigset_t set;
    int sig = 0;
    wanted_signals(&set);
    for (;;) {
        if (sigwait(&set, &sig) != 0)
            continue;
        if (sig != SIGHUP)
            break;
        reload(s);
    }
    log_info("signal %d: draining", sig);
}

int serve_command(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct settings *settings = NULL;
    struct err err = {0};
    int exit_code = CLI_OK;
    bool served = false;
    harden();
    if (command_settings(args, &settings, &exit_code) != 0)
        return exit_code;
    struct server s = {.config_path = command_config_path(args), .settings = {settings}, .settings_count = 1};
    set_up_signals();
    raise_descriptors();
    if (start(&s, settings, &err) != 0) {
        exit_code = cli_fail(args, CLI_FAILED, &err);
    } else {
        log_info("muster-app %s serves on %s with %u threads", MUSTER_VERSION, settings->socket_path,
                 settings->threads);
        run(&s);
        served = true;
    }
    (void)sigaction(SIGALRM, &(struct sigaction){.sa_handler = drain_took_too_long}, NULL);
    (void)alarm(DRAIN_ALL_S);
    bool clean = stop(&s);
    if (served) {
        (void)unlink(settings->pid_path); /* last: as long as it is there, somebody has the database open */
        log_info("ended");
    }
    for (size_t i = 0; clean && i < s.settings_count; i++)
        settings_free(s.settings[i]);
    return exit_code;
}
