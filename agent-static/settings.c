#include "settings.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/log.h"
#include "common/token.h"
#include "common/version.h"
#include "net/url.h"
#include "update/window.h"
#include "update/workload.h"

enum { DAY_S = 24 * 60 * 60, MONTH_S = 30 * DAY_S, MEBI = 1024 * 1024 };

/* clang-format off */
static const struct config_key keys[] = {
    {.name = "SERVER_URL", .help = "the server's agents' port: https://host:8444"},
    {.name = "CA_FILE", .help = "PEM file of the CAs that are trusted [the ones received at enrolment]"},
    {.name = "STORE_CA_FILE", .fallback = "/etc/ssl/certs/ca-certificates.crt", .help = "CAs of object stores elsewhere"},
    {.name = "AGENT_ID", .help = "id of an agent registered by key alone"},
    {.name = "API_KEY", .help = "its key; the file must then be readable by its owner only", .secret = true},
    {.name = "POLL_INTERVAL", .type = CONFIG_DURATION, .min = 1, .max = DAY_S, .help = "time between heartbeats [the server decides]"},
    {.name = "STATE_DIR", .fallback = "/var/lib/muster-agent", .help = "what the agent must remember"},
    {.name = "DEPLOYMENT_MODE", .type = CONFIG_ENUM, .choices = "vm|container", .help = "[detected]"},
    {.name = "BACKUP_ROOTS", .type = CONFIG_LIST, .help = "directories that may be backed up"},
    {.name = "RESTORE_ROOTS", .type = CONFIG_LIST, .help = "directories that may be restored into [STATE_DIR/restore]"},
    {.name = "AGE_RECIPIENTS", .type = CONFIG_LIST, .help = "who can decrypt this host's backups; without any they are not encrypted"},
    {.name = "HOOKS", .help = "file of the commands that may run before and after backups [none]"},
    {.name = "BACKUP_RATE_KBPS", .type = CONFIG_INT, .fallback = "0", .max = MEBI, .help = "most KiB a second of a backup; 0: no limit"},
    {.name = "AGE_IDENTITY", .help = "file of the age identities that restores and proofs on this host decrypt with; mode 0600"},
    {.name = "UPDATE_SERVER", .fallback = "", .help = "[from SERVER_URL]"},
    {.name = "UPDATE_INTERVAL", .type = CONFIG_DURATION, .fallback = "1h", .min = 60, .max = MONTH_S, .help = "time between checks for updates"},
    {.name = "UPDATE_MODE", .type = CONFIG_ENUM, .fallback = "auto", .choices = "auto|vm-only|signal-only|disabled", .help = "what to do about updates"},
    {.name = "UPDATE_RESTART_METHOD", .type = CONFIG_ENUM, .fallback = "exec", .choices = "exec|systemd|signal", .help = "how to restart after an update"},
    {.name = "UPDATE_ROLLOUT_PERCENT", .type = CONFIG_INT, .fallback = "100", .max = 100, .help = "local cap on gradual rollouts"},
    {.name = "UPDATE_CHANNEL", .fallback = "stable", .help = "whose releases are taken"},
    {.name = "UPDATE_PIN", .help = "the one version that is taken [any]"},
    {.name = "UPDATE_WINDOW", .help = "when to install, in local time: mon-fri 02:00-05:00, sat,sun 00:00-24:00 [always]"},
    {.name = "UPDATE_RATE_KBPS", .type = CONFIG_INT, .fallback = "0", .max = MEBI, .help = "most KiB a second of a download; 0: no limit"},
    {.name = "UPDATE_TRIAL_S", .type = CONFIG_INT, .fallback = "120", .min = 10, .max = 3600, .help = "seconds a new version has to prove itself"},
    {.name = "UPDATE_RESERVE_MB", .type = CONFIG_INT, .fallback = "16", .max = MEBI, .help = "MiB an update leaves free"},
    {.name = "UPDATE_K8S_WORKLOAD", .help = "the workload whose image this agent may change: namespace/kind/name"},
    {.name = "LOG_LEVEL", .type = CONFIG_ENUM, .fallback = "info", .choices = "debug|info|warning|error", .help = "least level logged"},
    {.name = "LOG_FORMAT", .type = CONFIG_ENUM, .fallback = "text", .choices = "text|json", .help = "form of log lines"},
};
/* clang-format on */

