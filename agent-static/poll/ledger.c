#include "poll/ledger.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/jsonread.h"

enum { FILE_MAX = 256 * 1024 };

static const char *const status_names[] = {"started", "done", "failed", "unsupported", "refused", NULL};

struct ledger {
    char path[PATH_MAX];
    struct ledger_entry *entries; /* oldest first */
    size_t count;
};

const char *ledger_status_name(enum ledger_status status)
{
    return status_names[status];
}

bool ledger_id_valid(const char *s)
{
    size_t len = strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_");
    return len > 0 && len < LEDGER_ID_SIZE && s[len] == '\0' && s[0] != '-';
}

/* --- the file --- */

static void read_entry(struct jsonread *r, struct ledger_entry *ret)
{
    const char *id = jsonread_str(r, "id", 1, LEDGER_ID_SIZE - 1);
    const char *config_id = jsonread_str_or(r, "configId", 0, LEDGER_ID_SIZE - 1, "");
    const char *detail = jsonread_text_or(r, "detail", 0, LEDGER_DETAIL_SIZE - 1, "");
    *ret = (struct ledger_entry){.status = (enum ledger_status)jsonread_enum(r, "status", status_names),
                                 .reported = jsonread_bool_or(r, "reported", false)};
    if (r->error->failed)
        return;
    (void)snprintf(ret->id, sizeof ret->id, "%s", id);
    (void)snprintf(ret->config_id, sizeof ret->config_id, "%s", config_id);
    (void)snprintf(ret->detail, sizeof ret->detail, "%s", detail);
}

static bool take_json(struct ledger *l, const json_t *value)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    const json_t *list = NULL;
    jsonread_init(&r, value, &wrong);
    size_t count = jsonread_array(&r, "commands", 0, LEDGER_MAX, &list);
    for (size_t i = 0; i < count && !wrong.failed; i++) {
        struct jsonread item;
        jsonread_item(&r, "commands", list, i, &item);
        read_entry(&item, &l->entries[i]);
    }
    l->count = wrong.failed ? 0 : count;
    return !wrong.failed;
}

static int load(struct ledger *l, bool *ret_damaged, struct err *err)
{
    char *text = NULL;
    size_t len;
    int rc = file_read(l->path, FILE_MAX, &text, &len, err);
    *ret_damaged = false;
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc != 0)
        return rc;
    json_t *value = jsonread_parse((struct span){.ptr = text, .len = len}, err);
    *ret_damaged = value == NULL || !take_json(l, value);
    json_decref(value);
    free(text);
    return 0;
}

static json_t *entry_json(const struct ledger_entry *e)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:s}", "id", e->id, "configId", e->config_id, "status",
                     status_names[e->status], "reported", e->reported, "detail", e->detail);
}

static int save(const struct ledger *l, struct err *err)
{
    json_t *list = json_array();
    bool whole = list != NULL;
    for (size_t i = 0; whole && i < l->count; i++)
        whole = json_array_append_new(list, entry_json(&l->entries[i])) == 0;
    json_t *value = json_pack("{s:o}", "commands", list);
    char *text = whole && value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = file_write(l->path, text, strlen(text), 0600, err);
    free(text);
    return rc;
}

/* --- entries --- */

static void settle_interrupted(struct ledger *l)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->entries[i].status != LEDGER_STARTED)
            continue;
        l->entries[i].status = LEDGER_FAILED;
        l->entries[i].reported = false;
        (void)snprintf(l->entries[i].detail, sizeof l->entries[i].detail, "the agent was stopped while it ran");
    }
}

int ledger_open(const char *path, struct ledger **ret, bool *ret_damaged, struct err *err)
{
    struct ledger *l = calloc(1, sizeof *l);
    if (l != NULL)
        l->entries = calloc(LEDGER_MAX + 1, sizeof *l->entries);
    int rc = l == NULL || l->entries == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    if (rc == 0 && snprintf(l->path, sizeof l->path, "%s", path) >= (int)sizeof l->path)
        rc = err_set(err, ERR_TOO_BIG, "path too long");
    if (rc == 0)
        rc = load(l, ret_damaged, err);
    if (rc != 0) {
        ledger_close(l);
        return rc;
    }
    settle_interrupted(l);
    *ret = l;
    return 0;
}

void ledger_close(struct ledger *l)
{
    if (l == NULL)
        return;
    free(l->entries);
    free(l);
}

static size_t index_of(const struct ledger *l, const char *id)
{
    size_t i = 0;
    while (i < l->count && strcmp(l->entries[i].id, id) != 0)
        i++;
    return i;
}

const struct ledger_entry *ledger_find(const struct ledger *l, const char *id)
{
    return ledger_at(l, index_of(l, id));
}

const struct ledger_entry *ledger_at(const struct ledger *l, size_t index)
{
    return index < l->count ? &l->entries[index] : NULL;
}

/* The oldest that nobody needs any more makes room; one that runs or is not reported yet never does. */
static size_t victim(const struct ledger *l)
{
    size_t i = 0;
    while (i < l->count && (l->entries[i].status == LEDGER_STARTED || !l->entries[i].reported))
        i++;
    return i;
}

static void remove_at(struct ledger *l, size_t index)
{
    l->count--;
    memmove(l->entries + index, l->entries + index + 1, (l->count - index) * sizeof *l->entries);
}

int ledger_put(struct ledger *l, const struct ledger_entry *entry, struct err *err)
{
    size_t old_count = l->count;
    struct ledger_entry *old = malloc((LEDGER_MAX + 1) * sizeof *old);
    if (old == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(old, l->entries, (LEDGER_MAX + 1) * sizeof *old);
    size_t i = index_of(l, entry->id);
    if (i == l->count && l->count == LEDGER_MAX && victim(l) < l->count) {
        remove_at(l, victim(l));
        i = l->count;
    }
    int rc = i == LEDGER_MAX ? err_set(err, ERR_TOO_BIG, "too many commands are under way") : 0;
    if (rc == 0) {
        /* An entry that ends moves to the end: the order is that of the last change. */
        if (i < l->count)
            remove_at(l, i);
        l->entries[l->count++] = *entry;
        rc = save(l, err);
    }
    if (rc != 0) {
        memcpy(l->entries, old, (LEDGER_MAX + 1) * sizeof *old);
        l->count = old_count;
    }
    free(old);
    return rc;
}

bool ledger_last_failed(const struct ledger *l)
{
    for (size_t i = l->count; i > 0; i--) {
        const struct ledger_entry *e = &l->entries[i - 1];
        if (e->config_id[0] != '\0' && e->status != LEDGER_STARTED)
            return e->status == LEDGER_FAILED;
    }
    return false;
}
