#include "restore/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/result.h"
#include "restore/plan.h"
#include "restore/session.h"
#include "restore/staging.h"

enum { LINKS_MEMORY = 4 * 1024 * 1024, ORIGINAL_MAX = 1000 };

struct restore {
    const struct restore_options *options;
    struct session session;
    struct choice choice; /* the options', or for an original place the sources */
    struct staging staging;
    struct overlay overlay;
    struct links *links;
};

/* --- where to ---------------------------------------------------------------------------------------------------- */

/* What the backup was made of: entries that are inside no other. */
struct sources {
    struct arena *arena;
    const char *paths[ORIGINAL_MAX];
    size_t count;
};

static int note_source(void *ctx, const struct listing_entry *e, struct err *err)
{
    struct sources *s = ctx;
    const char *last = s->count == 0 ? NULL : s->paths[s->count - 1];
    size_t len = last == NULL ? 0 : strlen(last);
    if (last != NULL && strncmp(last, e->path, len) == 0 && (e->path[len] == '/' || e->path[len] == '\0'))
        return 0;
    if (s->count == ORIGINAL_MAX)
        return err_set(err, ERR_TOO_BIG, "the backup has too many sources: name what is to be restored with --path");
    s->paths[s->count] = arena_strdup(s->arena, e->path);
    return s->paths[s->count++] != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

/* Everything to where it came from: then the sources are what is wanted. */
static int choose_sources(struct restore *r, struct err *err)
{
    struct sources *s = arena_alloc(r->session.arena, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->arena = r->session.arena;
    int rc = session_list(&r->session, note_source, s, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_INVALID, "name what is to be restored with --path");
    r->choice.paths = s->paths;
    r->choice.path_count = s->count;
    return rc;
}

static int find_place(struct restore *r, struct err *err)
{
    const struct staging_options options = {
        .agent = r->session.agent,
        .target = r->options->target,
        .log_id = r->session.chain.log_id,
        .merge = r->options->has_policy,
        .look = r->options->dry_run,
    };
    if (!r->options->original)
        return staging_find(&options, &r->staging, err);
    int rc = r->choice.path_count == 0 ? choose_sources(r, err) : 0;
    return rc == 0 ? staging_find_original(&options, r->choice.paths, r->choice.path_count, &r->staging, err) : rc;
}

/* --- putting it together ----------------------------------------------------------------------------------------- */

static int replay_archive(struct restore *r, const struct remote_archive *archive, struct err *err)
{
    struct extract_options extract = {
        .mode = EXTRACT_DISK, .choice = &r->choice, .links = r->links, .mark_ways = r->staging.merging};
    links_clear(r->links);
    int rc = session_extract(&r->session, archive, &extract, err);
    if (rc != 0 || links_count(r->links) == 0)
        return rc;
    links_sort(r->links);
    extract.mode = EXTRACT_LINKS;
    return session_extract(&r->session, archive, &extract, err);
}

static int replay(struct restore *r, struct err *err)
{
    int rc = staging_make(&r->staging, r->session.chain.log_id, err);
    if (rc != 0)
        return rc;
    r->links = links_new(LINKS_MEMORY);
    if (r->links == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < r->session.chain.count; i++)
        rc = replay_archive(r, &r->session.chain.archives[i], err);
    if (rc == 0)
        rc = staging_settle(&r->staging, &r->overlay, err);
    return rc;
}

/* What a person asked for on this host is left to be looked at; nobody looks at the rest. */
static int clean_up(struct restore *r, int rc, struct err *err)
{
    bool look = rc != 0 && rc != ERR_CONFLICT && !r->staging.merging && r->options->job_id == NULL;
    if (!look || r->staging.fd < 0)
        staging_remove(&r->staging);
    if (rc != 0 && look && r->staging.fd >= 0)
        (void)err_prefix(err, "nothing restored; what could be read is in %.80s.partial", r->staging.path);
    else if (rc != 0)
        (void)err_prefix(err, "nothing restored");
    return rc;
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static void print_problems(struct report *report)
{
    json_t *errors = report_errors_json(report);
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *item = json_array_get(errors, i);
        const char *path = json_string_value(json_object_get(item, "path"));
        (void)fprintf(stderr, "%s: %s\n", path == NULL ? "archive" : path,
                      json_string_value(json_object_get(item, "message")));
    }
    json_decref(errors);
}

static void print_summary(struct restore *r)
{
    struct report *report = &r->session.report;
    const struct remote_chain *chain = &r->session.chain;
    uint64_t files = atomic_load(&report->files);
    uint64_t bytes = atomic_load(&report->bytes);
    const struct overlay *m = &r->overlay;
    if (!r->options->json) {
        (void)printf("restored %llu files, %.1f MB, of %s (%s) into %s\n", (unsigned long long)files,
                     (double)bytes / 1e6, chain->config_name, chain->filename, r->staging.path);
        if (r->staging.merging)
            (void)printf("%llu entries written, %llu replaced, %llu kept\n", (unsigned long long)m->written,
                         (unsigned long long)m->replaced, (unsigned long long)m->kept);
        return;
    }
    json_t *value =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o*}", "logId", chain->log_id, "filename",
                  chain->filename, "target", r->staging.path, "files", (json_int_t)files, "bytes", (json_int_t)bytes,
                  "written", (json_int_t)m->written, "replaced", (json_int_t)m->replaced, "kept", (json_int_t)m->kept,
                  "errorCount", (json_int_t)report_problems(report), "errors", report_errors_json(report));
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));
    if (text != NULL)
        (void)printf("%s\n", text);
    free(text);
    json_decref(value);
}

