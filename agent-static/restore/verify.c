#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/retry.h"
#include "restore/session.h"

enum { TELL_RETRY_MS = 60 * 1000 };

struct verify {
    const struct verify_options *options;
    struct session session;
    json_t *archives;
    size_t proven, intact, failed;
    char why[200]; /* of the first that failed */
};

static int tell_verdict(struct verify *v, const struct remote_verdict *verdict, struct err *err)
{
    struct retry retry;
    retry_init(&retry, v->session.agent->clock, TELL_RETRY_MS);
    for (;;) {
        int rc = remote_verified(v->session.api, verdict, err);
        int wait = retry_worth(rc) ? retry_next_ms(&retry, NULL) : -1;
        if (wait < 0 || !watch_sleep(v->session.watch, wait))
            return rc == 0 ? 0 : err_prefix(err, "the server does not take the result");
    }
}

static int conclude(struct verify *v, const struct remote_archive *a, const struct remote_verdict *verdict,
                    struct err *err)
{
    if (!v->options->json)
        (void)printf("%-7s %s %s, %llu entries, %.1f MB%s%s\n", verdict->result, a->log_id, a->filename,
                     (unsigned long long)verdict->entries, (double)verdict->bytes / 1e6,
                     *verdict->detail == '\0' ? "" : ": ", verdict->detail);
    (void)json_array_append_new(v->archives,
                                json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "logId", a->log_id, "filename", a->filename,
                                          "result", verdict->result, "detail", verdict->detail, "entries",
                                          (json_int_t)verdict->entries, "bytes", (json_int_t)verdict->bytes));
    return tell_verdict(v, verdict, err);
}

/* Its bytes alone, without a look inside. */
static int compare_archive(struct verify *v, const struct remote_archive *a, struct err *err)
{
    const struct reading_options options = {
        .agent = v->session.agent,
        .api = v->session.api,
        .run = v->session.chain.log_id,
        .archive = a,
        .report = &v->session.report,
        .watch = v->session.watch,
    };
    struct reading *reading = NULL;
    int rc = reading_open(&options, &reading, err);
    return rc == 0 ? reading_close(reading, 0, err) : rc;
}

/* Whether rc says something about the archive, and not about the way to it. */
static bool is_verdict(int rc)
{
    return rc == 0 || rc == ERR_CORRUPT || rc == ERR_NOT_FOUND || rc == ERR_INVALID || rc == ERR_TOO_BIG;
}

static int verify_archive(struct verify *v, const struct remote_archive *a, struct err *err)
{
    static const struct extract_options read_all = {.mode = EXTRACT_READ};
    struct report *report = &v->session.report;
    uint64_t files = atomic_load(&report->files);
    uint64_t sent = atomic_load(&report->sent);
    char detail[REPORT_MESSAGE_MAX] = "";
    bool blind = a->encrypted && v->session.identities == NULL;
    int rc = blind ? 0 : session_extract(&v->session, a, &read_all, err);
    if (rc == ERR_DENIED && a->encrypted) { /* none of the identities is one of its recipients' */
        blind = true;
        atomic_store(&report->files, files);
        atomic_store(&report->sent, sent);
    }
    if (blind)
        rc = compare_archive(v, a, err);
    if (!is_verdict(rc))
        return rc;
    if (rc != 0)
        report_printable(err->msg, detail, sizeof detail);
    if (rc != 0 && v->failed == 0)
        (void)snprintf(v->why, sizeof v->why, "%.190s", detail);
    *(rc != 0 ? &v->failed : blind ? &v->intact : &v->proven) += 1;
    const struct remote_verdict verdict = {
        .log_id = a->log_id,
        .result = rc != 0 ? "failed"
                  : blind ? "intact"
                          : "proven",
        .detail = blind && rc == 0 ? "encrypted, and no identity here fits" : detail,
        .entries = atomic_load(&report->files) - files,
        .bytes = atomic_load(&report->sent) - sent,
    };
    return conclude(v, a, &verdict, err);
}

static void print_json(const struct verify *v)
{
    json_t *value = json_pack("{s:s, s:s, s:O}", "logId", v->session.chain.log_id, "result",
                              v->failed > 0   ? "failed"
                              : v->intact > 0 ? "intact"
                                              : "proven",
                              "archives", v->archives);
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));
    if (text != NULL)
        (void)printf("%s\n", text);
    free(text);
    json_decref(value);
}

static enum restore_outcome judge(struct verify *v, int rc, struct err *err)
{
    if (rc != 0)
        return v->session.watch != NULL && watch_stopped(v->session.watch) ? RESTORE_CANCELLED : RESTORE_FAILED;
    if (v->failed > 0) {
        (void)err_set(err, ERR_CORRUPT, "%zu of %zu archives cannot be restored: %s", v->failed, v->session.chain.count,
                      v->why);
        return RESTORE_FAILED;
    }
    if (v->intact > 0) {
        (void)err_set(err, ERR_DENIED, "%zu of %zu archives are intact, but not proven: no identity here decrypts them",
                      v->intact, v->session.chain.count);
        return RESTORE_WARNING;
    }
    (void)snprintf(err->msg, sizeof err->msg, "read back to the end, %zu archive%s: it can be restored", v->proven,
                   v->proven == 1 ? "" : "s");
    return RESTORE_COMPLETED;
}

int verify_run(struct agent *agent, const struct verify_options *options, enum restore_outcome *ret, bool *ret_told,
               struct err *err)
{
    struct verify v = {.options = options, .archives = json_array()};
    const struct session_options session = {
        .agent = agent,
        .which = &options->which,
        .identity = options->identity,
        .job_id = options->job_id,
        .progress = !options->json && options->job_id == NULL,
    };
    int rc = session_open(&v.session, &session, err);
    for (size_t i = 0; rc == 0 && i < v.session.chain.count; i++)
        rc = verify_archive(&v, &v.session.chain.archives[i], err);
    *ret = judge(&v, rc, err);
    if (rc == 0 && options->json)
        print_json(&v);
    /* That a host without the identity proves nothing is no fault of the job's. */
    *ret_told = session_tell(&v.session, *ret == RESTORE_WARNING ? RESTORE_COMPLETED : *ret, err->msg);
    json_decref(v.archives);
    session_done(&v.session);
    return *ret == RESTORE_COMPLETED || *ret == RESTORE_WARNING ? 0 : rc != 0 ? rc : ERR_CORRUPT;
}
