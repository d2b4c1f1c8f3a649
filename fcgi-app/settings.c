#include "settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/file.h"
#include "common/wipe.h"

#define MIB   ((int64_t)1024 * 1024)
#define STATE "/var/lib/muster"

/* clang-format off */
const struct config_key settings_keys[] = {
    {"MUSTER_DB",              CONFIG_TEXT, STATE "/muster.db",       "the database", 0, 0, NULL, false},
    {"MUSTER_SOCKET",          CONFIG_TEXT, "/run/muster/app.sock",   "the FastCGI socket that nginx connects to", 0, 0, NULL, false},
    {"MUSTER_SOCKET_GROUP",    CONFIG_TEXT, NULL,                     "the group that may connect: nginx's", 0, 0, NULL, false},
    {"MUSTER_PID_FILE",        CONFIG_TEXT, "/run/muster/app.pid",    "where the server writes its process id", 0, 0, NULL, false},
    {"MUSTER_SECRETS_DIR",     CONFIG_TEXT, STATE "/secrets",         "keys and certificates [$CREDENTIALS_DIRECTORY when set]", 0, 0, NULL, false},
    {"MUSTER_STORE_DIR",       CONFIG_TEXT, STATE "/store",           "the local object store", 0, 0, NULL, false},
    {"MUSTER_DB_BACKUP_DIR",   CONFIG_TEXT, STATE "/db-backups",      "copies of the database", 0, 0, NULL, false},
    {"MUSTER_PUBLIC_URL",      CONFIG_TEXT, "https://localhost:8443", "where people reach the pages", 0, 0, NULL, false},
    {"MUSTER_AGENT_URL",       CONFIG_TEXT, "https://localhost:8444", "where agents reach the server", 0, 0, NULL, false},
    {"MUSTER_THREADS",         CONFIG_INT,  "8",                      "threads for requests; as many work at a time as there are cores", 1, 256, NULL, false},
    {"MUSTER_MAX_PARKED",      CONFIG_INT,  "15000",                  "waiting requests at most", 0, 1000000, NULL, false},
    {"MUSTER_POLL_INTERVAL",   CONFIG_DURATION, "30s",                "how often agents are told to come back", 1, 86400, NULL, false},
    {"MUSTER_AGENT_RATE",      CONFIG_INT,  "120",                    "requests per minute and API key", 1, 1000000, NULL, false},
    {"MUSTER_AGENT_BURST",     CONFIG_INT,  "240",                    "requests at once per API key", 1, 1000000, NULL, false},
    {"MUSTER_SESSION_IDLE",    CONFIG_DURATION, "30m",                "a session that is not used ends", 60, 2592000, NULL, false},
    {"MUSTER_SESSION_MAX",     CONFIG_DURATION, "7d",                 "every session ends", 60, 31536000, NULL, false},
    {"MUSTER_USER_GRACE",      CONFIG_DURATION, "7d",                 "what deleted people had is kept, and can be restored", 10800, 315360000, NULL, false},
    {"MUSTER_CERTIFICATE_DAYS", CONFIG_INT, "30",                     "life of agents' certificates", 1, 825, NULL, false},
    {"MUSTER_RUN_TIMEOUT",     CONFIG_DURATION, "15m",                "silence after which a backup has failed", 10, 604800, NULL, false},
    {"MUSTER_LOG_RETENTION",   CONFIG_INT,  "30",                     "days that agents' events are kept", 1, 36500, NULL, false},
    {"MUSTER_STORE_RESERVE_MB", CONFIG_INT, "512",                    "free space that uploads leave alone", 0, 1 << 30, NULL, false},
    {"MUSTER_STORE_QUOTA_MB",  CONFIG_INT,  "0",                      "stored bytes per agent; 0: no limit", 0, 1 << 30, NULL, false},
    {"MUSTER_SERVER_AGENT",    CONFIG_TEXT, NULL,                     "id or name of the agent on the server's host: it makes backups of the mode server", 0, 0, NULL, false},
    {"MUSTER_UPDATE_DIR",      CONFIG_TEXT, STATE "/updates",         "the update repository; its folder public is served under /updates/", 0, 0, NULL, false},
    {"MUSTER_UPDATE_PATCHES",  CONFIG_INT,  "3",                      "a release gets patches from so many before it", 0, 20, NULL, false},
    {"MUSTER_UPDATE_RATE_KBPS", CONFIG_INT, "8192",                   "KiB a second of one download of an update; 0: no limit", 0, 1 << 20, NULL, false},
    {"MUSTER_UPDATE_CONNECTIONS", CONFIG_INT, "32",                   "downloads of updates at once per client; 0: no limit", 0, 65535, NULL, false},
    {"MUSTER_UPDATE_ROOT_LIFE", CONFIG_DURATION, "365d",              "how long the root of the update repository is valid", 10, 315360000, NULL, false},
    {"MUSTER_UPDATE_TARGETS_LIFE", CONFIG_DURATION, "90d",            "the same for targets: releases must be signed anew by then", 10, 315360000, NULL, false},
    {"MUSTER_UPDATE_SNAPSHOT_LIFE", CONFIG_DURATION, "7d",            "the same for the snapshot, which the server signs at half of it", 10, 315360000, NULL, false},
    {"MUSTER_UPDATE_TIMESTAMP_LIFE", CONFIG_DURATION, "1d",           "the same for the timestamp: how old news may be held back", 10, 315360000, NULL, false},
    {"MUSTER_UPLINK_MBPS",     CONFIG_INT,  "100",                    "what agents' downloads of a release are spread over; 0: not at all", 0, 1000000, NULL, false},
    {"MUSTER_LOG_LEVEL",       CONFIG_ENUM, "info",                   "least level that is logged", 0, 0, "debug|info|warning|error", false},
    {"MUSTER_LOG_FORMAT",      CONFIG_ENUM, "text",                   "how log lines look", 0, 0, "text|json", false},
    {"MUSTER_ADMIN_EMAIL",     CONFIG_TEXT, NULL,                     "the first admin, made by 'init'", 0, 0, NULL, false},
    {"MUSTER_ADMIN_PASSWORD_HASH", CONFIG_TEXT, NULL,                 "Argon2id hash of the first admin's password", 0, 0, NULL, true},
    {"MUSTER_ADMIN_PASSWORD_HASH_FILE", CONFIG_TEXT, NULL,            "a file that holds it", 0, 0, NULL, false},
    {"AWS_ACCESS_KEY_ID",      CONFIG_TEXT, NULL,                     "an S3 store for backups: its access key; none of these: the local store", 0, 0, NULL, false},
    {"AWS_SECRET_ACCESS_KEY",  CONFIG_TEXT, NULL,                     "the secret of the access key", 0, 0, NULL, true},
    {"AWS_SECRET_ACCESS_KEY_FILE", CONFIG_TEXT, NULL,                 "a file that holds it", 0, 0, NULL, false},
    {"AWS_REGION",             CONFIG_TEXT, NULL,                     "the region of the bucket", 0, 0, NULL, false},
    {"AWS_S3_BUCKET",          CONFIG_TEXT, NULL,                     "the bucket, for this server alone", 0, 0, NULL, false},
    {"AWS_S3_ENDPOINT",        CONFIG_TEXT, NULL,                     "https://host:port of an S3 store other than Amazon's, as agents reach it", 0, 0, NULL, false},
    {"MUSTER_S3_CA_FILE",      CONFIG_TEXT, NULL,                     "certificates to trust for the S3 store; unset: the system's", 0, 0, NULL, false},
    {.name = NULL},
};
/* clang-format on */

