/* release_command.h: what the commands of `muster-app release` share. Private to them. */
#ifndef MUSTER_UPDATE_RELEASE_COMMAND_H
#define MUSTER_UPDATE_RELEASE_COMMAND_H

#include "command.h"
#include "update/repo.h"

#define RELEASE_OPTION_KEYS                                                                                            \
    {                                                                                                                  \
        "keys", "DIR", "the root and targets keys [update-keys beside MUSTER_UPDATE_DIR]"                              \
    }

/* One command at work. */
struct release_job {
    const struct cli_args *args;
    struct command c;
    struct repo *repo; /* NULL when the job does not ask for it */
    char keys_dir[REPO_PATH_SIZE];
    struct tuf_keyring keys;   /* of keys_dir */
    struct tuf_keyring server; /* snapshot and timestamp, of MUSTER_SECRETS_DIR */
    int64_t now_ms;
    const char *action; /* once it is in the audit trail */
    char target[96];
};

/* Opens the app and, with the mode, the repository and the keys; runs work; closes everything; prints what went wrong.
 * A work that fails after release_audit leaves a second row in the trail that says so. ERR_INVALID is exit code 2. */
typedef int release_work_fn(struct release_job *job, struct err *err);
enum release_repo { RELEASE_NO_REPO, RELEASE_READ, RELEASE_CHANGE, RELEASE_CREATE };
int release_job_run(const struct cli_args *args, enum release_repo with, release_work_fn *work);

/* The row that says what is begun; what follows are files, which no transaction takes back. target: "release:0.2.0". */
int release_audit(struct release_job *job, const char *action, const char *target, const char *name,
                  struct err *err) MUSTER_NODISCARD;

/* The rest of every command that changes root or targets, either of which may be NULL: signs with the keys at hand,
 * and when that is enough makes it what clients see. Otherwise writes what is to be signed into pending and says what
 * to do with it. *ret_done tells which; NULL: not asked. */
int release_propose(struct release_job *job, json_t *root, json_t *targets, bool *ret_done,
                    struct err *err) MUSTER_NODISCARD;

/* Puts documents that are signed already in force, and has database and fixed files follow. */
int release_take(struct release_job *job, const json_t *root, const json_t *targets, struct err *err) MUSTER_NODISCARD;

/* Database and fixed files as the metadata in force says. */
int release_follow(struct release_job *job, struct err *err) MUSTER_NODISCARD;

/* Removes snapshot and timestamp keys that the root in force does not know: they are of use to thieves alone. */
int release_drop_server_keys(const struct release_job *job, struct err *err) MUSTER_NODISCARD;

/* Prints the fields and values as lines, or with --json as an object; takes it. */
void release_print(const struct release_job *job, json_t *take);

/* "2/3" into a threshold and a number of keys; NULL gives the fallbacks. ERR_INVALID. */
int release_quorum(const char *text, int64_t *threshold, int64_t *count, struct err *err) MUSTER_NODISCARD;

#endif
