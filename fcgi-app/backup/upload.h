/* upload.h: a run as the way to its object: what was announced, what is stored. Private to backup/. */
#ifndef MUSTER_BACKUP_UPLOAD_H
#define MUSTER_BACKUP_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "backup/store.h"
#include "common/arena.h"
#include "db/db.h"

struct app;

struct upload {
    const char *run_id;
    const char *agent_id; /* NULL: the agent was deleted */
    const char *status;
    const char *path;
    const char *upload_id;
    int64_t part_size;     /* 0: one PUT of the whole */
    int64_t declared_size; /* of that PUT; -1 with parts */
    int64_t size;          /* of the object; -1 before it is made */
    int64_t files;
    int64_t bytes_transferred;
    const char *sha256;
    bool untracked; /* the caller's word: what is stored only the store knows (store_tracks_parts) */
};

/* ERR_NOT_FOUND when there is none; _by_run also when it is another agent's. Strings live in the arena. */
int upload_by_run(struct db *db, const char *run_id, const char *agent_id, struct arena *arena, struct upload *ret,
                  struct err *err) MUSTER_NODISCARD;
int upload_by_path(struct db *db, const char *path, struct arena *arena, struct upload *ret,
                   struct err *err) MUSTER_NODISCARD;
int upload_by_id(struct db *db, const char *run_id, struct arena *arena, struct upload *ret,
                 struct err *err) MUSTER_NODISCARD;

bool upload_running(const struct upload *u);
bool upload_multipart(const struct upload *u);

struct upload_part {
    int64_t number;
    int64_t size;
    char md5[33];
    bool stored;
};

/* ERR_NOT_FOUND when it was not declared. */
int upload_part_find(struct db *db, const char *run_id, int64_t number, struct upload_part *ret,
                     struct err *err) MUSTER_NODISCARD;

/* Whether everything is there: parts 1 to n without a gap, each stored, each full but the last. ERR_CONFLICT says what
 * is missing. *ret_size: bytes in all. parts[0..claimed) is what the agent believes it has sent; it must agree. 0: it
 * did not say. */
int upload_check(struct db *db, const struct upload *u, const struct upload_part *parts, size_t claimed,
                 int64_t *ret_size, struct err *err) MUSTER_NODISCARD;

/* What store_upload_complete wants to hear of an upload that upload_check has found good. */
int upload_parts(struct db *db, const struct upload *u, struct arena *arena, struct store_part **ret, size_t *ret_count,
                 struct err *err) MUSTER_NODISCARD;

/* Whether size bytes fit into the agent's quota and on the disk, with all that is announced; `more` of them are not
 * announced yet. ERR_TOO_BIG says why not. */
int upload_room(struct app *app, struct db *db, const char *agent_id, int64_t more, int64_t size,
                struct err *err) MUSTER_NODISCARD;

/* The same for size bytes that are stored already and come once more: no quota counts them twice, but the disk does. */
int upload_room_again(struct app *app, struct db *db, int64_t size, struct err *err) MUSTER_NODISCARD;

#endif
