#include "update/stage.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "net/url.h"
#include "update/binary.h"
#include "update/download.h"
#include "update/patch.h"
#include "update/root.h"
#include "update/selftest.h"
#include "update/source.h"
#include "update/space.h"
#include "update/swap.h"
#include "version.h"

enum { KIB = 1024, MIB = 1024 * KIB };

/* The repository as of now, held by this process alone. */
struct repository {
    int lock_fd;
    struct source *source;
    struct metadata *metadata;
};

/* All that one run holds. */
struct run {
    const struct agent *agent;
    const struct stage *stage;
    struct repository repository;
    struct release release;
    struct binary binary;
    char note[PATH_MAX];       /* of A.part */
    char patch[PATH_MAX];      /* a patch on its way; need not be beside A */
    char patch_note[PATH_MAX]; /* of that */
};

bool stage_worth_retrying(int rc)
{
    return rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT || rc == ERR_CONFLICT;
}

/* --- what is signed --- */

static int refresh(const struct agent *agent, struct source *source, struct metadata **ret, struct err *err)
{
    char dir[PATH_MAX];
    char root[PATH_MAX];
    int rc = root_file(agent, root, err);
    if (rc == 0)
        rc = agent_state_path(agent, "update/metadata", dir, err);
    if (rc != 0)
        return rc;
    const struct metadata_options options = {.dir = dir,
                                             .pinned_root = root,
                                             .now_ms = clock_now_ms(agent->clock),
                                             .fetch = source_fetch,
                                             .fetch_ctx = source};
    rc = metadata_refresh(&options, ret, err);
    /* Time does not heal what has expired by itself: say what it is, and that what runs goes on. */
    return rc == ERR_TIMEOUT ? err_prefix(err, "updates stop until the metadata or the clock is right") : rc;
}

/* Metadata and parts are for one process at a time. The lock goes with *ret_fd. */
static int take_lock(const struct agent *agent, int *ret_fd, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(agent, "update", path, err);
    if (rc == 0)
        rc = file_mkdirs(path, 0700, err);
    if (rc == 0)
        rc = agent_state_path(agent, "update/lock", path, err);
    if (rc != 0)
        return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return err_set(err, ERR_CONFLICT, "another muster-agent is busy with an update; try again in a minute");
    }
    *ret_fd = fd;
    return 0;
}

/* cancel_fd -1: none. ret is for repository_close after a failure, too. */
static int repository_open(const struct agent *agent, int cancel_fd, struct repository *ret, struct err *err)
{
    *ret = (struct repository){.lock_fd = -1};
    int rc = take_lock(agent, &ret->lock_fd, err);
    if (rc == 0)
        rc = source_open(agent, &ret->source, err);
    if (rc != 0)
        return rc;
    source_set_cancel(ret->source, cancel_fd);
    return refresh(agent, ret->source, &ret->metadata, err);
}

static void repository_close(struct repository *r)
{
    metadata_free(r->metadata);
    source_close(r->source);
    if (r->lock_fd >= 0)
        (void)close(r->lock_fd);
}

/* The release, if a host that runs own_version may take it. */
static int find_allowed(const struct repository *r, const struct agent *agent, const char *version,
                        const char *own_version, struct release *ret, struct err *err)
{
    struct release found;
    int rc = release_find(r->metadata, version, &found, err);
    if (rc == 0)
        rc = release_allowed(r->metadata, &found, own_version, config_text(agent->config, "UPDATE_CHANNEL"), err);
    if (rc == 0)
        *ret = found;
    return rc;
}

int stage_check(const struct agent *agent, struct release *ret, bool *ret_required, struct err *err)
{
    struct repository repository;
    struct release newest;
    int rc = repository_open(agent, -1, &repository, err);
    if (rc == 0)
        rc = release_newest(repository.metadata, config_text(agent->config, "UPDATE_CHANNEL"), &newest, err);
    if (rc == 0) {
        *ret = newest;
        *ret_required = release_requires(&newest, agent_version);
    }
    repository_close(&repository);
    return rc;
}

int stage_find(const struct agent *agent, const char *version, const char *own_version, struct release *ret,
               struct err *err)
{
    struct repository repository;
    int rc = repository_open(agent, -1, &repository, err);
    if (rc == 0)
        rc = find_allowed(&repository, agent, version, own_version, ret, err);
    repository_close(&repository);
    return rc;
}

/* --- from the server to A.part --- */

static void tell(const struct run *r, enum update_step step, int percent)
{
    if (r->stage->tell != NULL)
        r->stage->tell(r->stage->tell_ctx, step, percent);
}

static void tell_percent(void *ctx, int percent)
{
    tell(ctx, UPDATE_DOWNLOADING, percent);
}

