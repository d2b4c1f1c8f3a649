#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "common/buf.h"
#include "common/cursor.h"
#include "common/file.h"
#include "common/log.h"
#include "common/token.h"
#include "common/wipe.h"
#include "enroll.h"
#include "settings.h"
#include "update/root.h"

enum { TIMEOUT_S = 60, TIMEOUT_MAX_S = 3600, OTP_FILE_MAX = 1024, CONFIG_MAX = 65536 };

const struct cli_option command_enroll_options[] = {
    {"server", "URL", "the server's agents' port, https://host:8444"},
    {"ca-fingerprint", "SHA256", "sha256:… of the server's CA, from the page that made the password"},
    {"tuf-fingerprint", "SHA256", "sha256:… of the server's TUF root, from that page: what updates are trusted by"},
    {"tuf-root", "FILE", "or that root itself, 1.root.json"},
    {"otp", "PASSWORD", "the one-time password"},
    {"otp-file", "FILE", "read it from FILE; - is standard input"},
    {"name", "NAME", "what the fleet calls this host [its host name]"},
    {"backup-root", "DIR", "a directory that may be backed up; may be repeated (for a new configuration file)"},
    {"timeout", "SECONDS", "how long an unreachable server is tried [60]"},
    {"force", NULL, "enrol again although this host is enrolled"},
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {0},
};

const char command_enroll_details[] =
    "Makes a key on this host, has the server sign it, and stores identity and configuration. If the answer\n"
    "is lost, run the same command again: the password belongs to this host's key until it expires.";

/* Of an option, which /proc would show to everybody. */
static void hide_argument(const struct command_context *c, const char *value)
{
    for (int i = 1; i < c->argc; i++) {
        char *found = strstr(c->argv[i], value);
        if (found != NULL)
            wipe_str(found);
    }
}

static int read_otp_file(const char *path, char ret[TOKEN_SIZE], struct err *err)
{
    char text[OTP_FILE_MAX] = "";
    size_t len = 0;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? err_sys(err, ERR_IO, "%s", path) : file_read_all(fd, text, sizeof text - 1, &len, err);
    if (fd > STDIN_FILENO)
        (void)close(fd);
    struct span word = span_trim((struct span){.ptr = text, .len = strcspn(text, "\r\n")});
    if (rc != 0)
        (void)err_prefix(err, "--otp-file");
    else if (word.len >= TOKEN_SIZE)
        rc = err_set(err, ERR_INVALID, "--otp-file: the first line is not a one-time password");
    else
        (void)snprintf(ret, TOKEN_SIZE, "%.*s", (int)word.len, word.ptr);
    wipe(text, sizeof text);
    return rc;
}

static int read_otp(const struct cli_args *args, const struct command_context *c, char ret[TOKEN_SIZE], struct err *err)
{
    const char *otp = cli_option(args, "otp");
    const char *file = cli_option(args, "otp-file");
    if ((otp == NULL) == (file == NULL))
        return err_set(err, ERR_INVALID, "give either --otp or --otp-file");
    if (file != NULL)
        return read_otp_file(file, ret, err);
    if (snprintf(ret, TOKEN_SIZE, "%s", otp) >= TOKEN_SIZE)
        return err_set(err, ERR_INVALID, "--otp: too long for a one-time password");
    if (ret[0] != '\0')
        hide_argument(c, ret);
    return 0;
}

static int read_options(const struct cli_args *args, struct enroll_options *ret, struct err *err)
{
    uint64_t timeout_s = TIMEOUT_S;
    const char *timeout = cli_option(args, "timeout");
    ret->server_url = cli_option(args, "server");
    ret->fingerprint = cli_option(args, "ca-fingerprint");
    ret->name = cli_option(args, "name");
    ret->force = cli_switch(args, "force");
    ret->tuf_fingerprint = cli_option(args, "tuf-fingerprint");
    if (ret->server_url == NULL || ret->fingerprint == NULL)
        return err_set(err, ERR_INVALID, "--server and --ca-fingerprint are needed");
    if (timeout != NULL && (!cursor_parse_uint(timeout, TIMEOUT_MAX_S, &timeout_s) || timeout_s == 0))
        return err_set(err, ERR_INVALID, "--timeout: must be a number of seconds from 1 to %d", TIMEOUT_MAX_S);
    ret->timeout_ms = (int)timeout_s * 1000;
    return 0;
}

/* The file of --tuf-root, if it was given. The caller frees it. */
static int read_tuf_root(const struct cli_args *args, struct enroll_options *o, char **ret, struct err *err)
{
    const char *path = cli_option(args, "tuf-root");
    if (path == NULL)
        return 0;
    if (o->tuf_fingerprint != NULL)
        return err_set(err, ERR_INVALID, "give either --tuf-root or --tuf-fingerprint");
    int rc = file_read(path, ROOT_MAX, ret, &o->tuf_root_len, err);
    o->tuf_root = *ret;
    return rc != 0 ? err_prefix(err, "--tuf-root") : 0;
}

/* --- agent.conf --- */

/* The file that will be written; NULL: there is one already. */
static const char *new_config_path(const struct cli_args *args)
{
    const char *path = command_config_path(args);
    if (path == NULL)
        path = SETTINGS_DEFAULT_PATH;
    return access(path, F_OK) == 0 ? NULL : path;
}