static void warn(void *ctx, const char *line)
{
    (void)ctx;
    log_warning("%s", line);
}

static const char *given(const struct config *c, const char *key)
{
    const char *text = config_text(c, key);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* Takes a DNS label (RFC 1123) off *text. */
static bool take_label(const char **text)
{
    size_t len = strspn(*text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    bool good = len > 0 && len <= 63 && (*text)[0] != '-' && (*text)[len - 1] != '-';
    *text += len;
    return good;
}

static int check_updates(const struct config *c, const char *path, struct err *err)
{
    struct url url;
    struct window window;
    struct workload_id id;
    struct err why = {0};
    const char *server = given(c, "UPDATE_SERVER");
    const char *pin = given(c, "UPDATE_PIN");
    const char *workload = given(c, "UPDATE_K8S_WORKLOAD");
    const char *channel = given(c, "UPDATE_CHANNEL");
    if (server != NULL && url_parse(server, &url, &why) != 0)
        return config_reject(c, path, "UPDATE_SERVER", err, why.msg);
    if (window_parse(given(c, "UPDATE_WINDOW"), &window, &why) != 0)
        return config_reject(c, path, "UPDATE_WINDOW", err, why.msg);
    if (pin != NULL && !version_valid(pin))
        return config_reject(c, path, "UPDATE_PIN", err, "not a version");
    if (channel == NULL || !take_label(&channel) || *channel != '\0')
        return config_reject(c, path, "UPDATE_CHANNEL", err, "not the name of a channel");
    if (workload != NULL && workload_id_parse(workload, &id, &why) != 0)
        return config_reject(c, path, "UPDATE_K8S_WORKLOAD", err, why.msg);
    return 0;
}

/* What the table cannot say. Empty values count as unset, so that a template may leave them so. */
static int check(const struct config *c, const char *path, struct err *err)
{
    const char *url = config_text(c, "SERVER_URL");
    const char *key = config_text(c, "API_KEY");
    const char *id = config_text(c, "AGENT_ID");
    bool has_key = key != NULL && key[0] != '\0';
    bool has_id = id != NULL && id[0] != '\0';
    struct url parsed;
    struct err why = {0};
    if (url != NULL && url[0] != '\0' && url_parse(url, &parsed, &why) != 0)
        return config_reject(c, path, "SERVER_URL", err, why.msg);
    if (has_key && !token_well_formed(TOKEN_API_KEY, key))
        return config_reject(c, path, "API_KEY", err, "mistyped or cut off");
    if (has_key != has_id)
        return config_reject(c, path, has_key ? "API_KEY" : "AGENT_ID", err,
                             "AGENT_ID and API_KEY go together: one of them is missing");
    if (has_id && (strlen(id) > 39 || strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEF-") != strlen(id)))
        return config_reject(c, path, "AGENT_ID", err, "not an id");
    if (config_text(c, "STATE_DIR")[0] == '\0')
        return config_reject(c, path, "STATE_DIR", err, "must not be empty");
    return check_updates(c, path, err);
}

const char *settings_key(size_t index)
{
    return index < sizeof keys / sizeof keys[0] ? keys[index].name : NULL;
}

int settings_load(const char *path, struct config **ret, struct err *err)
{
    struct config *c = NULL;
    int rc = config_load(path, keys, sizeof keys / sizeof keys[0], warn, NULL, &c, err);
    if (rc != 0)
        return rc;
    rc = check(c, path, err);
    if (rc == 0 && path != NULL && config_given(c, "API_KEY") && getenv("API_KEY") == NULL) {
        rc = file_check_private(path, err);
        if (rc != 0)
            (void)err_prefix(err, "it holds API_KEY");
    }
    if (rc == 0)
        *ret = c;
    else
        config_free(c);
    return rc;
}
