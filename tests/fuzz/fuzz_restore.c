/* Archives that nobody honest wrote, restored: whatever they say, nothing outside the target changes.
 *
 * The first byte chooses: raw bytes as an archive, listed; or a script of entries out of a few names, among them "..",
 * "/" and each other's symlinks, and of deletions, made into a chain of two well-formed archives that are extracted one
 * after the other and then put over a tree that has symlinks of its own. Raw bytes alone would hardly ever get past the
 * checksum of a tar header. */
#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "restore/deleted.h"
#include "restore/extract.h"
#include "restore/overlay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
    const uint8_t *data;
    size_t len;
};

static void read_all(void *ctx, const void **ret, size_t *ret_len)
{
    struct bytes *b = ctx;
    size_t n = b->len < 512 ? b->len : 512;
    *ret = b->data;
    *ret_len = n;
    b->data += n;
    b->len -= n;
}

static void extract(struct bytes archive, FILE *list, bool json)
{
    struct report report;
    struct err err = {0};
    report_init(&report);
    const struct extract_options options = {
        .mode = list == NULL ? EXTRACT_DISK : EXTRACT_LIST,
        .read = read_all,
        .ctx = &archive,
        .report = &report,
        .list = list,
        .json = json,
        .mark_ways = true,
    };
    int rc = extract_archive(&options, &err);
    assert(rc == 0 || err.msg[0] != '\0');
    report_done(&report);
}

/* --- scripts ----------------------------------------------------------------------------------------------------- */

static unsigned take(struct bytes *b)
{
    if (b->len == 0)
        return 0;
    b->len--;
    return *b->data++;
}

/* "outside" is beside the target, and has a file "victim". */
static void take_path(struct bytes *script, char ret[64])
{
    static const char *const parts[] = {"a", "b", "c/", "..", "../outside", "/", ".", "outside/victim"};
    ret[0] = '\0';
    for (unsigned left = 1 + take(script) % 4; left > 0; left--) {
        (void)strcat(ret, parts[take(script) % 8]);
        if (left > 1)
            (void)strcat(ret, "/");
    }
}

static void add_deletions(struct archive *writer, struct bytes *script)
{
    char list[200] = "";
    size_t len = 0;
    for (unsigned left = take(script) % 3; left > 0; left--) {
        take_path(script, list + len);
        len += strlen(list + len) + 1;
    }
    struct archive_entry *entry = archive_entry_new();
    archive_entry_copy_pathname(entry, DELETED_MEMBER);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, (la_int64_t)len);
    if (archive_write_header(writer, entry) == ARCHIVE_OK)
        (void)archive_write_data(writer, list, len);
    archive_entry_free(entry);
}

static void add_entry(struct archive *writer, struct bytes *script)
{
    static const mode_t types[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFREG, S_IFIFO, S_IFDIR, S_IFLNK, S_IFREG};
    struct archive_entry *entry = archive_entry_new();
    char path[64];
    char target[64];
    unsigned what = take(script);
    if (what == 0x7f) {
        archive_entry_free(entry);
        add_deletions(writer, script);
        return;
    }
    take_path(script, path);
    archive_entry_copy_pathname(entry, path);
    archive_entry_set_filetype(entry, types[what % 8]);
    archive_entry_set_perm(entry, 0700 | (what & 077));
    archive_entry_set_mtime(entry, what, 0);
    if (types[what % 8] == S_IFLNK || (what & 0x80) != 0)
        take_path(script, target);
    if (types[what % 8] == S_IFLNK)
        archive_entry_copy_symlink(entry, target);
    else if ((what & 0x80) != 0)
        archive_entry_copy_hardlink(entry, target);
    bool content = types[what % 8] == S_IFREG && (what & 0x80) == 0;
    archive_entry_set_size(entry, content ? 4 : 0);
    if (archive_write_header(writer, entry) == ARCHIVE_OK && content)
        (void)archive_write_data(writer, "evil", 4);
    archive_entry_free(entry);
}