enum { KEY_COUNT = sizeof settings_keys / sizeof settings_keys[0] - 1 };

static void warn(void *ctx, const char *line)
{
    (void)ctx;
    log_warning("%s", line);
}

/* https://host[:port] and nothing else: what stands there goes into commands that people paste into a root shell. Not
 * with :443 either: browsers leave it out of Origin, with which this is compared. */
static bool is_origin(const char *url)
{
    static const char scheme[] = "https://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *host = url + sizeof scheme - 1;
    size_t len = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
    if (host[0] == '[')
        len = strspn(host + 1, "0123456789abcdefABCDEF:.") + (strchr(host, ']') != NULL ? 2 : 0);
    const char *port = host + len;
    if (len == 0 || len > 253 || (host[0] == '[' && port[-1] != ']'))
        return false;
    if (*port == '\0')
        return true;
    char *end;
    if (port[0] != ':' || port[1] < '1' || port[1] > '9')
        return false;
    unsigned long number = strtoul(port + 1, &end, 10);
    return *end == '\0' && number <= 65535 && number != 443;
}

static int check_origin(const struct config *c, const char *path, const char *key, const char **ret, struct err *err)
{
    const char *url = config_text(c, key);
    if (!is_origin(url))
        return config_reject(c, path, key, err, "must be https://host:port without a path, and without :443");
    *ret = url;
    return 0;
}

