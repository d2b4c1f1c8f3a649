#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/jsonread.h"
#include "common/jsonwrite.h"
#include "update/stage.h"

enum { NOTE_MAX = 4096 };

static const char *const ends[] = {"running", "ready", "failed", "later", NULL};

void stage_note_load(const char *path, struct stage_note *ret)
{
    struct err err;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    json_t *root = jsonread_file(path, NOTE_MAX, &err);
    jsonread_init(&r, root, &wrong);
    struct stage_note note = {
        .end = (enum stage_end)jsonread_enum_or(&r, "end", ends, STAGE_RUNNING),
        .step = jsonread_bool_or(&r, "verifying", false) ? UPDATE_VERIFYING : UPDATE_DOWNLOADING,
        .percent = (int)jsonread_int_or(&r, "percent", 0, 100, 0),
        .required = jsonread_bool_or(&r, "required", false),
    };
    (void)snprintf(note.version, sizeof note.version, "%s",
                   jsonread_str_or(&r, "version", 0, sizeof note.version - 1, ""));
    (void)snprintf(note.reason, sizeof note.reason, "%s",
                   jsonread_text_or(&r, "reason", 0, sizeof note.reason - 1, ""));
    *ret = (struct stage_note){.step = UPDATE_DOWNLOADING};
    if (!wrong.failed)
        *ret = note;
    json_decref(root);
}

int stage_note_save(const char *path, const struct stage_note *note, struct err *err)
{
    json_t *root =
        json_pack("{s:s, s:b, s:i, s:s, s:b}", "end", ends[note->end], "verifying", note->step == UPDATE_VERIFYING,
                  "percent", note->percent, "version", note->version, "required", note->required);
    if (root != NULL && note->reason[0] != '\0') {
        json_t *reason = json_string(note->reason);
        (void)json_object_set_new(root, "reason", reason != NULL ? reason : json_string("(a reason that is no text)"));
    }
    return jsonwrite_file(path, root, JSON_COMPACT, err);
}