/* Made before the server is asked, so that a place that cannot be written costs no password. */
static int prepare_config_dir(const char *path, struct err *err)
{
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return err_set(err, ERR_TOO_BIG, "--config: path too long");
    const char *dir = dirname(copy);
    int rc = file_mkdirs(dir, 0755, err);
    if (rc == 0 && access(dir, W_OK | X_OK) != 0)
        rc = err_sys(err, ERR_IO, "%s", dir);
    return rc;
}

static int add_backup_roots(struct buf *text, const struct cli_args *args, struct err *err)
{
    struct buf roots;
    const char *root;
    int rc = 0;
    buf_init(&roots, CONFIG_MAX);
    for (size_t i = 0; (root = cli_option_nth(args, "backup-root", i)) != NULL; i++) {
        if (root[0] != '/' || strpbrk(root, " \t\n") != NULL)
            rc = err_set(err, ERR_INVALID, "--backup-root: must be an absolute path without blanks");
        buf_addf(&roots, "%s%s", i > 0 ? " " : "", root);
    }
    buf_adds(text, "# Directories that backups may read; nothing outside, whatever the server asks.\n");
    if (rc == 0 && roots.len > 0)
        rc = config_write_line(text, "BACKUP_ROOTS", buf_str(&roots), err);
    else if (rc == 0)
        buf_adds(text, "#BACKUP_ROOTS=\"/etc /srv\"\n");
    buf_done(&roots);
    return rc;
}

static int compose_config(const struct cli_args *args, const struct agent *agent, const char *server_url,
                          struct buf *text, struct err *err)
{
    char ca_path[PATH_MAX];
    buf_adds(text, "# Written by muster-agent enroll. Variables of the environment with these names override.\n");
    int rc = config_write_line(text, "SERVER_URL", server_url, err);
    if (rc == 0)
        rc = agent_state_path(agent, "ca.pem", ca_path, err);
    if (rc == 0)
        rc = config_write_line(text, "CA_FILE", ca_path, err);
    if (rc == 0)
        rc = config_write_line(text, "STATE_DIR", agent->state_dir, err);
    if (rc == 0)
        rc = add_backup_roots(text, args, err);
    if (rc == 0 && !buf_ok(text))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

/* --- the command --- */

static void print_result(const struct cli_args *args, const struct enroll_options *o, const struct enroll_result *r)
{
    char until[CLOCK_RFC3339_SIZE];
    if (cli_switch(args, "json")) {
        json_t *value =
            json_pack("{s:s, s:s, s:s, s:b, s:I}", "id", r->id, "name", r->name, "server", o->server_url, "already",
                      r->already, "certificateNotAfter_ms", (json_int_t)r->certificate_not_after_ms);
        (void)json_dumpf(value, stdout, JSON_COMPACT);
        (void)putchar('\n');
        json_decref(value);
        return;
    }
    if (r->already) {
        (void)printf("Already enrolled at %s as %s; nothing was done.\n", o->server_url, r->id);
        return;
    }
    clock_format_rfc3339(r->certificate_not_after_ms, until);
    (void)printf("Enrolled at %s as %s (%s). The certificate lasts until %s and is renewed in time.\n", o->server_url,
                 r->name[0] != '\0' ? r->name : "this host", r->id, until);
}

static int enrol(const struct cli_args *args, struct agent *agent, const struct enroll_options *o, struct err *err)
{
    struct buf config;
    struct enroll_result result;
    const char *new_config = new_config_path(args);
    buf_init(&config, CONFIG_MAX);
    int rc = 0;
    if (new_config != NULL) {
        rc = compose_config(args, agent, o->server_url, &config, err);
        if (rc == 0)
            rc = prepare_config_dir(new_config, err);
    }
    if (rc == 0)
        rc = enroll_run(agent, o, &result, err);
    if (rc == 0 && new_config != NULL) {
        rc = file_create(new_config, config.data, config.len, 0644, err);
        if (rc != 0)
            (void)err_prefix(err, "this host is enrolled, but its configuration could not be written");
    }
    if (rc == 0)
        print_result(args, o, &result);
    if (rc == 0 && new_config == NULL && cli_option(args, "backup-root") != NULL)
        log_warning(
            "the configuration was there already and stays as it is: set BACKUP_ROOTS in it; --backup-root is for "
            "a new one");
    buf_done(&config);
    return rc;
}

int command_enroll(const struct cli_args *args, void *ctx)
{
    struct agent *agent = NULL;
    struct enroll_options options = {0};
    char otp[TOKEN_SIZE] = "";
    char *tuf_root = NULL;
    struct err err = {0};
    int rc = read_options(args, &options, &err);
    if (rc == 0)
        rc = read_tuf_root(args, &options, &tuf_root, &err);
    if (rc == 0)
        rc = read_otp(args, ctx, otp, &err);
    options.otp = otp;
    if (rc == 0)
        rc = enroll_check(&options, &err);
    if (rc != 0) {
        free(tuf_root);
        wipe(otp, sizeof otp);
        return cli_fail(args, CLI_USAGE, &err);
    }
    /* A file named for the first time is written at the end. */
    const char *path = command_config_path(args);
    rc = agent_open(path != NULL && access(path, F_OK) == 0 ? path : NULL, &agent, &err);
    bool misuse = rc == ERR_INVALID || rc == ERR_DENIED;
    if (rc == 0)
        rc = enrol(args, agent, &options, &err);
    wipe(otp, sizeof otp);
    free(tuf_root);
    agent_close(agent);
    return rc == 0 ? CLI_OK : cli_fail(args, misuse ? CLI_USAGE : CLI_FAILED, &err);
}