static int take_path(const struct config *c, const char *path, const char *key, const char **ret, struct err *err)
{
    const char *text = config_text(c, key);
    if (text == NULL || text[0] == '\0' || strlen(text) > 400)
        return config_reject(c, path, key, err, "must be a path of 1 to 400 bytes");
    *ret = text;
    return 0;
}

static int take_paths(struct settings *s, const char *path, struct err *err)
{
    const struct {
        const char *key;
        const char **ret;
    } paths[] = {{"MUSTER_DB", &s->db_path},           {"MUSTER_SOCKET", &s->socket_path},
                 {"MUSTER_PID_FILE", &s->pid_path},    {"MUSTER_SECRETS_DIR", &s->secrets_dir},
                 {"MUSTER_STORE_DIR", &s->store_dir},  {"MUSTER_DB_BACKUP_DIR", &s->backup_dir},
                 {"MUSTER_UPDATE_DIR", &s->update_dir}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof paths / sizeof paths[0]; i++)
        rc = take_path(s->config, path, paths[i].key, paths[i].ret, err);
    const char *credentials = getenv("CREDENTIALS_DIRECTORY"); /* systemd.exec(5) */
    if (credentials != NULL && credentials[0] != '\0' && !config_given(s->config, "MUSTER_SECRETS_DIR"))
        s->secrets_dir = credentials;
    s->socket_group = config_text(s->config, "MUSTER_SOCKET_GROUP");
    if (s->socket_group != NULL && s->socket_group[0] == '\0')
        s->socket_group = NULL;
    return rc;
}

static void take_numbers(struct settings *s)
{
    const struct config *c = s->config;
    s->threads = (unsigned)config_int(c, "MUSTER_THREADS");
    s->max_parked = (unsigned)config_int(c, "MUSTER_MAX_PARKED");
    s->poll_interval_s = (int)config_seconds(c, "MUSTER_POLL_INTERVAL");
    s->rate_per_minute = (int)config_int(c, "MUSTER_AGENT_RATE");
    s->rate_burst = (int)config_int(c, "MUSTER_AGENT_BURST");
    s->session_idle_s = (int)config_seconds(c, "MUSTER_SESSION_IDLE");
    s->session_max_s = (int)config_seconds(c, "MUSTER_SESSION_MAX");
    s->user_grace_s = config_seconds(c, "MUSTER_USER_GRACE");
    s->certificate_days = (int)config_int(c, "MUSTER_CERTIFICATE_DAYS");
    s->run_timeout_s = (int)config_seconds(c, "MUSTER_RUN_TIMEOUT");
    s->log_retention_days = (int)config_int(c, "MUSTER_LOG_RETENTION");
    s->store_reserve_bytes = config_int(c, "MUSTER_STORE_RESERVE_MB") * MIB;
    s->store_quota_bytes = config_int(c, "MUSTER_STORE_QUOTA_MB") * MIB;
    s->update_patches = (int)config_int(c, "MUSTER_UPDATE_PATCHES");
    s->update_root_life_s = config_seconds(c, "MUSTER_UPDATE_ROOT_LIFE");
    s->update_targets_life_s = config_seconds(c, "MUSTER_UPDATE_TARGETS_LIFE");
    s->update_snapshot_life_s = config_seconds(c, "MUSTER_UPDATE_SNAPSHOT_LIFE");
    s->update_timestamp_life_s = config_seconds(c, "MUSTER_UPDATE_TIMESTAMP_LIFE");
    s->uplink_mbps = config_int(c, "MUSTER_UPLINK_MBPS");
    s->server_agent = config_text(c, "MUSTER_SERVER_AGENT");
    if (s->server_agent != NULL && s->server_agent[0] == '\0')
        s->server_agent = NULL;
    (void)log_level_parse(config_text(c, "MUSTER_LOG_LEVEL"), &s->log_level);    /* an ENUM of the table */
    (void)log_format_parse(config_text(c, "MUSTER_LOG_FORMAT"), &s->log_format); /* the same */
}

