#include "restore/jobfile.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/remote.h"
#include "common/file.h"
#include "common/jsonread.h"

enum { FILE_MAX = 512 * 1024, LIST_MAX = 1000, PATH_BYTES = 4095 };

static int path_of(const struct agent *agent, const char *job_id, char ret[PATH_MAX], struct err *err)
{
    char name[REMOTE_ID_SIZE + 16];
    if (!remote_id_valid(job_id))
        return err_set(err, ERR_INVALID, "not an id of a job");
    (void)snprintf(name, sizeof name, "jobs/%s.json", job_id);
    return agent_state_path(agent, name, ret, err);
}

int jobfile_write(const struct agent *agent, const char *job_id, const json_t *args, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(agent, "jobs", path, err);
    if (rc == 0)
        rc = file_mkdirs(path, 0700, err);
    if (rc == 0)
        rc = path_of(agent, job_id, path, err);
    if (rc != 0)
        return rc;
    char *text = json_dumps(args, JSON_COMPACT);
    rc = text == NULL                  ? err_set(err, ERR_NOMEM, "out of memory")
         : strlen(text) > FILE_MAX - 1 ? err_set(err, ERR_TOO_BIG, "the request is too long")
                                       : file_write(path, text, strlen(text), 0600, err);
    free(text);
    return rc;
}

void jobfile_remove(const struct agent *agent, const char *job_id)
{
    char path[PATH_MAX];
    struct err err;
    if (path_of(agent, job_id, path, &err) == 0)
        (void)!file_remove(path, &err);
}

void jobfile_sweep(const struct agent *agent)
{
    char path[PATH_MAX];
    struct err err;
    DIR *dir = agent_state_path(agent, "jobs", path, &err) == 0 ? opendir(path) : NULL;
    const struct dirent *d;
    while (dir != NULL && (d = readdir(dir)) != NULL) {
        char id[REMOTE_ID_SIZE];
        const char *dot = strstr(d->d_name, ".json");
        if (dot == NULL || dot[5] != '\0' || (size_t)(dot - d->d_name) >= sizeof id)
            continue;
        memcpy(id, d->d_name, (size_t)(dot - d->d_name));
        id[dot - d->d_name] = '\0';
        jobfile_remove(agent, id);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static int read_texts(struct jsonread *r, const char *key, struct arena *arena, const char *const **ret,
                      size_t *ret_count)
{
    const json_t *list = NULL;
    size_t count = jsonread_array_or_none(r, key, LIST_MAX, &list);
    const char **texts = arena_array(arena, count, sizeof *texts);
    for (size_t i = 0; texts != NULL && i < count; i++) {
        const char *text = jsonread_item_str(r, key, list, i, 1, PATH_BYTES);
        texts[i] = arena_strdup(arena, text == NULL ? "" : text);
        if (texts[i] == NULL)
            return ERR_NOMEM;
    }
    *ret = texts;
    *ret_count = count;
    return texts == NULL ? ERR_NOMEM : 0;
}

int jobfile_parse(const json_t *args, struct arena *arena, struct restore_options *ret, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    struct restore_options o = {0};
    jsonread_init(&r, args, &wrong);
    const char *log_id = jsonread_str(&r, "logId", 1, REMOTE_ID_SIZE - 1);
    if (log_id != NULL && !remote_id_valid(log_id))
        jsonread_fail(&r, "logId", "must be an id");
    o.which.log_id = arena_strdup(arena, log_id);
    o.target = arena_strdup(arena, jsonread_text_or(&r, "target", 1, PATH_BYTES, NULL));
    o.original = jsonread_bool_or(&r, "original", false);
    o.dry_run = jsonread_bool_or(&r, "dryRun", false);
    int policy = jsonread_enum_or(&r, "policy", overlay_policy_names, -1);
    o.has_policy = policy >= 0;
    o.policy = policy >= 0 ? (enum overlay_policy)policy : OVERLAY_NEVER;
    if (o.original && o.target != NULL)
        jsonread_fail(&r, "target", "cannot be given with original");
    int rc = read_texts(&r, "paths", arena, &o.choice.paths, &o.choice.path_count);
    if (rc == 0)
        rc = read_texts(&r, "patterns", arena, &o.choice.patterns, &o.choice.pattern_count);
    if (wrong.failed)
        return err_set(err, ERR_INVALID, "the request is not understood: %.100s %.150s", wrong.pointer, wrong.reason);
    if (rc != 0 || o.which.log_id == NULL)
        return err_set(err, ERR_NOMEM, "the request is too long");
    *ret = o;
    return 0;
}

int jobfile_read(const struct agent *agent, const char *job_id, struct arena *arena, struct restore_options *ret,
                 struct err *err)
{
    char path[PATH_MAX];
    int rc = path_of(agent, job_id, path, err);
    if (rc != 0)
        return rc;
    json_t *args = jsonread_file(path, FILE_MAX, err);
    if (args == NULL)
        return err->code;
    rc = jobfile_parse(args, arena, ret, err);
    json_decref(args);
    return rc;
}
