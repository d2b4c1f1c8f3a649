#include "backup/roots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cursor.h"
#include "common/file.h"

enum { SAID_MAX = 4096 };

int roots_clean_path(const char *path, char ret[PATH_MAX], struct err *err)
{
    if (path[0] != '/')
        return err_set(err, ERR_INVALID, "%.200s is not an absolute path", path);
    if (strlen(path) >= PATH_MAX)
        return err_set(err, ERR_TOO_BIG, "the path is longer than %d bytes", PATH_MAX - 1);
    struct cursor c;
    struct span part;
    char clean[PATH_MAX];
    size_t len = 0;
    cursor_init(&c, span_of(path));
    while (cursor_field(&c, '/', &part)) {
        if (part.len == 0 || span_equal(part, "."))
            continue;
        if (span_equal(part, ".."))
            return err_set(err, ERR_INVALID, "%.200s contains \"..\"", path);
        clean[len++] = '/';
        memcpy(clean + len, part.ptr, part.len);
        len += part.len;
    }
    if (len == 0)
        clean[len++] = '/';
    memcpy(ret, clean, len);
    ret[len] = '\0';
    return 0;
}

bool roots_contain(const char *root, const char *path)
{
    size_t len = strlen(root);
    if (strcmp(root, "/") == 0)
        return path[0] == '/';
    return strncmp(root, path, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Where the kernel says this descriptor is. */
static int real_path(int fd, char ret[PATH_MAX], struct err *err)
{
    char link[40];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, ret, PATH_MAX);
    if (len < 0)
        return err_sys(err, ERR_IO, "read %s (is /proc mounted?)", link);
    if (len >= PATH_MAX || ret[0] != '/')
        return err_set(err, ERR_IO, "the kernel gives no path for %s", link);
    ret[len] = '\0';
    return 0;
}

static int refuse(const struct agent *agent, const char *path, const char *key, struct err *err)
{
    return err_set(err, ERR_DENIED, "%.150s lies outside %s of %.100s", path, key,
                   agent->config_path == NULL ? "the environment" : agent->config_path);
}

static bool source_in_root(const char *root, const char *real)
{
    char real_root[PATH_MAX];
    int fd = open(root, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool inside = real_path(fd, real_root, NULL) == 0 && roots_contain(real_root, real);
    (void)close(fd);
    return inside;
}

/* Whether the spelling of path lies inside a root, for sources that are not there to be asked. */
static bool spelled_in_roots(const struct agent *agent, const char *path)
{
    char clean[PATH_MAX];
    const char *at = NULL;
    for (const char *root; (root = config_word(agent->config, "BACKUP_ROOTS", &at)) != NULL;)
        if (roots_clean_path(root, clean, NULL) == 0 && roots_contain(clean, path))
            return true;
    return false;
}

int roots_open_source(const struct agent *agent, const char *path, int *ret_fd, struct err *err)
{
    char real[PATH_MAX];
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        int code = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
        if (!spelled_in_roots(agent, path))
            return refuse(agent, path, "BACKUP_ROOTS", err);
        return err_sys(err, code, "%.150s", path);
    }
    int rc = real_path(fd, real, err);
    if (rc == 0) {
        const char *at = NULL;
        const char *root;
        while ((root = config_word(agent->config, "BACKUP_ROOTS", &at)) != NULL && !source_in_root(root, real))
            ;
        if (root == NULL)
            rc = refuse(agent, path, "BACKUP_ROOTS", err);
    }
    if (rc != 0) {
        (void)close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

/* From an open root down to the directory that holds the last component. No symlink is followed on the way. */
static int descend(int root_fd, const char *below, bool make, int *ret_fd, const char **ret_name, struct err *err)
{
    int fd = root_fd;
    struct span part;
    struct cursor c;
    cursor_init(&c, span_of(below));
    while (cursor_until(&c, '/', &part)) {
        char name[NAME_MAX + 1];
        if (part.len == 0)
            continue;
        if (part.len > NAME_MAX) {
            (void)close(fd);
            return err_set(err, ERR_TOO_BIG, "a name in the path is longer than %d bytes", NAME_MAX);
        }
        memcpy(name, part.ptr, part.len);
        name[part.len] = '\0';
        int next = -1;
        if (!make || mkdirat(fd, name, 0700) == 0 || errno == EEXIST)
            next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) {
            int code = errno == ELOOP || errno == ENOTDIR ? ERR_DENIED : errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
            (void)err_sys(err, code, "directory %.200s below the root", name);
            (void)close(fd);
            return code;
        }
        (void)close(fd);
        fd = next;
    }
    *ret_fd = fd;
    *ret_name = c.at == c.end ? "." : c.at;
    return 0;
}

static int open_below(const char *root, const char *path, bool make, int *ret_dir_fd, const char **ret_name,
                      struct err *err)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%.200s of RESTORE_ROOTS", root);
    const char *below = path + (strcmp(root, "/") == 0 ? 0 : strlen(root));
    return descend(fd, below, make, ret_dir_fd, ret_name, err);
}

/* The next root of RESTORE_ROOTS, clean, or the default one, by itself; false after the last. */
static bool next_root(const struct agent *agent, const char **at, bool *ret_default, char ret[PATH_MAX])
{
    const char *before = *at;
    const char *word = config_word(agent->config, "RESTORE_ROOTS", at);
    for (; word != NULL; word = config_word(agent->config, "RESTORE_ROOTS", at)) {
        if (roots_clean_path(word, ret, NULL) == 0)
            return true;
        before = *at;
    }
    bool none = before == NULL && !*ret_default;
    *ret_default = true;
    return none && agent_state_path(agent, "restore", ret, NULL) == 0;
}

static int find_target(const struct agent *agent, const char *path, bool make, int *ret_dir_fd, const char **ret_name,
                       struct err *err)
{
    char root[PATH_MAX];
    const char *at = NULL;
    bool is_default = false;
    while (next_root(agent, &at, &is_default, root)) {
        if (!roots_contain(root, path))
            continue;
        int rc = is_default && make ? file_mkdirs(root, 0700, err) : 0;
        return rc == 0 ? open_below(root, path, make, ret_dir_fd, ret_name, err) : rc;
    }
    return refuse(agent, path, "RESTORE_ROOTS", err);
}

int roots_open_target(const struct agent *agent, const char *path, int *ret_dir_fd, const char **ret_name,
                      struct err *err)
{
    return find_target(agent, path, true, ret_dir_fd, ret_name, err);
}

int roots_find_target(const struct agent *agent, const char *path, int *ret_dir_fd, const char **ret_name,
                      struct err *err)
{
    return find_target(agent, path, false, ret_dir_fd, ret_name, err);
}

int roots_common(const struct agent *agent, const char *const *paths, size_t count, char ret[PATH_MAX], struct err *err)
{
    char root[PATH_MAX];
    const char *at = NULL;
    const char *outside = "";
    bool is_default = false;
    while (next_root(agent, &at, &is_default, root)) {
        size_t inside = 0;
        while (inside < count && roots_contain(root, paths[inside]))
            inside++;
        if (inside == count) {
            memcpy(ret, root, strlen(root) + 1);
            return 0;
        }
        outside = paths[inside];
    }
    return refuse(agent, outside, "RESTORE_ROOTS", err);
}

/* --- for people -------------------------------------------------------------------------------------------------- */

static bool say(json_t *list, const char *root, size_t *room)
{
    size_t size = strlen(root) + sizeof "\"\",";
    if (size > *room)
        return false;
    *room -= size;
    return json_array_append_new(list, json_string(root)) == 0;
}

json_t *roots_json(const struct agent *agent)
{
    char clean[PATH_MAX];
    json_t *backup = json_array(), *restore = json_array();
    size_t room = SAID_MAX;
    const char *at = NULL;
    bool is_default = false, said = true;
    for (const char *root; said && (root = config_word(agent->config, "BACKUP_ROOTS", &at)) != NULL;)
        said = roots_clean_path(root, clean, NULL) != 0 || say(backup, clean, &room);
    at = NULL;
    while (said && next_root(agent, &at, &is_default, clean))
        said = say(restore, clean, &room);
    if (said)
        return json_pack("{s:o, s:o}", "backup", backup, "restore", restore);
    json_decref(backup);
    json_decref(restore);
    return NULL;
}