/* The first admin, from the configuration: address and hash, or neither. */
static int take_admin(struct settings *s, const char *path, struct err *err)
{
    const struct config *c = s->config;
    const char *file = config_text(c, "MUSTER_ADMIN_PASSWORD_HASH_FILE");
    s->admin_email = config_text(c, "MUSTER_ADMIN_EMAIL");
    s->admin_password_hash = config_text(c, "MUSTER_ADMIN_PASSWORD_HASH");
    if (file != NULL && s->admin_password_hash != NULL)
        return config_reject(c, path, "MUSTER_ADMIN_PASSWORD_HASH_FILE", err, "the hash itself is given, too");
    if (file != NULL) {
        struct err why;
        if (file_read(file, 1024, &s->hash_from_file, NULL, &why) != 0)
            return config_reject(c, path, "MUSTER_ADMIN_PASSWORD_HASH_FILE", err, why.msg);
        s->hash_from_file[strcspn(s->hash_from_file, "\r\n")] = '\0';
        s->admin_password_hash = s->hash_from_file;
    }
    if (s->admin_email != NULL && s->admin_password_hash == NULL)
        return config_reject(c, path, "MUSTER_ADMIN_EMAIL", err, "needs MUSTER_ADMIN_PASSWORD_HASH or its _FILE");
    if (s->admin_password_hash != NULL && strncmp(s->admin_password_hash, "$argon2id$", 10) != 0)
        return config_reject(c, path, file != NULL ? "MUSTER_ADMIN_PASSWORD_HASH_FILE" : "MUSTER_ADMIN_PASSWORD_HASH",
                             err, "must be an Argon2id hash: $argon2id$v=19$…");
    return 0;
}

int settings_load(const char *path, struct settings **ret, struct err *err)
{
    struct settings *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = config_load(path, settings_keys, KEY_COUNT, warn, NULL, &s->config, err);
    if (rc == 0)
        rc = take_paths(s, path, err);
    if (rc == 0)
        rc = check_origin(s->config, path, "MUSTER_PUBLIC_URL", &s->public_url, err);
    if (rc == 0)
        rc = check_origin(s->config, path, "MUSTER_AGENT_URL", &s->agent_url, err);
    if (rc == 0)
        rc = take_admin(s, path, err);
    if (rc == 0)
        rc = settings_s3_take(s->config, path, &s->s3, err);
    if (rc != 0) {
        settings_free(s);
        return rc;
    }
    take_numbers(s);
    *ret = s;
    return 0;
}

void settings_free(struct settings *s)
{
    if (s == NULL)
        return;
    wipe_str(s->hash_from_file);
    free(s->hash_from_file);
    settings_s3_done(&s->s3);
    config_free(s->config);
    free(s);
}

const char *settings_value(const struct settings *s, const struct config_key *key, char *scratch, size_t size)
{
    const char *text = NULL;
    switch (key->type) {
    case CONFIG_INT: (void)snprintf(scratch, size, "%" PRId64, config_int(s->config, key->name)); return scratch;
    case CONFIG_DURATION:
        (void)snprintf(scratch, size, "%" PRId64 "s", config_seconds(s->config, key->name));
        return scratch;
    case CONFIG_TEXT:
    case CONFIG_ENUM: text = config_text(s->config, key->name); break;
    case CONFIG_BOOL:
    case CONFIG_LIST: break; /* the table has none */
    }
    if (text == NULL)
        return "";
    return key->secret ? "(secret)" : text;
}
