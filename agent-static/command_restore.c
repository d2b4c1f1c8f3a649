#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "poll/jobs.h"
#include "restore/jobfile.h"
#include "restore/restore.h"

#define OPTION_IDENTITY                                                                                                \
    {                                                                                                                  \
        "identity", "FILE", "age identities to decrypt with [AGE_IDENTITY]"                                            \
    }
#define OPTION_AT                                                                                                      \
    {                                                                                                                  \
        "at", "TIME", "the newest at that time: 2026-11-27T10:00:00Z"                                                  \
    }
#define OPTION_JOB                                                                                                     \
    {                                                                                                                  \
        "job", "ID", "the server's job this is (used by the poller)"                                                   \
    }

const struct cli_option command_restore_options[] = {
    {"log-id", "ID", "the backup run to restore"},
    {"config-name", "NAME", "or the newest run of this config"},
    {"config-id", "ID", "the same by id"},
    OPTION_AT,
    {"path", "PATH", "only this and what is below it (may be repeated)"},
    {"pattern", "GLOB", "only what matches; without a slash: any name on the way (may be repeated)"},
    {"target", "DIR", "where to, below RESTORE_ROOTS [STATE_DIR/restore/RUN]"},
    {"original", NULL, "to where it came from, inside one of RESTORE_ROOTS"},
    {"policy", "POLICY", "of files that are there, replace: never, newer, changed, always"},
    {"overwrite", NULL, "the same as --policy always"},
    {"dry-run", NULL, "only say what would be written, replaced, kept"},
    {"list", NULL, "only print what is inside"},
    OPTION_IDENTITY,
    OPTION_JOB,
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {0},
};

const char command_restore_details[] =
    "Without --log-id, --config-name or --config-id, the newest backup of this host is taken.\n"
    "Everything is put together aside, the full backup first and the incremental ones after it, and moves to the\n"
    "target only when all of it is what was stored. A target that is there needs --policy; --original takes "
    "\"never\".\n"
    "Writes only below RESTORE_ROOTS of the configuration, and never outside of the target.\n"
    "Exit codes: 0 restored, 3 restored but for entries that are named, 1 failed, 2 misuse or bad configuration.";

const struct cli_option command_verify_options[] = {
    {"log-id", "ID", "the backup run to verify, with those it builds on"},
    {"config-name", "NAME", "or the newest run of this config"},
    {"config-id", "ID", "the same by id"},
    OPTION_AT,
    OPTION_IDENTITY,
    OPTION_JOB,
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {0},
};

const char command_verify_details[] =
    "Decrypts, decompresses and reads every archive to its end, writes nothing, and tells the server of each:\n"
    "proven (can be restored), intact (encrypted, and no identity here fits: its bytes are the ones stored), failed.\n"
    "Exit codes: 0 all proven, 3 some only intact, 1 failed, 2 misuse or bad configuration.";

static int exit_code(enum restore_outcome outcome)
{
    switch (outcome) {
    case RESTORE_COMPLETED: return JOB_EXIT_COMPLETED;
    case RESTORE_WARNING: return JOB_EXIT_WARNING;
    case RESTORE_REFUSED: return JOB_EXIT_REFUSED;
    case RESTORE_CANCELLED: return JOB_EXIT_CANCELLED;
    case RESTORE_FAILED: break;
    }
    return JOB_EXIT_FAILED;
}

/* For the poller the code says how it went, and that the server knows; for people it is 0, 1 or 3. */
static int end(const struct cli_args *args, const char *job_id, enum restore_outcome outcome, bool told,
               const struct err *err)
{
    int code = exit_code(outcome);
    if (outcome != RESTORE_COMPLETED)
        (void)cli_fail(args, code, err);
    if (job_id != NULL)
        return told ? code : JOB_EXIT_UNTOLD;
    return outcome == RESTORE_COMPLETED || outcome == RESTORE_WARNING ? code : CLI_FAILED;
}

static int read_which(const struct cli_args *args, struct remote_which *ret, struct err *err)
{
    const char *at = cli_option(args, "at");
    struct remote_which which = {
        .log_id = cli_option(args, "log-id"),
        .config_id = cli_option(args, "config-id"),
        .config_name = cli_option(args, "config-name"),
    };
    if (at != NULL && (!clock_parse_rfc3339(at, &which.at_ms) || which.at_ms <= 0))
        return err_set(err, ERR_INVALID, "--at takes a time as 2026-11-27T10:00:00Z");
    *ret = which;
    return 0;
}

