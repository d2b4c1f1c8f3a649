/* remote.h: what the backup area says to the server, as C: the wire's JSON is made and read here and nowhere else.
 *
 * Replies are not trusted: every field is checked for type and range before it is used. Calls block; errors as in
 * net/api.h. */
#ifndef MUSTER_AGENT_BACKUP_REMOTE_H
#define MUSTER_AGENT_BACKUP_REMOTE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backup/compress.h"
#include "common/arena.h"
#include "net/api.h"

enum {
    REMOTE_ID_SIZE = 65,
    REMOTE_PARTS_MAX = 10000,
    REMOTE_PART_MIN = 64 * 1024,
    REMOTE_PART_DEFAULT = 8 * 1024 * 1024, /* also the most: what the server asks for beyond it is not given */
};

/* A backup configuration. Everything lives in the arena. */
struct remote_config {
    const char *id;
    const char *name;
    const char **sources;
    size_t source_count;
    const char **excludes;
    size_t exclude_count;
    enum compress_method method;
    int level; /* 0: the method's default */
    bool encryption;
    bool one_file_system;
    int64_t max_file_size;  /* larger files are left out; -1: none is */
    const char **skip_tags; /* a directory that holds a file of such a name is left out */
    size_t skip_tag_count;
};

/* The config of this id, or else of this name. ERR_NOT_FOUND: the server has none for us. */
int remote_config_get(struct api *api, const char *id, const char *name, struct arena *arena, struct remote_config *ret,
                      struct err *err) MUSTER_NODISCARD;

/* The same from the reply's "configs", for tests. */
int remote_config_parse(const json_t *reply, const char *id, const char *name, struct arena *arena,
                        struct remote_config *ret, struct err *err) MUSTER_NODISCARD;

struct remote_run {
    char log_id[REMOTE_ID_SIZE];
    size_t part_size;
};

int remote_start(struct api *api, const char *config_id, const char *filename, struct remote_run *ret,
                 struct err *err) MUSTER_NODISCARD;

struct remote_part {
    unsigned number;
    size_t size;
    const unsigned char *md5; /* 16 bytes */
    uint64_t files, bytes;    /* how far the walk is */
};

/* A URL for the part, which the caller frees. *ret_result may be NULL. */
int remote_part_url(struct api *api, const char *log_id, const struct remote_part *part, char **ret_url,
                    struct api_result *ret_result, struct err *err) MUSTER_NODISCARD;

/* *ret_cancel: the server wants the run to end. */
int remote_progress(struct api *api, const char *log_id, uint64_t files, uint64_t bytes, uint64_t sent,
                    bool *ret_cancel, struct err *err) MUSTER_NODISCARD;

struct remote_stored {
    size_t size;
    char etag[80];
};

struct remote_outcome {
    const char *status; /* "completed", "warning", "failed", "cancelled" */
    uint64_t files, bytes_read, bytes_sent;
    int64_t duration_ms;
    uint64_t error_count;
    json_t *errors;                    /* borrowed; NULL: none */
    const struct remote_stored *parts; /* numbered from 1 */
    size_t part_count;
    const char *sha256; /* hex; NULL: none */
};

/* Tells how the run ended. Idempotent: the same may be told again. */
int remote_complete(struct api *api, const char *log_id, const struct remote_outcome *outcome,
                    struct api_result *ret_result, struct err *err) MUSTER_NODISCARD;

/* A stored backup, to be read back. Everything lives in the arena. */
struct remote_stored_run {
    const char *log_id;
    const char *config_name;
    const char *filename;
    int64_t size;       /* -1: unknown */
    const char *sha256; /* hex; NULL: unknown */
    const char *url;
};

int remote_restore(struct api *api, const char *log_id, const char *config_id, const char *config_name,
                   struct arena *arena, struct remote_stored_run *ret, struct err *err) MUSTER_NODISCARD;

/* Whether s can be an id of the server's: 1 to 64 of A-Z a-z 0-9 and '-'. Ids become names of files. */
bool remote_id_valid(const char *s);

#endif
