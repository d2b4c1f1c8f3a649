#include "restore/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/encode.h"
#include "restore/place.h"

struct plan {
    const struct restore_options *options;
    const struct staging *staging; /* NULL: only list */
    struct place *place;           /* of the target; NULL: it is not there */
    struct report *report;
    struct overlay *counts;
    uint64_t count;
};

static const struct {
    char letter;
    mode_t type;
    const char *name;
} types[] = {
    {'f', S_IFREG, "file"}, {'d', S_IFDIR, "directory"},        {'l', S_IFLNK, "symlink"},
    {'p', S_IFIFO, "fifo"}, {'c', S_IFCHR, "character device"}, {'b', S_IFBLK, "block device"},
};

static size_t type_of(char letter, mode_t mode)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].letter == letter || types[i].type == mode)
            return i;
    return 0;
}

static const char *outcome_name(char outcome)
{
    switch (outcome) {
    case 'c': return "changed";
    case 'u': return "unreadable";
    case 'v': return "vanished";
    case 's': return "skipped";
    default: return "fine";
    }
}

static void print_item(struct plan *p, json_t *item)
{
    char *text = item == NULL ? NULL : json_dumps(item, JSON_COMPACT);
    if (text != NULL)
        (void)printf("%s%s", p->count > 0 ? ",\n" : "\n", text);
    free(text);
    json_decref(item);
}

/* The printable form of path, allocated; and, as *ret_exact, Base64 of it where that is not the same. */
static char *printable(const char *path, char **ret_exact)
{
    size_t len = strlen(path);
    char *shown = malloc(len * 4 + 8);
    *ret_exact = NULL;
    if (shown == NULL)
        return NULL;
    report_printable(path, shown, len * 4 + 8);
    if (strcmp(shown, path) != 0 && (*ret_exact = malloc(BASE64_SIZE(len))) != NULL)
        base64_encode(path, len, *ret_exact);
    return shown;
}

/* --- a list ------------------------------------------------------------------------------------------------------ */

static int list_entry(void *ctx, const struct listing_entry *e, struct err *err)
{
    struct plan *p = ctx;
    char time[CLOCK_RFC3339_SIZE];
    char *exact;
    (void)err;
    if (!choice_has(&p->options->choice, e->path))
        return 0;
    const char *type = e->type == 's' ? "socket" : types[type_of(e->type, 0)].name;
    char *shown = printable(e->path, &exact);
    clock_format_rfc3339(e->mtime_ms, time);
    if (p->options->json)
        print_item(p, json_pack("{s:s*, s:s*, s:s, s:I, s:I, s:I, s:s}", "path", shown, "pathBase64", exact, "type",
                                type, "size", (json_int_t)e->size, "mtime_ms", (json_int_t)e->mtime_ms, "seq",
                                (json_int_t)e->seq, "outcome", outcome_name(e->outcome)));
    else
        (void)printf("%c %12lld %.19sZ %s%s%s\n", e->type, (long long)e->size, time, shown == NULL ? "?" : shown,
                     e->outcome == '-' ? "" : "  ", e->outcome == '-' ? "" : outcome_name(e->outcome));
    p->count++;
    free(exact);
    free(shown);
    return 0;
}

int plan_list(struct session *session, const struct restore_options *options, struct err *err)
{
    struct plan p = {.options = options};
    const struct remote_archive *last = &session->chain.archives[session->chain.count - 1];
    const struct extract_options extract = {
        .mode = EXTRACT_LIST, .choice = &options->choice, .list = stdout, .json = options->json};
    int rc = session_can_read(session, err);
    if (rc != 0)
        return rc;
    if (options->json)
        (void)printf("{\"logId\":\"%s\",\"entries\":[", session->chain.log_id);
    rc = last->index.url != NULL ? session_list(session, list_entry, &p, err)
                                 : session_extract(session, last, &extract, err);
    if (options->json)
        (void)printf("],\"complete\":%s}\n", rc == 0 ? "true" : "false");
    return rc;
}

/* --- a plan ------------------------------------------------------------------------------------------------------ */

