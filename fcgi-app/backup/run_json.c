/* A run as JSON, with what can be told of its pace. */
#include <string.h>

#include "backup/run.h"

/* The columns of backup_runs_shown. */
enum column {
    COLUMN_ID,
    COLUMN_CONFIG_ID,
    COLUMN_CONFIG_NAME,
    COLUMN_AGENT_ID,
    COLUMN_AGENT_NAME,
    COLUMN_STATUS,
    COLUMN_FILENAME,
    COLUMN_STARTED,
    COLUMN_FINISHED,
    COLUMN_DURATION,
    COLUMN_FILES,
    COLUMN_BYTES_READ,
    COLUMN_BYTES_TRANSFERRED,
    COLUMN_SIZE,
    COLUMN_SHA256,
    COLUMN_ERRORS,
    COLUMN_ERROR_COUNT,
    COLUMN_ORIGIN,
    COLUMN_TYPE,
    COLUMN_FULL_REASON,
    COLUMN_CHAIN_ID,
    COLUMN_CHAIN_SEQ,
    COLUMN_BASE_ID,
    COLUMN_ENCRYPTED,
    COLUMN_TOTAL_FILES,
    COLUMN_TOTAL_BYTES,
    COLUMN_LISTED_FILES,
    COLUMN_LISTED_BYTES,
    COLUMN_UNREADABLE,
    COLUMN_VANISHED,
    COLUMN_CHANGED,
    COLUMN_SKIPPED,
    COLUMN_QUEUED,
    COLUMN_ACTIVE,
    COLUMN_VERIFIED,
    COLUMN_VERIFY_ERROR,
    COLUMN_INTACT,
    COLUMN_PROVEN,
    COLUMN_PINNED,
    COLUMN_DELETED,
    COLUMN_DELETED_REASON,
    COLUMN_THAW,
    COLUMN_VOLUMES,
    COLUMN_INDEXED,
};

/* A full run reads all bytes of the tree; an incremental one looks at all files, and reads few. */
static int64_t percent_of(const struct run_state *s)
{
    bool by_files = s->incremental || s->total_bytes <= 0;
    int64_t done = by_files ? s->files : s->bytes_read;
    int64_t total = by_files ? s->total_files : s->total_bytes;
    if (total <= 0)
        return -1;
    double percent = 100.0 * (double)done / (double)total;
    return percent < 99 ? (int64_t)percent : 99; /* the tree may have grown: it is done when it says so */
}

/* From the part that is done. */
static int64_t eta_of(const struct run_state *s, int64_t percent)
{
    if (percent <= 0)
        return -1;
    double left = (double)s->elapsed_ms / 1000 * (double)(100 - percent) / (double)percent;
    return (int64_t)(left + 0.5);
}

struct run_pace run_pace_of(const struct run_state *s)
{
    enum { SHORTEST_MS = 1000 }; /* of less, no rate is worth showing */
    struct run_pace pace = {-1, -1, -1};
    bool running = strcmp(s->status, "running") == 0;
    bool good = strcmp(s->status, "completed") == 0 || strcmp(s->status, "warning") == 0;
    bool measured = s->elapsed_ms >= SHORTEST_MS;
    if (good)
        pace.percent = 100;
    if (running)
        pace.percent = percent_of(s);
    if ((running || good) && measured)
        pace.bytes_per_second = (int64_t)((double)s->bytes_read * 1000 / (double)s->elapsed_ms);
    if (running && measured)
        pace.eta_s = eta_of(s, pace.percent);
    return pace;
}

static struct run_pace row_pace(const struct db_rows *rows)
{
    int64_t until = db_rows_int(rows, COLUMN_FINISHED, db_rows_int(rows, COLUMN_ACTIVE, 0));
    const struct run_state state = {
        .status = db_rows_text(rows, COLUMN_STATUS),
        .incremental = strcmp(db_rows_text(rows, COLUMN_TYPE), "incremental") == 0,
        .files = db_rows_int(rows, COLUMN_FILES, 0),
        .bytes_read = db_rows_int(rows, COLUMN_BYTES_READ, 0),
        .total_files = db_rows_int(rows, COLUMN_TOTAL_FILES, -1),
        .total_bytes = db_rows_int(rows, COLUMN_TOTAL_BYTES, -1),
        .elapsed_ms = until - db_rows_int(rows, COLUMN_STARTED, 0),
    };
    return run_pace_of(&state);
}

/* How a field is made of a column. */
enum form { FORM_TEXT, FORM_INT, FORM_BOOL, FORM_JSON };

