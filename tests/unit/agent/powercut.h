/* powercut.h: what is on a disk after the power went.
 *
 * The program is linked so that its file operations pass through here. Those within one directory are recorded, and
 * carried out. Afterwards powercut_each plays a power cut after each of them: what was synced by then is there; of what
 * was not, every combination of done and not done is tried, since a file system may write it in any order. For each the
 * directory is made anew and handed to a function. */
#ifndef MUSTER_TESTS_POWERCUT_H
#define MUSTER_TESTS_POWERCUT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POWERCUT_WRAPPED "open, write, fsync, fchmod, link, rename, unlink"

enum { PC_FILES = 64, PC_NAMES = 16, PC_OPS = 128, PC_BYTES = 16 * 1024, PC_UNSYNCED = 10 };

enum pc_kind { PC_CREATE, PC_WRITE, PC_CHMOD, PC_FSYNC, PC_LINK, PC_RENAME, PC_UNLINK, PC_SYNC_DIR };

struct pc_op {
    enum pc_kind kind;
    int file;      /* index into files; -1: none */
    char name[32]; /* the name it is about, or the new one */
    char from[32];
    char *bytes;
    size_t len;
    mode_t mode;
};

struct pc_file {
    ino_t inode; /* 0: gone by now, its number may be another's */
    mode_t mode;
    size_t len;
    char bytes[PC_BYTES];
};

/* A directory in memory. */
struct pc_disk {
    struct pc_file files[PC_FILES];
    int file_count;
    struct {
        char name[32];
        int file; /* -1: free */
    } names[PC_NAMES];
};

static struct {
    bool recording;
    bool no_links; /* link(2) fails, as on some file systems */
    char dir[64];
    ino_t dir_inode;
    struct pc_disk start;
    struct pc_disk now; /* of files, only inode and count are kept up */
    struct pc_op ops[PC_OPS];
    int op_count;
} pc;

int __real_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *bytes, size_t len);
int __real_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __real_link(const char *from, const char *to);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __wrap_fsync(int fd);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_link(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);

/* --- recording --- */