/* The path below the target; NULL: not part of it. */
static const char *below_target(const struct plan *p, const char *path)
{
    const char *root = p->staging->path + 1;
    size_t len = strlen(root);
    if (!p->staging->original || len == 0)
        return path;
    if (strncmp(path, root, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    return path[len] == '\0' ? path + len : path + len + 1;
}

static const char *judge(const struct plan *p, const struct overlay_item *item, const struct stat *st)
{
    const struct overlay_item there = overlay_item_of(st);
    if (!overlay_replaces(p->options->policy, item, &there))
        return "keep";
    return S_ISDIR(st->st_mode) && item->type != S_IFDIR ? "blocked" : "replace";
}

static int decide(const struct plan *p, const char *path, const struct overlay_item *item, const char **ret,
                  struct err *err)
{
    struct stat st;
    int fd = -1;
    char *name = NULL;
    *ret = "write";
    if (p->place == NULL)
        return 0;
    int rc = place_find(p->place, path, &fd, &name, err);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != 0) {
        *ret = rc == ERR_IO && err->sys_errno == ENOENT ? "write" : "blocked";
        return 0;
    }
    if (fstatat(fd, *name == '\0' ? "." : name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *ret = judge(p, item, &st);
    (void)close(fd);
    free(name);
    return 0;
}

static void count_action(struct plan *p, const char *path, const char *action)
{
    switch (action[0]) {
    case 'w': p->counts->written++; break;
    case 'r': p->counts->replaced++; break;
    case 'k': p->counts->kept++; break;
    default: report_problem(p->report, path, "something of another type is in its place");
    }
}

static int plan_entry(struct plan *p, const char *path, const struct overlay_item *item, struct err *err)
{
    const char *below = below_target(p, path);
    const char *action;
    char *exact;
    if (below == NULL)
        return 0;
    int rc = decide(p, below, item, &action, err);
    if (rc != 0)
        return rc;
    char *shown = printable(path, &exact);
    if (p->options->json)
        print_item(p, json_pack("{s:s*, s:s*, s:s, s:I, s:s}", "path", shown, "pathBase64", exact, "type",
                                types[type_of(0, item->type)].name, "size", (json_int_t)item->size, "action", action));
    else
        (void)printf("%-8s %s\n", action, shown == NULL ? "?" : shown);
    p->count++;
    atomic_fetch_add(&p->report->files, 1);
    count_action(p, path, action);
    free(exact);
    free(shown);
    return 0;
}

static int plan_listed(void *ctx, const struct listing_entry *e, struct err *err)
{
    struct plan *p = ctx;
    if (e->seq < 0 || e->type == 's' || !choice_has(&p->options->choice, e->path))
        return 0;
    const struct overlay_item item = {
        .type = types[type_of(e->type, 0)].type, .size = e->type == 'f' ? e->size : 0, .mtime_ms = e->mtime_ms};
    return plan_entry(p, e->path, &item, err);
}

static int plan_archived(void *ctx, struct archive_entry *entry, struct err *err)
{
    const mode_t type = archive_entry_hardlink(entry) != NULL ? S_IFREG : archive_entry_filetype(entry);
    const struct overlay_item item = {
        .type = type,
        .size = type == S_IFREG ? archive_entry_size(entry) : 0,
        .mtime_ms = (int64_t)archive_entry_mtime(entry) * 1000 + archive_entry_mtime_nsec(entry) / 1000000,
    };
    return plan_entry(ctx, archive_entry_pathname(entry), &item, err);
}

static void nothing_kept(void *ctx, const char *path, void *kept, bool lost)
{
    (void)ctx, (void)path, (void)kept, (void)lost;
}

static void begin_json(const char *log_id, const char *target)
{
    char *exact;
    char *shown = printable(target, &exact);
    json_t *value = json_string(shown == NULL ? "?" : shown);
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    (void)printf("{\"logId\":\"%s\",\"target\":%s,\"dryRun\":true,\"entries\":[", log_id, text == NULL ? "null" : text);
    free(text);
    json_decref(value);
    free(exact);
    free(shown);
}

int plan_restore(struct session *session, const struct staging *staging, const struct restore_options *options,
                 struct overlay *counts, struct err *err)
{
    struct plan p = {.options = options, .staging = staging, .report = &session->report, .counts = counts};
    const struct remote_archive *last = &session->chain.archives[session->chain.count - 1];
    const struct extract_options extract = {
        .mode = EXTRACT_VISIT, .choice = &options->choice, .visit = plan_archived, .visit_ctx = &p};
    int rc = 0;
    if (staging->target_fd >= 0)
        rc = fchdir(staging->target_fd) == 0 ? place_new(nothing_kept, NULL, &p.place, err)
                                             : err_sys(err, ERR_IO, "%.200s", staging->path);
    if (rc == 0 && options->json)
        begin_json(session->chain.log_id, staging->path);
    if (rc == 0) {
        rc = last->index.url != NULL ? session_list(session, plan_listed, &p, err)
                                     : session_extract(session, last, &extract, err);
        if (options->json)
            (void)printf("],\"complete\":%s}\n", rc == 0 ? "true" : "false");
    }
    place_free(p.place);
    return rc;
}