/* What the server's people see of one that was made: above all, where they find it. problems: "", or what else there
 * is. */
static void summarize(const struct restore *r, const char *problems, char *ret, size_t size)
{
    const struct overlay *m = &r->overlay;
    const struct staging *s = &r->staging;
    char counts[96] = "";
    if (r->options->dry_run || s->merging)
        (void)snprintf(counts, sizeof counts, ": %llu written, %llu replaced, %llu kept",
                       (unsigned long long)m->written, (unsigned long long)m->replaced, (unsigned long long)m->kept);
    (void)snprintf(ret, size, "%s %s%.200s%s%s%.200s", r->options->dry_run ? "would be restored" : "restored",
                   s->original ? "to where it came from" : "into ", s->original ? "" : s->path, counts,
                   problems[0] != '\0' ? "; " : "", problems);
}

/* A refusal is for the server's people to see, whoever asked. */
static void note_refusal(struct restore *r, const struct err *why)
{
    struct eventlog *log = NULL;
    struct err err;
    const struct session *s = &r->session;
    json_t *metadata =
        json_pack("{s:s*, s:s*, s:s*}", "logId", s->chain.log_id, "jobId", s->job_id, "target", r->options->target);
    if (result_open_log(s->agent, &log, &err) == 0) {
        if (eventlog_append(log, LOG_WARNING, "restore_refused", why->msg, metadata, &err) != 0)
            (void)fprintf(stderr, "the refusal is not recorded: %s\n", err.msg);
        eventlog_close(log);
    } else {
        json_decref(metadata);
    }
}

static enum restore_outcome judge(struct restore *r, int rc, bool placed, struct err *err)
{
    uint64_t problems = report_problems(&r->session.report);
    if (rc == 0 && problems > 0)
        (void)err_set(err, ERR_IO, "%llu entries could not be restored as they were", (unsigned long long)problems);
    if (rc == 0)
        return problems > 0 ? RESTORE_WARNING : RESTORE_COMPLETED;
    if (r->session.watch != NULL && watch_stopped(r->session.watch))
        return RESTORE_CANCELLED;
    if (!placed && rc == ERR_DENIED && r->session.chain.archives != NULL) {
        note_refusal(r, err);
        return RESTORE_REFUSED;
    }
    return RESTORE_FAILED;
}

static int work(struct restore *r, bool *ret_placed, struct err *err)
{
    if (r->options->list_only)
        return plan_list(&r->session, r->options, err);
    int rc = find_place(r, err);
    if (rc != 0)
        return rc;
    *ret_placed = true;
    rc = session_can_read(&r->session, err);
    if (rc != 0)
        return rc;
    if (r->options->dry_run) {
        struct restore_options options = *r->options;
        options.choice = r->choice;
        return plan_restore(&r->session, &r->staging, &options, &r->overlay, err);
    }
    rc = clean_up(r, replay(r, err), err);
    if (rc == 0)
        print_summary(r);
    return rc;
}

int restore_run(struct agent *agent, const struct restore_options *options, enum restore_outcome *ret, bool *ret_told,
                struct err *err)
{
    struct restore r = {
        .options = options,
        .choice = options->choice,
        .staging = {.holder_fd = -1, .target_fd = -1, .fd = -1},
        .overlay = {.policy = options->policy},
    };
    const struct session_options session = {
        .agent = agent,
        .which = &options->which,
        .identity = options->identity,
        .job_id = options->job_id,
        .progress = !options->json && options->job_id == NULL,
    };
    bool placed = options->list_only;
    int rc = session_open(&r.session, &session, err);
    r.overlay.report = &r.session.report;
    if (rc == 0)
        rc = work(&r, &placed, err);
    *ret = judge(&r, rc, placed, err);
    if (report_problems(&r.session.report) > 0)
        print_problems(&r.session.report);
    char done[sizeof err->msg + 256];
    bool made = *ret == RESTORE_COMPLETED || *ret == RESTORE_WARNING;
    summarize(&r, *ret == RESTORE_WARNING ? err->msg : "", done, sizeof done);
    *ret_told = session_tell(&r.session, *ret, made ? done : err->msg);
    links_free(r.links);
    staging_done(&r.staging);
    session_done(&r.session);
    return rc;
}
