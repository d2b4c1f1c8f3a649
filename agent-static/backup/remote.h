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

#include "backup/part_digest.h"
#include "common/arena.h"
#include "net/api.h"
#include "snapshot/compress.h"

enum {
    REMOTE_ID_SIZE = 65,
    REMOTE_PART_MIN = 64 * 1024,
    REMOTE_PART_DEFAULT = 8 * 1024 * 1024, /* also the most: what the server asks for beyond it is not given */
};

/* A backup configuration. Everything lives in the arena. What an older server does not say has its default. */
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
    bool incremental;
    bool one_file_system;
    int64_t max_file_size;  /* larger files are left out; -1: none is */
    const char **skip_tags; /* a directory that holds a file of such a name is left out */
    size_t skip_tag_count;
    const char **recipients; /* who is to decrypt; none: whom this host names */
    size_t recipient_count;
    const char *pre_hook, *post_hook; /* names; NULL: none */
    int64_t max_runtime_s;            /* 0: any */
    int64_t rate_bytes;               /* a second; 0: as fast as it goes */
};

/* The config of this id, or else of this name. ERR_NOT_FOUND: the server has none for us. */
int remote_config_get(struct api *api, const char *id, const char *name, struct arena *arena, struct remote_config *ret,
                      struct err *err) MUSTER_NODISCARD;

/* The same from the reply's "configs", for tests. */
int remote_config_parse(const json_t *reply, const char *id, const char *name, struct arena *arena,
                        struct remote_config *ret, struct err *err) MUSTER_NODISCARD;

struct remote_start {
    const char *config_id;
    const char *filename;
    const char *command_id; /* NULL: none */
    const char *base;       /* the run that our list describes; NULL: there is no list */
    bool encrypted;
    uint64_t total_files, total_bytes; /* 0: unknown */
};

struct remote_run {
    char log_id[REMOTE_ID_SIZE];
    size_t part_size;
    enum part_digest_kind digest; /* what parts are to be announced with; MD5 with an older server */
    bool chained;                 /* the server knows of chains and indexes; false with an older one */
    bool incremental;
    char base[REMOTE_ID_SIZE]; /* "": a full run */
    unsigned chain_seq;
    char reason[201]; /* why a full run; "" */
};

int remote_start(struct api *api, const struct remote_start *start, struct remote_run *ret,
                 struct err *err) MUSTER_NODISCARD;

/* The same from the reply, for tests. */
int remote_start_parse(const json_t *reply, struct remote_run *ret, struct err *err) MUSTER_NODISCARD;

struct remote_part {
    bool index; /* of the index; else of the archive */
    uint64_t number;
    size_t size;
    enum part_digest_kind kind;
    const unsigned char *digest;
    uint64_t files, bytes, sent; /* how far the run is */
};

/* A URL for the part, which the caller frees. *ret_result may be NULL. */
int remote_part_url(struct api *api, const char *log_id, const struct remote_part *part, char **ret_url,
                    struct api_result *ret_result, struct err *err) MUSTER_NODISCARD;

struct remote_progress {
    uint64_t files, bytes, sent;
    uint64_t total_files, total_bytes; /* 0: unknown */
};

struct remote_orders {
    bool cancel; /* the server wants the run to end */
    char reason[201];
};

int remote_progress(struct api *api, const char *log_id, const struct remote_progress *progress,
                    struct remote_orders *ret, struct err *err) MUSTER_NODISCARD;

struct remote_outcome {
    const char *status; /* "completed", "warning", "failed", "cancelled" */
    uint64_t files, bytes_read, bytes_sent;
    uint64_t listed_files, listed_bytes;
    uint64_t unreadable, vanished, changed, skipped;
    int64_t duration_ms;
    uint64_t error_count;
    json_t *errors;     /* borrowed; NULL: none */
    const char *sha256; /* of the archive, hex; NULL: there is none, and what follows is not told */
    uint64_t part_count, size;
    uint64_t index_part_count, index_size;
};

/* Tells how the run ended. Idempotent: the same may be told again. */
int remote_complete(struct api *api, const char *log_id, const struct remote_outcome *outcome,
                    struct api_result *ret_result, struct err *err) MUSTER_NODISCARD;

/* ERR_INVALID with what was wrong with a reply. */
struct jsonread;
struct jsonread_error;
int remote_bad_reply(const struct jsonread_error *wrong, struct err *err);

/* An id in a reply, borrowed; what is none fails the reader. */
const char *remote_read_id(struct jsonread *r, const char *key);

/* Whether s can be an id of the server's: 1 to 64 of A-Z a-z 0-9 and '-'. Ids become names of files. */
bool remote_id_valid(const char *s);

#endif
