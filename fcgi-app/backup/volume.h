/* volume.h: the objects of a run, from their first part to the object that is there, or to nothing. Private to backup/.
 *
 * An object's upload is begun when its first part is announced. It is made into an object as soon as no part of it can
 * be under way any more, so that the end of a long run finds little left to do; that is noted in the database, and its
 * parts are forgotten there. A crash between the two is repaired by making it again, which finds it made. The objects
 * of a run that ended badly are given up until the store has none left. */
#ifndef MUSTER_BACKUP_VOLUME_H
#define MUSTER_BACKUP_VOLUME_H

#include "backup/upload.h"

/* The object that a part of a running run goes to. When it is the first part, the upload is begun and *ret_begun set:
 * the caller notes it with volume_note in the write that declares the part, or gives it up with volume_unbegin.
 * ERR_CONFLICT when the object before it was not begun, or the object is made already. */
int volume_open(struct app *app, struct db *db, const struct upload *u, int64_t number, struct arena *arena,
                struct upload_object *ret, bool *ret_begun, struct err *err) MUSTER_NODISCARD;

/* Inside a write closure. Another request may have begun the same object: then o becomes that one. */
int volume_note(struct db *db, const char *run_id, struct upload_object *o, struct arena *arena,
                struct err *err) MUSTER_NODISCARD;

/* After a write that should have noted it has failed, or has found another upload: gives the upload up unless it is the
 * one that is noted. Logs its own failures. */
void volume_unbegin(struct app *app, struct db *db, const char *run_id, const struct upload_object *begun,
                    struct arena *arena);

/* Makes one object of a running run out of its parts. full: only when it has all the parts it can have. ERR_CONFLICT
 * when something is missing, or the run has ended. */
int volume_make(struct app *app, struct db *db, const char *run_id, const struct upload_object *o, bool full,
                struct err *err) MUSTER_NODISCARD;

/* Makes all that are not made yet, the volumes in order, the index last. ERR_UNAVAILABLE when that takes too long for
 * one request: what is made stays so, and the next call goes on. */
int volume_make_all(struct app *app, struct db *db, const char *run_id, struct arena *arena,
                    struct err *err) MUSTER_NODISCARD;

/* After a run ended badly: gives up what it has in the store, as far as that goes quickly; backup_tick does the rest.
 * Logs its own failures. */
void volume_drop_all(struct app *app, struct db *db, const char *run_id, struct arena *arena);

#endif