static int read_policy(const struct cli_args *args, struct restore_options *o, struct err *err)
{
    const char *policy = cli_switch(args, "overwrite") ? "always" : cli_option(args, "policy");
    o->has_policy = policy != NULL;
    for (int i = 0; policy != NULL && overlay_policy_names[i] != NULL; i++)
        if (strcmp(policy, overlay_policy_names[i]) == 0) {
            o->policy = (enum overlay_policy)i;
            return 0;
        }
    return policy == NULL ? 0 : err_set(err, ERR_INVALID, "--policy takes never, newer, changed or always");
}

/* The values of a repeated option; NULL when memory is out. */
static const char **all_values(const struct cli_args *args, const char *name, size_t *ret_count)
{
    size_t count = 0;
    while (cli_option_nth(args, name, count) != NULL)
        count++;
    const char **values = calloc(count + 1, sizeof *values);
    for (size_t i = 0; values != NULL && i < count; i++)
        values[i] = cli_option_nth(args, name, i);
    *ret_count = count;
    return values;
}

static int restore_as_told(const struct cli_args *args, struct agent *agent)
{
    struct err err = {0};
    struct restore_options o = {
        .target = cli_option(args, "target"),
        .original = cli_switch(args, "original"),
        .dry_run = cli_switch(args, "dry-run"),
        .list_only = cli_switch(args, "list"),
        .json = cli_switch(args, "json"),
        .identity = cli_option(args, "identity"),
    };
    int rc = read_which(args, &o.which, &err);
    if (rc == 0)
        rc = read_policy(args, &o, &err);
    if (rc == 0 && o.original && o.target != NULL)
        rc = err_set(&err, ERR_INVALID, "--original and --target exclude each other");
    if (rc != 0)
        return cli_fail(args, CLI_USAGE, &err);
    const char **paths = all_values(args, "path", &o.choice.path_count);
    const char **patterns = all_values(args, "pattern", &o.choice.pattern_count);
    o.choice.paths = paths;
    o.choice.patterns = patterns;
    enum restore_outcome outcome = RESTORE_FAILED;
    bool told = false;
    if (paths == NULL || patterns == NULL)
        rc = err_set(&err, ERR_NOMEM, "out of memory");
    else
        rc = restore_run(agent, &o, &outcome, &told, &err);
    free(paths);
    free(patterns);
    return end(args, NULL, rc == 0 ? outcome : RESTORE_FAILED, told, &err);
}

/* What the poller has written down. A request that cannot be read has no one but the poller to tell the server. */
static int job_as_told(const struct cli_args *args, struct agent *agent, const char *job_id, bool verify)
{
    struct err err = {0};
    struct restore_options o;
    enum restore_outcome outcome = RESTORE_FAILED;
    bool told = false;
    struct arena *arena = arena_new(JOBFILE_MEMORY);
    int rc = arena == NULL ? err_set(&err, ERR_NOMEM, "out of memory") : jobfile_read(agent, job_id, arena, &o, &err);
    if (rc == 0 && verify) {
        const struct verify_options v = {.which = o.which, .job_id = job_id};
        rc = verify_run(agent, &v, &outcome, &told, &err);
    } else if (rc == 0) {
        o.job_id = job_id;
        rc = restore_run(agent, &o, &outcome, &told, &err);
    }
    arena_free(arena);
    (void)rc; /* the outcome says it */
    return end(args, job_id, outcome, told, &err);
}

static int verify_as_told(const struct cli_args *args, struct agent *agent)
{
    struct err err = {0};
    struct verify_options v = {.json = cli_switch(args, "json"), .identity = cli_option(args, "identity")};
    enum restore_outcome outcome = RESTORE_FAILED;
    bool told = false;
    if (read_which(args, &v.which, &err) != 0)
        return cli_fail(args, CLI_USAGE, &err);
    int rc = verify_run(agent, &v, &outcome, &told, &err);
    return end(args, NULL, rc == 0 ? outcome : RESTORE_FAILED, told, &err);
}

/* By hand, or as the job that the poller has written down. */
static int run(const struct cli_args *args, bool verify)
{
    struct agent *agent = NULL;
    const char *job_id = cli_option(args, "job");
    int code = command_open_agent(args, true, &agent);
    if (code != CLI_OK)
        return job_id != NULL ? CLI_USAGE : code;
    if (job_id != NULL)
        code = job_as_told(args, agent, job_id, verify);
    else
        code = verify ? verify_as_told(args, agent) : restore_as_told(args, agent);
    agent_close(agent);
    return code;
}

int command_restore(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run(args, false);
}

int command_verify(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return run(args, true);
}
