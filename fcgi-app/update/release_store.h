/* release_store.h: releases in the database, as JSON objects with the fields that GET /api/releases has. */
#ifndef MUSTER_UPDATE_RELEASE_STORE_H
#define MUSTER_UPDATE_RELEASE_STORE_H

#include <jansson.h>
#include <stdint.h>

#include "db/db.h"
#include "http/list.h"

enum { RELEASES_MAX = 1000 };

/* The one of that version, with "files" and "patches"; ERR_NOT_FOUND. viewer: whose agents are counted; NULL: all. */
int release_get(struct db *db, const char *version, const char *viewer, json_t **ret, struct err *err) MUSTER_NODISCARD;

/* All of them, the newest first, without files and patches. */
int release_list(struct db *db, const char *viewer, json_t **ret, struct err *err) MUSTER_NODISCARD;

/* As people ask for them; "" does not narrow. */
struct release_filter {
    struct list_ask ask;
    const char *viewer, *status, *channel;
};
int release_page(struct db *db, const struct release_filter *filter, struct list_out *out, int64_t *ret_total,
                 struct err *err) MUSTER_NODISCARD;

/* --- inside a write closure --- */

/* Stores a staged release with its "files". ERR_CONFLICT when that version is published or withdrawn. */
int release_stage(struct db *db, const json_t *release, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

/* Forgets a staged release; ERR_NOT_FOUND when it is none. */
int release_discard(struct db *db, const char *version, struct err *err) MUSTER_NODISCARD;

/* Has the tables say what signed targets metadata says, and notes its version. */
int release_sync(struct db *db, const json_t *targets, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

/* The version of targets metadata that was noted last; 0 when none was. */
int release_synced(struct db *db, int64_t *ret, struct err *err) MUSTER_NODISCARD;

#endif
