#include "db/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "db/driver.h"

static int path_join(char ret[DB_PATH_MAX], const char *path, const char *suffix, struct err *err)
{
    int len = snprintf(ret, DB_PATH_MAX, "%s%s", path, suffix);
    if (len < 0 || len >= DB_PATH_MAX)
        return err_set(err, ERR_TOO_BIG, "path too long: %s", path);
    return 0;
}

static int sync_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, ERR_IO, "open %s", path);
    int rc = fsync(fd) == 0 ? 0 : err_sys(err, ERR_IO, "fsync %s", path);
    (void)close(fd);
    return rc;
}

static int create_empty(const char *path, struct err *err)
{
    (void)unlink(path); /* what a crash left behind; our own temporary name */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "create %s", path);
    (void)close(fd);
    return 0;
}

/* Copies the database at `from` into the new file at tmp, checks and syncs it. */
static int copy_verified(const char *from, const char *tmp, struct err *err)
{
    int64_t version;
    struct db *db = NULL;
    int rc = create_empty(tmp, err);
    if (rc == 0)
        rc = db_open(&(struct db_options){.path = from, .read_only = true}, &db, err);
    if (rc == 0)
        rc = db_copy_into(db, tmp, err);
    db_close(db);
    if (rc == 0)
        rc = db_backup_verify(tmp, &version, err);
    if (rc == 0)
        rc = sync_file(tmp, err);
    return rc;
}

int db_backup(const char *path, const char *to, struct err *err)
{
    char tmp[DB_PATH_MAX];
    int rc = path_join(tmp, to, ".partial", err);
    if (rc != 0)
        return rc;
    rc = copy_verified(path, tmp, err);
    /* link(2) does what rename(2) does not: it fails when the name is taken. */
    if (rc == 0 && link(tmp, to) != 0)
        rc =
            errno == EEXIST ? err_set(err, ERR_CONFLICT, "%s exists already", to) : err_sys(err, ERR_IO, "link %s", to);
    (void)unlink(tmp);
    if (rc == 0)
        rc = file_sync_dir_of(to, err);
    return rc;
}

static int schema_version(struct db *db, int64_t *ret, struct err *err)
{
    int64_t version = 0;
    struct db_rows rows;
    int rc = db_query(db, DB_MIGRATION_LIST, DB_NO_ARGS, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        version = db_rows_int(&rows, 0, 0);
        rc = 0;
    }
    db_rows_done(&rows);
    if (rc == 0 && version == 0)
        rc = err_set(err, ERR_CORRUPT, "it has no schema");
    if (rc == 0)
        *ret = version;
    return rc;
}

int db_backup_verify(const char *file, int64_t *ret_version, struct err *err)
{
    struct db *db = NULL;
    int64_t version = 0;
    int rc = db_open(&(struct db_options){.path = file, .read_only = true}, &db, err);
    if (rc == 0)
        rc = db_integrity_check(db, err);
    if (rc == 0)
        rc = db_foreign_key_check(db, err);
    if (rc == 0)
        rc = schema_version(db, &version, err);
    db_close(db);
    if (rc == 0)
        *ret_version = version;
    else
        (void)err_prefix(err, "%s is not a sound copy of a database", file);
    return rc;
}

/* --- restore --- */

static int move_aside(const char *path, const char *old, const char *suffix, struct err *err)
{
    char from[DB_PATH_MAX], to[DB_PATH_MAX];
    int rc = path_join(from, path, suffix, err);
    if (rc == 0)
        rc = path_join(to, old, suffix, err);
    if (rc == 0 && rename(from, to) != 0 && errno != ENOENT)
        rc = err_sys(err, ERR_IO, "rename %s", from);
    return rc;
}

/* Keeps what is at path under the name old: the file by a second link, so that path is never without a database, its
 * log moved away first: it must not be replayed into the restored file. */
static int keep_old(const char *path, const char *old, struct err *err)
{
    struct db *db = NULL;
    if (db_open(&(struct db_options){.path = path}, &db, NULL) == 0 && db_checkpoint(db, NULL) != 0)
        db_read_end(db); /* a damaged database: its log is kept beside it, as it is */
    db_close(db);
    if (link(path, old) != 0)
        return err_sys(err, ERR_IO, "link %s", old);
    int rc = move_aside(path, old, "-wal", err);
    return rc != 0 ? rc : move_aside(path, old, "-shm", err);
}

int db_restore(const char *from, const char *path, int64_t now_ms, char ret_old[DB_PATH_MAX], struct err *err)
{
    char tmp[DB_PATH_MAX], old[DB_PATH_MAX] = "", suffix[64];
    int64_t version;
    (void)snprintf(suffix, sizeof suffix, ".before-restore-%lld", (long long)now_ms);
    int rc = db_backup_verify(from, &version, err);
    if (rc == 0)
        rc = path_join(tmp, path, ".restoring", err);
    if (rc != 0)
        return rc;
    rc = copy_verified(from, tmp, err);
    if (rc == 0 && access(path, F_OK) == 0) {
        rc = path_join(old, path, suffix, err);
        if (rc == 0)
            rc = keep_old(path, old, err);
    }
    if (rc == 0)
        rc = file_rename(tmp, path, err);
    if (rc != 0)
        (void)unlink(tmp);
    else
        memcpy(ret_old, old, sizeof old);
    return rc;
}

int db_lock(const char *path, bool exclusive, int *ret_fd, struct err *err)
{
    char name[DB_PATH_MAX];
    int rc = path_join(name, path, ".lock", err);
    if (rc != 0)
        return rc;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "open %s", name);
    if (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK
                 ? err_set(err, ERR_CONFLICT,
                           exclusive ? "%s is in use; stop the server first" : "%s is being restored; try again later",
                           path)
                 : err_sys(err, ERR_IO, "lock %s", name);
        (void)close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

/* --- pruning --- */

static int is_copy(const struct dirent *entry)
{
    static const char end[] = ".sqlite";
    size_t len = strlen(entry->d_name), end_len = sizeof end - 1;
    return len > end_len && strcmp(entry->d_name + len - end_len, end) == 0;
}

int db_backup_prune(const char *dir, const char *prefix, size_t keep, struct err *err)
{
    struct dirent **entries = NULL;
    int count = scandir(dir, &entries, is_copy, alphasort);
    if (count < 0)
        return err_sys(err, ERR_IO, "open %s", dir);
    int rc = 0;
    size_t seen = 0;
    for (int i = count - 1; i >= 0; i--) { /* from the newest */
        const char *name = entries[i]->d_name;
        char path[DB_PATH_MAX];
        int len = snprintf(path, sizeof path, "%s/%s", dir, name);
        if (rc == 0 && strncmp(name, prefix, strlen(prefix)) == 0 && seen++ >= keep)
            rc = len > 0 && (size_t)len < sizeof path ? file_remove(path, err)
                                                      : err_set(err, ERR_TOO_BIG, "path too long: %s", dir);
        free(entries[i]);
    }
    free(entries);
    return rc;
}
