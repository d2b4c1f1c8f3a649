#include "backup/runfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/jsonread.h"

enum { CONTENT_MAX = 4096 };

struct runfile {
    int fd;
    char path[PATH_MAX];
};

static int run_path(const struct agent *agent, const char *config_id, char ret[PATH_MAX], struct err *err)
{
    char name[REMOTE_ID_SIZE + 8];
    if (!remote_id_valid(config_id))
        return err_set(err, ERR_INVALID, "not an id of a configuration");
    (void)snprintf(name, sizeof name, "run/%s", config_id);
    return agent_state_path(agent, name, ret, err);
}

/* Opens and locks; again when somebody removed the file between the two. */
static int open_locked(const char *path, int *ret_fd, bool *ret_taken, struct err *err)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return err_sys(err, ERR_IO, "%s", path);
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            *ret_taken = errno == EWOULDBLOCK;
            *ret_fd = fd;
            return *ret_taken ? 0 : err_sys(err, ERR_IO, "lock %s", path);
        }
        struct stat mine, named;
        if (fstat(fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_ino == named.st_ino &&
            mine.st_dev == named.st_dev) {
            *ret_taken = false;
            *ret_fd = fd;
            return 0;
        }
        (void)close(fd);
    }
}

int runfile_take(const struct agent *agent, const char *config_id, struct runfile **ret,
                 struct runfile_content *ret_other, struct err *err)
{
    char dir[PATH_MAX];
    int rc = agent_state_path(agent, "run", dir, err);
    if (rc == 0)
        rc = file_mkdirs(dir, 0700, err);
    if (rc != 0)
        return rc;
    struct runfile *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->fd = -1;
    bool taken = false;
    rc = run_path(agent, config_id, r->path, err);
    if (rc == 0)
        rc = open_locked(r->path, &r->fd, &taken, err);
    if (rc == 0 && taken) {
        if (ret_other != NULL && !runfile_read(r, ret_other))
            *ret_other = (struct runfile_content){0};
        rc = err_set(err, ERR_CONFLICT, "a backup of this configuration is already running");
    }
    if (rc != 0) {
        runfile_release(r);
        return rc;
    }
    *ret = r;
    return 0;
}

static void copy_field(char *ret, size_t size, const char *s)
{
    (void)snprintf(ret, size, "%s", s == NULL ? "" : s);
}

bool runfile_read(const struct runfile *r, struct runfile_content *ret)
{
    char text[CONTENT_MAX];
    ssize_t len = pread(r->fd, text, sizeof text, 0);
    json_t *json = len <= 0 ? NULL : jsonread_parse((struct span){text, (size_t)len}, NULL);
    if (json == NULL)
        return false;
    struct jsonread_error wrong = {0};
    struct jsonread j;
    struct runfile_content c = {0};
    jsonread_init(&j, json, &wrong);
    copy_field(c.config_id, sizeof c.config_id, jsonread_str(&j, "configId", 1, REMOTE_ID_SIZE - 1));
    copy_field(c.config_name, sizeof c.config_name, jsonread_str_or(&j, "configName", 0, sizeof c.config_name - 1, ""));
    copy_field(c.log_id, sizeof c.log_id, jsonread_str_or(&j, "logId", 0, REMOTE_ID_SIZE - 1, ""));
    copy_field(c.command_id, sizeof c.command_id, jsonread_str_or(&j, "commandId", 0, REMOTE_ID_SIZE - 1, ""));
    c.started_ms = jsonread_int_or(&j, "started_ms", 0, INT64_MAX, 0);
    json_decref(json);
    if (!wrong.failed)
        *ret = c;
    return !wrong.failed;
}

int runfile_write(struct runfile *r, const struct runfile_content *content, struct err *err)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:I}", "configId", content->config_id, "configName",
                             content->config_name, "logId", content->log_id, "commandId", content->command_id,
                             "started_ms", (json_int_t)content->started_ms);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    /* In place, because the lock is on this very file; a torn write is found by the parser. */
    int rc = 0;
    if (ftruncate(r->fd, 0) != 0 || lseek(r->fd, 0, SEEK_SET) != 0)
        rc = err_sys(err, ERR_IO, "%s", r->path);
    if (rc == 0)
        rc = file_write_all(r->fd, text, strlen(text), err);
    if (rc == 0 && fsync(r->fd) != 0)
        rc = err_sys(err, ERR_IO, "fsync %s", r->path);
    if (rc == 0)
        rc = file_sync_dir_of(r->path, err);
    free(text);
    return rc;
}

int runfile_remove(struct runfile *r, struct err *err)
{
    int rc = file_remove(r->path, err);
    runfile_release(r);
    return rc;
}

void runfile_release(struct runfile *r)
{
    if (r == NULL)
        return;
    if (r->fd >= 0)
        (void)close(r->fd);
    free(r);
}

int runfile_each(const struct agent *agent, int (*each)(void *ctx, const char *config_id, struct err *err), void *ctx,
                 struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(agent, "run", path, err);
    if (rc != 0)
        return rc;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT ? 0 : err_sys(err, ERR_IO, "%s", path);
    const struct dirent *d;
    while (rc == 0 && (d = readdir(dir)) != NULL)
        if (remote_id_valid(d->d_name))
            rc = each(ctx, d->d_name, err);
    (void)closedir(dir);
    return rc;
}