/* The name within the directory; NULL: it is elsewhere. */
static const char *pc_name(const char *path)
{
    size_t len = strlen(pc.dir);
    return pc.recording && strncmp(path, pc.dir, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

static struct pc_op *pc_add(enum pc_kind kind, const char *name)
{
    if (pc.op_count == PC_OPS || strlen(name) >= sizeof pc.ops[0].name)
        abort();
    struct pc_op *op = &pc.ops[pc.op_count++];
    *op = (struct pc_op){.kind = kind, .file = -1};
    (void)strcpy(op->name, name);
    return op;
}

static int pc_file_of(int fd)
{
    struct stat st;
    int known = errno;
    int found = -1;
    if (pc.recording && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        for (int i = 0; i < pc.now.file_count; i++)
            if (pc.now.files[i].inode == st.st_ino)
                found = i;
    errno = known;
    return found;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    int fd = __real_open(path, flags, mode);
    const char *name = pc_name(path);
    struct stat st;
    if (fd < 0 || name == NULL || (flags & O_CREAT) == 0)
        return fd;
    /* Everything that is made there is made with O_EXCL, or it might write into what is in use. */
    if ((flags & O_EXCL) == 0 || fstat(fd, &st) != 0 || pc.now.file_count == PC_FILES)
        abort();
    for (int i = 0; i < pc.now.file_count; i++)
        if (pc.now.files[i].inode == st.st_ino)
            pc.now.files[i].inode = 0;
    struct pc_op *op = pc_add(PC_CREATE, name);
    op->mode = st.st_mode & 07777;
    op->file = pc.now.file_count;
    pc.now.files[pc.now.file_count++].inode = st.st_ino;
    return fd;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    ssize_t n = __real_write(fd, bytes, len);
    int file = pc_file_of(fd);
    if (n > 0 && file >= 0) {
        struct pc_op *op = pc_add(PC_WRITE, "");
        op->file = file;
        op->len = (size_t)n;
        op->bytes = malloc(op->len);
        memcpy(op->bytes, bytes, op->len);
    }
    return n;
}

int __wrap_fsync(int fd)
{
    struct stat st;
    int file = pc_file_of(fd);
    if (file >= 0)
        pc_add(PC_FSYNC, "")->file = file;
    else if (pc.recording && fstat(fd, &st) == 0 && st.st_ino == pc.dir_inode)
        (void)pc_add(PC_SYNC_DIR, "");
    return 0; /* that is what we play; the disk need not be troubled */
}

int __wrap_fchmod(int fd, mode_t mode)
{
    int file = pc_file_of(fd);
    if (file >= 0) {
        struct pc_op *op = pc_add(PC_CHMOD, "");
        op->file = file;
        op->mode = mode;
    }
    return __real_fchmod(fd, mode);
}

int __wrap_link(const char *from, const char *to)
{
    if (pc.no_links) {
        errno = EPERM;
        return -1;
    }
    int rc = __real_link(from, to);
    if (rc == 0 && pc_name(to) != NULL)
        (void)strcpy(pc_add(PC_LINK, pc_name(to))->from, pc_name(from));
    return rc;
}

int __wrap_rename(const char *from, const char *to)
{
    int rc = __real_rename(from, to);
    if (rc == 0 && pc_name(to) != NULL)
        (void)strcpy(pc_add(PC_RENAME, pc_name(to))->from, pc_name(from));
    return rc;
}

int __wrap_unlink(const char *path)
{
    int rc = __real_unlink(path);
    if (rc == 0 && pc_name(path) != NULL)
        (void)pc_add(PC_UNLINK, pc_name(path));
    return rc;
}

/* --- the directory in memory --- */

static int *pc_find(struct pc_disk *d, const char *name)
{
    for (int i = 0; i < PC_NAMES; i++)
        if (d->names[i].file >= 0 && strcmp(d->names[i].name, name) == 0)
            return &d->names[i].file;
    return NULL;
}

static void pc_set(struct pc_disk *d, const char *name, int file)
{
    int *there = pc_find(d, name);
    if (there != NULL) {
        *there = file;
        return;
    }
    for (int i = 0; i < PC_NAMES; i++) {
        if (d->names[i].file < 0) {
            (void)strcpy(d->names[i].name, name);
            d->names[i].file = file;
            return;
        }
    }
    abort();
}

/* What cannot be done, since something that it needs was not, is not done. */
static void pc_apply(struct pc_disk *d, const struct pc_op *op)
{
    int *from = op->from[0] != '\0' ? pc_find(d, op->from) : NULL;
    int *there = op->name[0] != '\0' ? pc_find(d, op->name) : NULL;
    struct pc_file *f = op->file >= 0 ? &d->files[op->file] : NULL;
    switch (op->kind) {
    case PC_CREATE:
        f->mode = op->mode;
        pc_set(d, op->name, op->file);
        break;
    case PC_WRITE:
        if (f->len + op->len > PC_BYTES)
            abort();
        memcpy(f->bytes + f->len, op->bytes, op->len);
        f->len += op->len;
        break;
    case PC_CHMOD: f->mode = op->mode; break;
    case PC_LINK:
        if (from != NULL && there == NULL)
            pc_set(d, op->name, *from);
        break;
    case PC_RENAME:
        if (from != NULL && (there == NULL || *there != *from)) {
            int file = *from;
            *from = -1;
            pc_set(d, op->name, file);
        }
        break;
    case PC_UNLINK:
        if (there != NULL)
            *there = -1;
        break;
    case PC_FSYNC:
    case PC_SYNC_DIR: break;
    }
}

static void pc_read_file(struct pc_disk *d, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", pc.dir, name);
    int fd = __real_open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0 || d->file_count == PC_FILES)
        abort();
    int file = -1;
    for (int i = 0; i < d->file_count; i++)
        if (d->files[i].inode == st.st_ino)
            file = i;
    if (file < 0) {
        file = d->file_count++;
        struct pc_file *f = &d->files[file];
        ssize_t n = read(fd, f->bytes, sizeof f->bytes);
        if (n < 0 || n != st.st_size)
            abort();
        *f = (struct pc_file){.inode = st.st_ino, .mode = st.st_mode & 07777, .len = (size_t)n};
        if (pread(fd, f->bytes, f->len, 0) != n)
            abort();
    }
    (void)close(fd);
    pc_set(d, name, file);
}

static void pc_write_dir(const struct pc_disk *d, const char *dir)
{
    const char *made[PC_FILES] = {NULL};
    for (int i = 0; i < PC_NAMES; i++) {
        char path[PATH_MAX];
        char first[PATH_MAX];
        int file = d->names[i].file;
        if (file < 0)
            continue;
        const struct pc_file *f = &d->files[file];
        (void)snprintf(path, sizeof path, "%s/%s", dir, d->names[i].name);
        if (made[file] != NULL) {
            (void)snprintf(first, sizeof first, "%s/%s", dir, made[file]);
            if (__real_link(first, path) != 0)
                abort();
            continue;
        }
        int fd = __real_open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0 || __real_write(fd, f->bytes, f->len) != (ssize_t)f->len || __real_fchmod(fd, f->mode) != 0)
            abort();
        (void)close(fd);
        made[file] = d->names[i].name;
    }
}

/* --- what a test calls --- */

/* From here on, what happens in dir is recorded. All that is there is on disk. */
static void powercut_record(const char *dir)
{
    struct stat st;
    for (int i = 0; i < pc.op_count; i++)
        free(pc.ops[i].bytes);
    pc.op_count = 0;
    (void)snprintf(pc.dir, sizeof pc.dir, "%s", dir);
    if (stat(dir, &st) != 0)
        abort();
    pc.dir_inode = st.st_ino;
    pc.start = (struct pc_disk){.file_count = 0};
    for (int i = 0; i < PC_NAMES; i++)
        pc.start.names[i].file = -1;
    DIR *d = opendir(dir);
    const struct dirent *entry;
    while ((entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.')
            pc_read_file(&pc.start, entry->d_name);
    (void)closedir(d);
    pc.now = pc.start;
    pc.recording = true;
}

/* Whether the op, one of the first count, may be lost: nothing after it has synced it. */
static bool pc_is_unsynced(int op, int count)
{
    enum pc_kind kind = pc.ops[op].kind;
    bool of_file = kind == PC_WRITE || kind == PC_CHMOD;
    if (kind == PC_FSYNC || kind == PC_SYNC_DIR)
        return false;
    for (int i = op + 1; i < count; i++)
        if (of_file ? pc.ops[i].kind == PC_FSYNC && pc.ops[i].file == pc.ops[op].file : pc.ops[i].kind == PC_SYNC_DIR)
            return false;
    return true;
}

/* One of the disks after the first count ops: bit i of lost stands for the i-th that may be. */
static void pc_make(struct pc_disk *ret, int count, const int *unsynced, int unsynced_count, unsigned lost)
{
    *ret = pc.start;
    for (int i = 0; i < count; i++) {
        bool keep = true;
        for (int u = 0; u < unsynced_count; u++)
            if (unsynced[u] == i && (lost & (1u << u)) != 0)
                keep = false;
        if (keep)
            pc_apply(ret, &pc.ops[i]);
    }
}

static void pc_judge(const struct pc_disk *disk, int count, void (*judge)(const char *dir, int count, void *ctx),
                     void *ctx)
{
    char dir[] = "/tmp/muster-powercut-XXXXXX";
    if (mkdtemp(dir) == NULL)
        abort();
    pc_write_dir(disk, dir);
    judge(dir, count, ctx);
    tempdir_remove_tree(dir);
}

/* Calls both for every disk that a power cut after count operations may leave, each in a directory of its own. Returns
 * how many there were. */
typedef void powercut_judge_fn(const char *dir, int count, void *ctx);
static int powercut_each(powercut_judge_fn *judge, powercut_judge_fn *other, void *ctx)
{
    static struct pc_disk disk;
    int states = 0;
    pc.recording = false;
    for (int count = 0; count <= pc.op_count; count++) {
        int unsynced[PC_UNSYNCED];
        int n = 0;
        for (int i = 0; i < count; i++) {
            if (pc_is_unsynced(i, count)) {
                if (n == PC_UNSYNCED)
                    abort();
                unsynced[n++] = i;
            }
        }
        for (unsigned lost = 0; lost < 1u << n; lost++) {
            pc_make(&disk, count, unsynced, n, lost);
            pc_judge(&disk, count, judge, ctx);
            pc_judge(&disk, count, other, ctx);
            states++;
        }
    }
    return states;
}

#endif
