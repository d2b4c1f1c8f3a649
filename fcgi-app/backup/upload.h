/* upload.h: a run as the way to its objects: what was announced, what is stored. Private to backup/.
 *
 * The archive is one stream of parts, numbered from 1 over the whole of it, all of the same size but the last. A store
 * takes few parts in one object (and none sees a difference between stores at this many), so the stream is cut into
 * volumes of UPLOAD_PARTS_PER_OBJECT parts; the index, a stream of its own, is object 0. How the objects are made and
 * given up is in volume.h. */
#ifndef MUSTER_BACKUP_UPLOAD_H
#define MUSTER_BACKUP_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "db/db.h"
#include "store/part_digest.h"

struct app;
struct req;

enum {
    UPLOAD_PARTS_PER_OBJECT = 1000,
    UPLOAD_PARTS_MAX = 10 * 1000 * 1000, /* of an archive: 80 TB */
    UPLOAD_INDEX = 0,                    /* the number of the index among the objects */
};

/* The run. */
struct upload {
    const char *run_id;
    const char *agent_id; /* NULL: the agent was deleted */
    const char *status;
    const char *path;  /* of the first volume; NULL while queued */
    int64_t part_size; /* 0: one PUT of the whole */
    int64_t announced; /* bytes: of that PUT, or of all parts so far */
    int64_t size;      /* of the archive; -1 before the run has ended well */
    int64_t files;
    int64_t bytes_transferred;
    const char *sha256;
};

/* One of its objects. */
struct upload_object {
    int64_t number;
    const char *path;
    const char *upload_id;
    int64_t size; /* -1: not made yet */
};

/* ERR_NOT_FOUND when there is none; _by_run also when it is another agent's. Strings live in the arena. */
int upload_by_run(struct db *db, const char *run_id, const char *agent_id, struct arena *arena, struct upload *ret,
                  struct err *err) MUSTER_NODISCARD;
int upload_by_path(struct db *db, const char *path, struct arena *arena, struct upload *ret,
                   struct upload_object *ret_object, struct err *err) MUSTER_NODISCARD;
int upload_by_upload(struct db *db, const char *upload_id, struct arena *arena, struct upload *ret,
                     struct upload_object *ret_object, struct err *err) MUSTER_NODISCARD;
int upload_object_find(struct db *db, const char *run_id, int64_t number, struct arena *arena,
                       struct upload_object *ret, struct err *err) MUSTER_NODISCARD;

/* The columns number, s3_path, upload_id, size_bytes, from `column` on. False: out of memory. */
bool upload_object_row(const struct db_rows *rows, int column, struct arena *arena, struct upload_object *ret);

bool upload_running(const struct upload *u);
bool upload_multipart(const struct upload *u);
bool upload_ended_badly(const struct upload *u); /* it leaves no object */

/* Where a part of the archive goes: part `number`, from 1. */
struct upload_place {
    int64_t object; /* the volume, from 1 */
    int64_t number; /* in it, from 1 */
};
struct upload_place upload_place_of(int64_t number);

/* The path of an object of a run whose first volume is at path: path.00002, …, path.index. NULL: out of memory. */
const char *upload_object_path(struct arena *arena, const char *path, int64_t object);

struct upload_part {
    int64_t number; /* in its object */
    int64_t size;
    char digest[PART_DIGEST_SIZE];
    bool stored;
};

/* ERR_NOT_FOUND when it was not declared. */
int upload_part_find(struct db *db, const char *run_id, int64_t object, int64_t number, struct upload_part *ret,
                     struct err *err) MUSTER_NODISCARD;

/* What the agent believes it has sent; what it did not say is -1 (lists: 0). Numbers of claimed parts count over the
 * whole archive. */
struct upload_claim {
    const struct upload_part *parts;
    size_t part_count; /* of the list */
    int64_t count;
    int64_t size;
    int64_t index_count;
    int64_t index_size;
};

struct upload_total {
    int64_t size; /* of the archive */
    int64_t index_size;
};

/* Whether everything is there: parts 1 to n without a gap, each full but the last, each stored as far as the store
 * tells (tracked), and the claim agrees. ERR_CONFLICT says what is missing. Memory does not grow with the parts. */
int upload_check(struct db *db, const struct upload *u, bool tracked, const struct upload_claim *claim,
                 struct upload_total *ret, struct err *err) MUSTER_NODISCARD;

/* Like reply_error, but ERR_TOO_BIG is that of upload_room, not a body that is too large. */
void upload_reply_error(struct req *r, const struct err *err);

/* Whether size bytes fit into the agent's quota and on the disk, with all that is announced; `more` of them are not
 * announced yet. ERR_TOO_BIG says why not. */
int upload_room(struct app *app, struct db *db, const char *agent_id, int64_t more, int64_t size,
                struct err *err) MUSTER_NODISCARD;

/* The same for size bytes that are stored already and come once more: no quota counts them twice, but the disk does. */
int upload_room_again(struct app *app, struct db *db, int64_t size, struct err *err) MUSTER_NODISCARD;

#endif