static const struct field {
    const char *name;
    enum column column;
    enum form form;
} fields[] = {
    {"id", COLUMN_ID, FORM_TEXT},
    {"configId", COLUMN_CONFIG_ID, FORM_TEXT},
    {"configName", COLUMN_CONFIG_NAME, FORM_TEXT},
    {"agentId", COLUMN_AGENT_ID, FORM_TEXT},
    {"agentName", COLUMN_AGENT_NAME, FORM_TEXT},
    {"status", COLUMN_STATUS, FORM_TEXT},
    {"filename", COLUMN_FILENAME, FORM_TEXT},
    {"started_ms", COLUMN_STARTED, FORM_INT},
    {"finished_ms", COLUMN_FINISHED, FORM_INT},
    {"duration_ms", COLUMN_DURATION, FORM_INT},
    {"filesProcessed", COLUMN_FILES, FORM_INT},
    {"bytesRead", COLUMN_BYTES_READ, FORM_INT},
    {"bytesTransferred", COLUMN_BYTES_TRANSFERRED, FORM_INT},
    {"size", COLUMN_SIZE, FORM_INT},
    {"sha256", COLUMN_SHA256, FORM_TEXT},
    {"errors", COLUMN_ERRORS, FORM_JSON},
    {"errorCount", COLUMN_ERROR_COUNT, FORM_INT},
    {"origin", COLUMN_ORIGIN, FORM_TEXT},
    {"type", COLUMN_TYPE, FORM_TEXT},
    {"fullReason", COLUMN_FULL_REASON, FORM_TEXT},
    {"chainId", COLUMN_CHAIN_ID, FORM_TEXT},
    {"chainSeq", COLUMN_CHAIN_SEQ, FORM_INT},
    {"baseId", COLUMN_BASE_ID, FORM_TEXT},
    {"encrypted", COLUMN_ENCRYPTED, FORM_BOOL},
    {"totalFiles", COLUMN_TOTAL_FILES, FORM_INT},
    {"totalBytes", COLUMN_TOTAL_BYTES, FORM_INT},
    {"listedFiles", COLUMN_LISTED_FILES, FORM_INT},
    {"listedBytes", COLUMN_LISTED_BYTES, FORM_INT},
    {"unreadable", COLUMN_UNREADABLE, FORM_INT},
    {"vanished", COLUMN_VANISHED, FORM_INT},
    {"changed", COLUMN_CHANGED, FORM_INT},
    {"skipped", COLUMN_SKIPPED, FORM_INT},
    {"queued_ms", COLUMN_QUEUED, FORM_INT},
    {"verified_ms", COLUMN_VERIFIED, FORM_INT},
    {"verifyError", COLUMN_VERIFY_ERROR, FORM_TEXT},
    {"intact_ms", COLUMN_INTACT, FORM_INT},
    {"proven_ms", COLUMN_PROVEN, FORM_INT},
    {"pinned_ms", COLUMN_PINNED, FORM_INT},
    {"deleted_ms", COLUMN_DELETED, FORM_INT},
    {"deletedReason", COLUMN_DELETED_REASON, FORM_TEXT},
    {"volumes", COLUMN_VOLUMES, FORM_INT},
    {"indexed", COLUMN_INDEXED, FORM_BOOL},
};

static json_t *field_json(const struct db_rows *rows, const struct field *f)
{
    int column = (int)f->column;
    if (db_rows_null(rows, column))
        return json_null();
    switch (f->form) {
    case FORM_TEXT: return json_string(db_rows_text(rows, column));
    case FORM_INT: return json_integer((json_int_t)db_rows_int(rows, column, 0));
    case FORM_BOOL: return json_boolean(db_rows_int(rows, column, 0) != 0);
    case FORM_JSON: break;
    }
    json_t *json = json_loads(db_rows_text(rows, column), 0, NULL);
    return json != NULL ? json : json_array();
}

static json_t *number_or_null(int64_t number)
{
    return number < 0 ? json_null() : json_integer((json_int_t)number);
}

json_t *run_row_json(const struct db_rows *rows)
{
    struct run_pace pace = row_pace(rows);
    const char *thaw = db_rows_text(rows, COLUMN_THAW);
    json_t *run = json_object();
    int rc = run == NULL ? -1 : 0;
    for (size_t i = 0; rc == 0 && i < sizeof fields / sizeof fields[0]; i++)
        rc = json_object_set_new(run, fields[i].name, field_json(rows, &fields[i]));
    if (rc == 0)
        rc = json_object_set_new(run, "thaw", json_string(thaw != NULL ? thaw : ""));
    if (rc == 0)
        rc = json_object_set_new(run, "percent", number_or_null(pace.percent));
    if (rc == 0)
        rc = json_object_set_new(run, "bytesPerSecond", number_or_null(pace.bytes_per_second));
    if (rc == 0)
        rc = json_object_set_new(run, "etaS", number_or_null(pace.eta_s));
    if (rc != 0) {
        json_decref(run);
        return NULL;
    }
    return run;
}
