#include "poll/status.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/jsonread.h"
#include "common/jsonwrite.h"

enum { FILE_MAX = 16 * 1024 };

static void take_json(struct status *s, const json_t *value)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, value, &wrong);
    struct status read = {
        .pid = jsonread_int_or(&r, "pid", 0, INT64_MAX, 0),
        .started_ms = jsonread_int_or(&r, "started_ms", 0, INT64_MAX, 0),
        .connected = jsonread_bool_or(&r, "connected", false),
        .last_contact_ms = jsonread_int_or(&r, "lastContact_ms", 0, INT64_MAX, 0),
        .last_attempt_ms = jsonread_int_or(&r, "lastAttempt_ms", 0, INT64_MAX, 0),
        .next_poll_s = jsonread_int_or(&r, "nextPollS", 0, INT64_MAX, 0),
        .configs_rev = jsonread_int_or(&r, "configsRev", -1, INT64_MAX, -1),
    };
    const char *error = jsonread_text_or(&r, "error", 0, sizeof read.error - 1, "");
    const char *head = jsonread_str_or(&r, "auditHead", 0, sizeof read.audit_head - 1, "");
    if (wrong.failed)
        return;
    *s = read;
    (void)snprintf(s->error, sizeof s->error, "%s", error);
    (void)snprintf(s->audit_head, sizeof s->audit_head, "%s", head);
}

void status_load(const char *path, struct status *ret)
{
    *ret = (struct status){.configs_rev = -1};
    json_t *value = jsonread_file(path, FILE_MAX, NULL);
    if (value != NULL)
        take_json(ret, value);
    json_decref(value);
}

int status_save(const char *path, const struct status *s, struct err *err)
{
    json_t *error = json_string(s->error);
    json_t *value = json_pack("{s:I, s:I, s:b, s:I, s:I, s:o, s:I, s:I, s:s}", "pid", (json_int_t)s->pid, "started_ms",
                              (json_int_t)s->started_ms, "connected", s->connected, "lastContact_ms",
                              (json_int_t)s->last_contact_ms, "lastAttempt_ms", (json_int_t)s->last_attempt_ms, "error",
                              error != NULL ? error : json_string("?"), "nextPollS", (json_int_t)s->next_poll_s,
                              "configsRev", (json_int_t)s->configs_rev, "auditHead", s->audit_head);
    return jsonwrite_file(path, value, JSON_INDENT(2), err);
}

bool status_worth_saving(const struct status *saved, const struct status *now, int64_t saved_ms, int64_t now_ms)
{
    return saved->pid != now->pid || saved->connected != now->connected || strcmp(saved->error, now->error) != 0 ||
           saved->configs_rev != now->configs_rev || now_ms - saved_ms >= STATUS_WRITE_MS;
}
