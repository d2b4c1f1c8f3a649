/* remote_restore.h: what is said to the server about reading backups back: where the stored bytes are, what became of
 * them, and how a restore or a proof that the server asked for goes. As remote.h: every field of a reply is checked. */
#ifndef MUSTER_AGENT_RESTORE_REMOTE_RESTORE_H
#define MUSTER_AGENT_RESTORE_REMOTE_RESTORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "net/api.h"

/* A chain may have as many archives, an archive as many volumes. */
enum { REMOTE_CHAIN_MAX = 1000, REMOTE_VOLUMES_MAX = 10000, REMOTE_CHAIN_MEMORY = 4 * 1024 * 1024 };

/* An object of the store. */
struct remote_object {
    int64_t size;    /* -1: unknown */
    const char *url; /* good for a while; NULL: there is none */
};

/* What one run stored. */
struct remote_archive {
    const char *log_id;
    const char *filename;
    const char *sha256; /* of all volumes put after each other, hex; NULL: unknown */
    int64_t size;       /* of all volumes; -1: unknown */
    bool encrypted;
    const struct remote_object *volumes; /* one stream */
    size_t volume_count;
    struct remote_object index;
};

/* A backup to be read back: a full archive and the incremental ones after it, the wanted one last. Everything lives in
 * the arena. */
struct remote_chain {
    const char *log_id;
    const char *config_name;
    const char *filename;
    const struct remote_archive *archives;
    size_t count; /* at least 1 */
};

/* Which one: by id, or the newest of a config, or, with nothing given, of this host. */
struct remote_which {
    const char *log_id;
    const char *config_id;
    const char *config_name;
    int64_t at_ms; /* the newest at that time; 0: now */
};

/* A server that knows of no chains answers with a single archive; then count is 1 and there is no index. */
int remote_restore(struct api *api, const struct remote_which *which, struct arena *arena, struct remote_chain *ret,
                   struct err *err) MUSTER_NODISCARD;

/* The same from a reply, for tests. */
int remote_chain_parse(const json_t *reply, struct arena *arena, struct remote_chain *ret,
                       struct err *err) MUSTER_NODISCARD;

struct remote_verdict {
    const char *log_id;
    const char *result; /* "proven", "intact", "failed" */
    const char *detail;
    uint64_t entries, bytes;
};

/* How reading an archive to its end went. */
int remote_verified(struct api *api, const struct remote_verdict *verdict, struct err *err) MUSTER_NODISCARD;

/* How a job of the server's goes, or ended. */
struct remote_job {
    const char *job_id;
    const char *status; /* "running", "completed", "warning", "failed", "refused", "cancelled" */
    const char *detail;
    uint64_t files, bytes, total_bytes, error_count;
    json_t *errors; /* borrowed; NULL: none */
};

/* *ret_cancel: the server wants it to end. */
int remote_job(struct api *api, const struct remote_job *job, bool *ret_cancel, struct err *err) MUSTER_NODISCARD;

#endif
