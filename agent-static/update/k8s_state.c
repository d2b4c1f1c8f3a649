#include "update/k8s_state.h"

#include <stdio.h>
#include <string.h>

#include "common/jsonread.h"
#include "common/jsonwrite.h"

enum { FILE_MAX = 4096, FAILED_TOLD_MS = 24 * 60 * 60 * 1000 };

/* In the order of the enum. */
static const char *const names[] = {"none", "starting", "rolling", "done", "failed", NULL};

bool k8s_state_under_way(const struct k8s_state *s)
{
    return s->phase == K8S_STARTING || s->phase == K8S_ROLLING;
}

static void keep(char *to, size_t size, const char *text)
{
    (void)snprintf(to, size, "%s", text != NULL ? text : "");
}

void k8s_state_load(const char *path, struct k8s_state *ret)
{
    struct err err;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    struct k8s_state read = {.phase = K8S_NONE};
    json_t *root = jsonread_file(path, FILE_MAX, &err);
    jsonread_init(&r, root, &wrong);
    read.phase = (enum k8s_phase)jsonread_enum_or(&r, "phase", names, K8S_NONE);
    read.updated = jsonread_int_or(&r, "updated", 0, INT64_MAX, 0);
    read.total = jsonread_int_or(&r, "total", 0, INT64_MAX, 0);
    read.since_ms = jsonread_int_or(&r, "since_ms", 0, INT64_MAX, 0);
    keep(read.command_id, sizeof read.command_id, jsonread_str_or(&r, "commandId", 0, sizeof read.command_id - 1, ""));
    keep(read.version, sizeof read.version, jsonread_str_or(&r, "version", 0, sizeof read.version - 1, ""));
    keep(read.workload, sizeof read.workload, jsonread_str_or(&r, "workload", 0, sizeof read.workload - 1, ""));
    keep(read.reason, sizeof read.reason, jsonread_str_or(&r, "reason", 0, sizeof read.reason - 1, ""));
    if (wrong.failed)
        read = (struct k8s_state){.phase = K8S_NONE};
    *ret = read;
    json_decref(root);
}

/* It may hold anything that a file or a cluster says. */
static json_t *reason_text(const struct k8s_state *s)
{
    json_t *text = json_string(s->reason);
    return text != NULL ? text : json_string("(a reason that is no text)");
}

int k8s_state_save(const char *path, const struct k8s_state *s, struct err *err)
{
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:I}", "phase", names[s->phase], "commandId", s->command_id,
                  "version", s->version, "workload", s->workload, "updated", (json_int_t)s->updated, "total",
                  (json_int_t)s->total, "reason", reason_text(s), "since_ms", (json_int_t)s->since_ms);
    return jsonwrite_file(path, root, JSON_COMPACT, err);
}

bool k8s_state_tell(const struct k8s_state *s, int64_t now_ms, json_t *update)
{
    const char *state = json_string_value(json_object_get(update, "state"));
    bool under_way = k8s_state_under_way(s);
    bool failed = s->phase == K8S_FAILED && now_ms - s->since_ms < FAILED_TOLD_MS;
    bool free_to_tell = state != NULL && (strcmp(state, "idle") == 0 || strcmp(state, "available") == 0);
    if (!free_to_tell || (!under_way && !failed))
        return true;
    int percent = s->total > 0 ? (int)(s->updated * 100 / s->total) : 0;
    json_t *told = json_pack("{s:s, s:s, s:o}", "state", under_way ? "available" : "failed", "version", s->version,
                             "reason", reason_text(s));
    bool whole = told != NULL && (!under_way || json_object_set_new(told, "percent", json_integer(percent)) == 0) &&
                 json_object_update(update, told) == 0;
    json_decref(told);
    return whole;
}