static int fetch(struct run *r, const char *path, const char *sha256, int64_t size, const char *part, const char *note,
                 struct err *err)
{
    char url[URL_MAX];
    int rc = source_target_url(r->repository.source, path, sha256, url, err);
    if (rc != 0)
        return rc;
    const struct download download = {.http = source_http(r->repository.source),
                                      .cancel_fd = r->stage->cancel_fd,
                                      .url = url,
                                      .part = part,
                                      .note = note,
                                      .size = size,
                                      .sha256 = sha256,
                                      .rate = config_int(r->agent->config, "UPDATE_RATE_KBPS") * KIB,
                                      .progress = tell_percent,
                                      .progress_ctx = r};
    return download_run(&download, err);
}

/* Whatever goes wrong with a patch, the whole file is still to be had. */
static bool take_patch(struct run *r)
{
    struct release_patch found;
    char own[BINARY_SHA256_SIZE];
    struct err err = {0};
    if (!release_find_patch(r->repository.metadata, &r->release, agent_version, &found))
        return false;
    int rc = binary_sha256(&r->binary, own, &err);
    if (rc == 0 && strcmp(own, found.base_sha256) != 0)
        rc = err_set(&err, ERR_CONFLICT, "it is for another build of %s than this", agent_version);
    if (rc == 0)
        rc = fetch(r, found.path, found.sha256, found.size, r->patch, r->patch_note, &err);
    const struct patch patch = {.base = r->binary.path,
                                .base_sha256 = found.base_sha256,
                                .patch = r->patch,
                                .result = r->binary.part,
                                .result_size = r->release.size,
                                .result_sha256 = r->release.sha256};
    if (rc == 0)
        rc = patch_apply(&patch, &err);
    bool taken = rc == 0;
    if (taken)
        log_info("%s is made of %s and a patch of %lld bytes; the whole file has %lld", r->release.version,
                 agent_version, (long long)found.size, (long long)r->release.size);
    else
        log_info("the patch to %s is not taken, the whole file is: %s", r->release.version, err.msg);
    if (part_remove(r->patch, r->patch_note, &err) != 0)
        log_warning("%s", err.msg);
    return taken;
}

static int check_space(const struct run *r, struct err *err)
{
    const struct space_need need = {.fetched = r->release.size,
                                    .copied = r->binary.size,
                                    .reserve = config_int(r->agent->config, "UPDATE_RESERVE_MB") * MIB};
    return space_check(r->binary.directory, &need, err);
}

static int get_part(struct run *r, struct err *err)
{
    tell(r, UPDATE_DOWNLOADING, 0);
    int rc = check_space(r, err);
    if (rc != 0 || take_patch(r))
        return rc;
    return fetch(r, r->release.path, r->release.sha256, r->release.size, r->binary.part, r->note, err);
}

/* --- from A.part to A.new --- */

static int verify(struct run *r, struct err *err)
{
    tell(r, UPDATE_VERIFYING, 100);
    int rc = binary_finish(&r->binary, err);
    if (rc != 0)
        return rc;
    const struct selftest selftest = {
        .path = r->binary.fresh, .version = r->release.version, .config_path = r->agent->config_path};
    rc = selftest_run(&selftest, err);
    if (rc == 0)
        return 0;
    struct err litter;
    if (binary_discard(&r->binary, &litter) != 0)
        log_warning("%s", litter.msg);
    return err_prefix(err, "the self-test of %s", r->release.version);
}

/* In a trial A.new is the launcher's: it starts it again, and must find what was tried. */
static int check_no_trial(const struct run *r, struct err *err)
{
    struct swap_state trial;
    struct err unread;
    if (swap_state_read(r->binary.path, &trial, &unread) != 0)
        return 0; /* damaged: then there is none, and beginning the next one says so */
    if (trial.phase == SWAP_TRIAL || trial.phase == SWAP_RESTORED || trial.phase == SWAP_WAITING)
        return err_set(err, ERR_CONFLICT, "%s is on trial; wait for its end", trial.version);
    return 0;
}

static int find_places(struct run *r, struct err *err)
{
    int rc = agent_state_path(r->agent, "update/part.json", r->note, err);
    if (rc == 0)
        rc = agent_state_path(r->agent, "update/patch", r->patch, err);
    if (rc == 0)
        rc = agent_state_path(r->agent, "update/patch.json", r->patch_note, err);
    if (rc == 0)
        rc = binary_open(NULL, &r->binary, err);
    return rc == 0 ? check_no_trial(r, err) : rc;
}

int stage_run(const struct agent *agent, const struct stage *stage, struct err *err)
{
    struct run r = {.agent = agent, .stage = stage};
    int rc = repository_open(agent, stage->cancel_fd, &r.repository, err);
    if (rc == 0)
        rc = find_allowed(&r.repository, agent, stage->version, agent_version, &r.release, err);
    if (rc == 0)
        rc = find_places(&r, err);
    if (rc == 0)
        rc = get_part(&r, err);
    if (rc == 0)
        rc = verify(&r, err);
    repository_close(&r.repository);
    return rc;
}
