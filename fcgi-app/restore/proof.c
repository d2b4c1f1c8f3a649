#include "restore/proof.h"

static int nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for what a config has stored");
}

int proof_json(struct db *db, const char *config_id, json_t **ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_RETENTION_PROOF, DB_ARGS(DB_TEXT("config_id", config_id)), &rows, err);
    if (rc < 0)
        return rc;
    json_t *json = json_null();
    if (rc == DB_ROW) {
        json = json_pack("{s:s, s:I, s:I}", "runId", db_rows_text(&rows, 0), "finished_ms",
                         (json_int_t)db_rows_int(&rows, 1, 0), "proven_ms", (json_int_t)db_rows_int(&rows, 2, 0));
        db_rows_done(&rows);
    }
    if (json == NULL)
        return nomem(err);
    *ret = json;
    return 0;
}

int proof_show(struct db *db, const char *config_id, json_t *config, struct err *err)
{
    struct db_rows rows;
    json_t *proof = NULL;
    int rc = proof_json(db, config_id, &proof, err);
    if (rc != 0)
        return rc;
    if (json_object_set_new(config, "provenRun", proof) != 0)
        return nomem(err);
    rc = db_query_one(db, DB_RETENTION_STORED, DB_ARGS(DB_TEXT("config_id", config_id)), &rows, err);
    if (rc != DB_ROW)
        return rc == DB_DONE ? err_set(err, ERR_INTERNAL, "a count gave nothing") : rc;
    bool fits = json_object_set_new(config, "chains", json_integer((json_int_t)db_rows_int(&rows, 0, 0))) == 0 &&
                json_object_set_new(config, "storedBytes", json_integer((json_int_t)db_rows_int(&rows, 1, 0))) == 0;
    db_rows_done(&rows);
    return fits ? 0 : nomem(err);
}
