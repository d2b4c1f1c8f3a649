/* proof.h: what a config has in the store, and since when it is known to come back. Private to restore/. */
#ifndef MUSTER_RESTORE_PROOF_H
#define MUSTER_RESTORE_PROOF_H

#include <jansson.h>

#include "db/db.h"

/* {"runId", "proven_ms", "finished_ms"} of the newest run that is, with all of its chain below it, in the store and
 * proven to come back; JSON null when there is none. As old a proof as its oldest part. The caller json_decref()s. */
int proof_json(struct db *db, const char *config_id, json_t **ret, struct err *err) MUSTER_NODISCARD;

/* Sets "provenRun" (proof_json), "chains" and "storedBytes" of a config's JSON. */
int proof_show(struct db *db, const char *config_id, json_t *config, struct err *err) MUSTER_NODISCARD;

#endif
