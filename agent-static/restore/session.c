#include "restore/session.h"

#include <stdio.h>
#include <string.h>

#include "common/file.h"

const char *restore_outcome_name(enum restore_outcome outcome)
{
    static const char *const names[] = {
        [RESTORE_COMPLETED] = "completed", [RESTORE_WARNING] = "warning",     [RESTORE_FAILED] = "failed",
        [RESTORE_REFUSED] = "refused",     [RESTORE_CANCELLED] = "cancelled",
    };
    return names[outcome];
}

/* --- begin and end ----------------------------------------------------------------------------------------------- */

static bool any_encrypted(const struct remote_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->archives[i].encrypted)
            return true;
    return false;
}

static int load_identities(struct session *s, const char *path, struct err *err)
{
    const char *configured = config_text(s->agent->config, "AGE_IDENTITY");
    if (path == NULL && configured != NULL && *configured != '\0')
        path = configured;
    if (path == NULL || !any_encrypted(&s->chain))
        return 0;
    int rc = file_check_private(path, err);
    return rc == 0 ? age_identities_load(path, &s->identities, err) : rc;
}

static uint64_t total_size(const struct remote_chain *chain)
{
    uint64_t total = 0;
    for (size_t i = 0; i < chain->count; i++)
        total += chain->archives[i].size > 0 ? (uint64_t)chain->archives[i].size : 0;
    return total;
}

int session_open(struct session *s, const struct session_options *options, struct err *err)
{
    *s = (struct session){.agent = options->agent, .job_id = options->job_id};
    report_init(&s->report);
    progress_init(&s->progress, s->agent->clock, options->progress);
    s->arena = arena_new(REMOTE_CHAIN_MEMORY);
    if (s->arena == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = watch_new(s->agent, s->job_id, &s->report, &s->watch, err);
    if (rc == 0)
        rc = api_open(s->agent, &s->api, err);
    if (rc == 0)
        rc = remote_restore(s->api, options->which, s->arena, &s->chain, err);
    if (rc == 0)
        rc = load_identities(s, options->identity, err);
    if (rc == 0)
        watch_expect(s->watch, total_size(&s->chain));
    return rc;
}

void session_done(struct session *s)
{
    age_identities_free(s->identities);
    api_close(s->api);
    watch_free(s->watch);
    arena_free(s->arena);
    report_done(&s->report);
}

bool session_tell(struct session *s, enum restore_outcome outcome, const char *detail)
{
    struct err err;
    if (s->job_id == NULL)
        return true;
    if (s->watch == NULL)
        return false;
    int rc = watch_end(s->watch, restore_outcome_name(outcome), detail, &err);
    return rc == 0 || rc == ERR_CONFLICT || rc == ERR_NOT_FOUND; /* it knows of an end, or not of the job */
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

int session_can_read(const struct session *s, struct err *err)
{
    if (s->identities != NULL || !any_encrypted(&s->chain))
        return 0;
    return err_set(err, ERR_INVALID,
                   "the backup is encrypted: name the file of an age identity with --identity or AGE_IDENTITY");
}

int session_extract(struct session *s, const struct remote_archive *archive, const struct extract_options *options,
                    struct err *err)
{
    const struct reading_options reading_options = {
        .agent = s->agent,
        .api = s->api,
        .run = s->chain.log_id,
        .archive = archive,
        .identities = s->identities,
        .report = &s->report,
        .watch = s->watch,
    };
    struct extract_options extract = *options;
    struct reading *reading = NULL;
    int rc = reading_open(&reading_options, &reading, err);
    if (rc != 0)
        return rc;
    extract.read = reading_next;
    extract.ctx = reading;
    extract.report = &s->report;
    extract.progress = &s->progress;
    rc = extract_archive(&extract, err);
    rc = reading_close(reading, rc, err);
    progress_end(&s->progress);
    return rc;
}

int session_list(struct session *s, listing_fn *each, void *ctx, struct err *err)
{
    const struct remote_archive *archive = &s->chain.archives[s->chain.count - 1];
    const struct reading_options options = {
        .agent = s->agent,
        .api = s->api,
        .run = s->chain.log_id,
        .archive = archive,
        .index = true,
        .identities = s->identities,
        .report = &s->report,
        .watch = s->watch,
    };
    struct reading *reading = NULL;
    if (archive->index.url == NULL)
        return err_set(err, ERR_NOT_FOUND, "the run has no list of what is inside");
    if (archive->encrypted && s->identities == NULL)
        return session_can_read(s, err);
    int rc = reading_open(&options, &reading, err);
    if (rc == 0)
        rc = reading_close(reading, listing_read(reading_next, reading, each, ctx, err), err);
    return rc;
}
