#include "update/update_state.h"

#include <stdio.h>
#include <string.h>

#include "common/jsonread.h"
#include "common/jsonwrite.h"

enum { FILE_MAX = 4096 };

/* In the order of the enum. */
static const char *const names[] = {"idle",      "offered",  "waiting", "downloading", "verifying", "trial",
                                    "committed", "restored", "skipped", "failed",      "available", NULL};

const char *update_step_name(enum update_step step)
{
    return names[step];
}

bool update_step_is_final(enum update_step step)
{
    switch (step) {
    case UPDATE_IDLE:
    case UPDATE_COMMITTED:
    case UPDATE_RESTORED:
    case UPDATE_SKIPPED:
    case UPDATE_FAILED:
    case UPDATE_AVAILABLE: return true;
    case UPDATE_OFFERED:
    case UPDATE_WAITING:
    case UPDATE_DOWNLOADING:
    case UPDATE_VERIFYING:
    case UPDATE_TRIAL: break;
    }
    return false;
}

void update_state_load(const char *path, struct update_state *ret)
{
    struct err err;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    struct update_state read = {.step = UPDATE_IDLE};
    json_t *root = jsonread_file(path, FILE_MAX, &err);
    jsonread_init(&r, root, &wrong);
    read.step = (enum update_step)jsonread_enum_or(&r, "state", names, UPDATE_IDLE);
    read.percent = (int)jsonread_int_or(&r, "percent", 0, 100, 0);
    read.since_ms = jsonread_int_or(&r, "since_ms", 0, INT64_MAX, 0);
    const char *version = jsonread_str_or(&r, "version", 0, sizeof read.version - 1, "");
    const char *rollout = jsonread_str_or(&r, "rolloutId", 0, sizeof read.rollout_id - 1, "");
    const char *reason = jsonread_str_or(&r, "reason", 0, sizeof read.reason - 1, "");
    if (wrong.failed) {
        *ret = (struct update_state){.step = UPDATE_IDLE};
    } else {
        (void)snprintf(read.version, sizeof read.version, "%s", version);
        (void)snprintf(read.rollout_id, sizeof read.rollout_id, "%s", rollout);
        (void)snprintf(read.reason, sizeof read.reason, "%s", reason);
        *ret = read;
    }
    json_decref(root);
}

int update_state_save(const char *path, const struct update_state *s, struct err *err)
{
    json_t *root = update_state_json(s);
    if (root != NULL && json_object_set_new(root, "since_ms", json_integer(s->since_ms)) != 0) {
        json_decref(root);
        root = NULL;
    }
    return jsonwrite_file(path, root, JSON_COMPACT, err);
}

static bool set(json_t *o, const char *key, json_t *value)
{
    return json_object_set_new(o, key, value) == 0;
}

/* A reason may hold a path, and a path any bytes. */
static json_t *reason_text(const char *reason)
{
    json_t *text = json_string(reason);
    return text != NULL ? text : json_string("(a reason that is no text)");
}

json_t *update_state_json(const struct update_state *s)
{
    json_t *o = json_pack("{s:s}", "state", update_step_name(s->step));
    bool whole = o != NULL;
    if (whole && s->version[0] != '\0')
        whole = set(o, "version", json_string(s->version));
    if (whole && s->rollout_id[0] != '\0')
        whole = set(o, "rolloutId", json_string(s->rollout_id));
    if (whole && s->reason[0] != '\0')
        whole = set(o, "reason", reason_text(s->reason));
    if (whole && s->step == UPDATE_DOWNLOADING)
        whole = set(o, "percent", json_integer(s->percent));
    if (whole)
        return o;
    json_decref(o);
    return NULL;
}