static struct bytes make_archive(struct bytes script, uint8_t *room, size_t size)
{
    size_t used = 0;
    struct archive *writer = archive_write_new();
    (void)archive_write_set_format_pax(writer);
    (void)archive_write_open_memory(writer, room, size, &used);
    for (int left = 12; left > 0 && script.len > 0; left--)
        add_entry(writer, &script);
    (void)archive_write_close(writer);
    (void)archive_write_free(writer);
    return (struct bytes){.data = room, .len = used};
}

/* --- the place --------------------------------------------------------------------------------------------------- */

static void remove_tree(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *d;
    while (dir != NULL && (d = readdir(dir)) != NULL)
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 && unlinkat(fd, d->d_name, 0) != 0)
            remove_tree(fd, d->d_name);
    if (dir != NULL)
        (void)closedir(dir);
    (void)unlinkat(dir_fd, name, AT_REMOVEDIR);
}

static char top[] = "/tmp/muster-fuzz-XXXXXX";

static void remove_top(void)
{
    remove_tree(AT_FDCWD, top);
}

static int open_top(void)
{
    static int fd = -1;
    if (fd < 0) {
        if (mkdtemp(top) == NULL)
            abort();
        fd = open(top, O_RDONLY | O_DIRECTORY);
        (void)mkdirat(fd, "outside", 0755);
        int victim = openat(fd, "outside/victim", O_WRONLY | O_CREAT, 0644);
        (void)!write(victim, "untouched", 9);
        (void)close(victim);
        (void)atexit(remove_top);
    }
    return fd;
}

static int count_names(int fd, const char *name)
{
    int count = 0;
    DIR *dir = fdopendir(openat(fd, name, O_RDONLY | O_DIRECTORY));
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

static void expect_untouched(int fd)
{
    struct stat st;
    assert(count_names(fd, ".") == 5);       /* ., .., outside, target, there */
    assert(count_names(fd, "outside") == 3); /* ., .., victim */
    assert(fstatat(fd, "outside/victim", &st, AT_SYMLINK_NOFOLLOW) == 0);
    assert(st.st_size == 9 && st.st_nlink == 1 && (st.st_mode & 07777) == 0644);
    assert(fstatat(fd, "outside", &st, AT_SYMLINK_NOFOLLOW) == 0);
    assert((st.st_mode & 07777) == 0755);
}

/* What is there already: a directory, a file, and a way out. */
static void make_there(int fd)
{
    (void)mkdirat(fd, "there", 0755);
    (void)mkdirat(fd, "there/a", 0755);
    (void)symlinkat("../outside", fd, "there/b");
    (void)symlinkat("../../outside", fd, "there/a/b");
}

static void put_over(int fd, enum overlay_policy policy)
{
    struct report report;
    struct err err;
    report_init(&report);
    struct overlay overlay = {.policy = policy, .report = &report, .skip = "c"};
    int from = openat(fd, "target", O_RDONLY | O_DIRECTORY);
    int to = openat(fd, "there", O_RDONLY | O_DIRECTORY);
    assert(overlay_tree(&overlay, from, to, "", &err) == 0);
    (void)close(from);
    (void)close(to);
    report_done(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[256 * 1024];
    if (size == 0)
        return 0;
    struct bytes rest = {.data = data + 1, .len = size - 1};
    if ((data[0] & 1) == 0) {
        FILE *list = fopen("/dev/null", "w");
        extract(rest, list, (data[0] & 2) != 0);
        (void)fclose(list);
        return 0;
    }
    struct bytes first = {.data = rest.data, .len = rest.len / 2};
    struct bytes second = {.data = rest.data + first.len, .len = rest.len - first.len};
    int fd = open_top();
    int before = open(".", O_RDONLY | O_DIRECTORY); /* the fuzzer's corpus is relative to it */
    (void)mkdirat(fd, "target", 0755);
    if (fchdir(fd) != 0 || chdir("target") != 0)
        abort();
    make_there(fd);
    extract(make_archive(first, room, sizeof room), NULL, false);
    extract(make_archive(second, room, sizeof room), NULL, false);
    expect_untouched(fd);
    put_over(fd, (enum overlay_policy)(data[0] >> 1 & 3));
    expect_untouched(fd);
    remove_tree(fd, "target");
    remove_tree(fd, "there");
    if (fchdir(before) != 0)
        abort();
    (void)close(before);
    return 0;
}
