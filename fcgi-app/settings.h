/* settings.h: app.conf, as values. The keys, their defaults and help texts stand in one table in settings.c;
 * `muster-app check-config` prints it. Environment variables of the same names override. */
#ifndef MUSTER_SETTINGS_H
#define MUSTER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/err.h"
#include "common/log.h"
#include "settings_s3.h"

struct settings {
    const char *db_path;             /* MUSTER_DB */
    const char *socket_path;         /* MUSTER_SOCKET: the FastCGI socket */
    const char *socket_group;        /* MUSTER_SOCKET_GROUP: nginx's group, which may connect; NULL: ours */
    const char *pid_path;            /* MUSTER_PID_FILE */
    const char *secrets_dir;         /* MUSTER_SECRETS_DIR (or systemd's CREDENTIALS_DIRECTORY) */
    const char *store_dir;           /* MUSTER_STORE_DIR: the local object store */
    const char *backup_dir;          /* MUSTER_DB_BACKUP_DIR: copies of the database */
    const char *public_url;          /* MUSTER_PUBLIC_URL: https://host:8443, no slash at the end */
    const char *agent_url;           /* MUSTER_AGENT_URL: https://host:8444 */
    unsigned threads;                /* MUSTER_THREADS: workers that accept (8) */
    unsigned max_parked;             /* MUSTER_MAX_PARKED */
    int poll_interval_s;             /* MUSTER_POLL_INTERVAL: what agents are told (30) */
    int rate_per_minute;             /* MUSTER_AGENT_RATE: requests per key and minute (120) */
    int rate_burst;                  /* MUSTER_AGENT_BURST (240) */
    int session_idle_s;              /* MUSTER_SESSION_IDLE (30m) */
    int session_max_s;               /* MUSTER_SESSION_MAX (7d) */
    int64_t user_grace_s;            /* MUSTER_USER_GRACE: what deleted people had is kept for (7d) */
    int certificate_days;            /* MUSTER_CERTIFICATE_DAYS (30) */
    int run_timeout_s;               /* MUSTER_RUN_TIMEOUT: silence after which a run is failed (15m) */
    int log_retention_days;          /* MUSTER_LOG_RETENTION: agents' events (30) */
    int64_t store_reserve_bytes;     /* MUSTER_STORE_RESERVE_MB: free space that uploads leave alone */
    int64_t store_quota_bytes;       /* MUSTER_STORE_QUOTA_MB per agent, 0: none */
    const char *update_dir;          /* MUSTER_UPDATE_DIR: the update repository */
    int update_patches;              /* MUSTER_UPDATE_PATCHES (3) */
    int64_t update_root_life_s;      /* MUSTER_UPDATE_ROOT_LIFE (365d) */
    int64_t update_targets_life_s;   /* MUSTER_UPDATE_TARGETS_LIFE (90d) */
    int64_t update_snapshot_life_s;  /* MUSTER_UPDATE_SNAPSHOT_LIFE (7d) */
    int64_t update_timestamp_life_s; /* MUSTER_UPDATE_TIMESTAMP_LIFE (1d) */
    const char *server_agent;        /* MUSTER_SERVER_AGENT: who makes the server's own backups; NULL: nobody */
    int64_t uplink_mbps;             /* MUSTER_UPLINK_MBPS: downloads are spread over it; 0: not */
    enum log_level log_level;        /* MUSTER_LOG_LEVEL */
    enum log_format log_format;      /* MUSTER_LOG_FORMAT */
    const char *admin_email;         /* MUSTER_ADMIN_EMAIL: made at `init` when there is no admin */
    const char *admin_password_hash; /* MUSTER_ADMIN_PASSWORD_HASH or _FILE: Argon2id PHC string */
    struct settings_s3 s3;           /* AWS_…: where backups go instead */
    struct config *config;           /* owns the strings above */
    char *hash_from_file;            /* the content of MUSTER_ADMIN_PASSWORD_HASH_FILE, wiped at the end */
};

/* Reads and checks path; warns in the log of keys it does not know. On failure err says "path:line: KEY: reason".
 * settings_free(NULL) does nothing. */
int settings_load(const char *path, struct settings **ret, struct err *err) MUSTER_NODISCARD;
void settings_free(struct settings *s);

/* The table, ended by an entry without a name, and the value of a key as text; "" when unset. For check-config, which
 * prints what is in force. */
extern const struct config_key settings_keys[];
const char *settings_value(const struct settings *s, const struct config_key *key, char *scratch, size_t size);

#endif
