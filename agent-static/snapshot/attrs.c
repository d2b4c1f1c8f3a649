#include "snapshot/attrs.h"

#include <archive.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

enum { NAMES_MAX = 64 * 1024, VALUE_MAX = 64 * 1024 }; /* the kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX */

/* A file is asked through its descriptor, what has none (symlinks, FIFOs, devices) by its name in its directory. */
struct subject {
    int fd;
    char *path;
};

static ssize_t list_names(const struct subject *s, char *ret, size_t size)
{
    return s->fd >= 0 ? flistxattr(s->fd, ret, size) : llistxattr(s->path, ret, size);
}

static ssize_t get_value(const struct subject *s, const char *name, void *ret, size_t size)
{
    return s->fd >= 0 ? fgetxattr(s->fd, name, ret, size) : lgetxattr(s->path, name, ret, size);
}

static uint32_t little32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* In the order the kernel wants them in. */
static const struct {
    unsigned kernel;
    int archive;
} acl_tags[] = {
    {0x01, ARCHIVE_ENTRY_ACL_USER_OBJ}, {0x02, ARCHIVE_ENTRY_ACL_USER}, {0x04, ARCHIVE_ENTRY_ACL_GROUP_OBJ},
    {0x08, ARCHIVE_ENTRY_ACL_GROUP},    {0x10, ARCHIVE_ENTRY_ACL_MASK}, {0x20, ARCHIVE_ENTRY_ACL_OTHER},
};

enum { ACL_TAGS = sizeof acl_tags / sizeof acl_tags[0], ACL_HEADER = 4, ACL_ITEM = 8, ACL_VERSION = 2 };

static int acl_tag(unsigned tag)
{
    for (size_t i = 0; i < ACL_TAGS; i++)
        if (acl_tags[i].kernel == tag)
            return acl_tags[i].archive;
    return 0;
}

bool attrs_acl_parse(const void *data, size_t len, int type, struct archive_entry *ret)
{
    const unsigned char *p = data;
    if (len < ACL_HEADER || (len - ACL_HEADER) % ACL_ITEM != 0 || little32(p) != ACL_VERSION)
        return false;
    for (size_t at = ACL_HEADER; at < len; at += ACL_ITEM)
        if (acl_tag((unsigned)(p[at] | p[at + 1] << 8)) == 0)
            return false;
    for (size_t at = ACL_HEADER; at < len; at += ACL_ITEM) {
        int tag = acl_tag((unsigned)(p[at] | p[at + 1] << 8));
        bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
        int perm = p[at + 2] & 7; /* read 4, write 2, execute 1: as ARCHIVE_ENTRY_ACL_* has them */
        (void)archive_entry_acl_add_entry(ret, type, perm, tag, named ? (int)little32(p + at + 4) : -1, NULL);
    }
    return true;
}

static void put_item(unsigned char *p, unsigned tag, int perm, uint32_t id)
{
    p[0] = (unsigned char)tag;
    p[1] = 0;
    p[2] = (unsigned char)(perm & 7);
    p[3] = 0;
    for (unsigned i = 0; i < 4; i++)
        p[4 + i] = (unsigned char)(id >> (8 * i));
}

int attrs_acl_build(struct archive_entry *entry, int type, unsigned char *ret, size_t size, size_t *ret_len)
{
    size_t len = ACL_HEADER;
    for (size_t i = 0; i < ACL_TAGS; i++) {
        int found_type, perm, tag, id;
        const char *name;
        (void)archive_entry_acl_reset(entry, type);
        while (archive_entry_acl_next(entry, type, &found_type, &perm, &tag, &id, &name) == ARCHIVE_OK) {
            if (tag != acl_tags[i].archive)
                continue;
            if (len + ACL_ITEM > size)
                return ERR_TOO_BIG;
            bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
            put_item(ret + len, acl_tags[i].kernel, perm, named ? (uint32_t)id : UINT32_MAX);
            len += ACL_ITEM;
        }
    }
    if (len > ACL_HEADER)
        memcpy(ret, "\x02\0\0\0", ACL_HEADER);
    *ret_len = len > ACL_HEADER ? len : 0;
    return 0;
}

/* One attribute into the entry. NULL, or why it is not in the archive. */
static const char *add_one(struct archive_entry *ret, const char *name, const void *value, size_t len, size_t *total)
{
    if (strcmp(name, "system.posix_acl_access") == 0)
        return attrs_acl_parse(value, len, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ret) ? NULL : "is not understood";
    if (strcmp(name, "system.posix_acl_default") == 0)
        return attrs_acl_parse(value, len, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, ret) ? NULL : "is not understood";
    if (strncmp(name, "system.", 7) == 0) /* the file system's own: it makes them again */
        return NULL;
    if (*total + strlen(name) + len > ATTRS_MAX)
        return "is more than archives can hold";
    *total += strlen(name) + len;
    archive_entry_xattr_add_entry(ret, name, value, len);
    return NULL;
}

static void read_all(const struct subject *s, const char *names, size_t len, char *value, struct archive_entry *ret,
                     void (*problem)(void *ctx, const char *why), void *ctx)
{
    size_t total = 0;
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        char why[160];
        ssize_t got = get_value(s, name, value, VALUE_MAX);
        if (got < 0 && errno == ENODATA) /* gone again */
            continue;
        if (got < 0) {
            (void)snprintf(why, sizeof why, "attribute %.80s cannot be read (error %d)", name, errno);
            problem(ctx, why);
            continue;
        }
        const char *wrong = add_one(ret, name, value, (size_t)got, &total);
        if (wrong != NULL) {
            (void)snprintf(why, sizeof why, "attribute %.80s %s", name, wrong);
            problem(ctx, why);
        }
    }
}

int attrs_read(const struct walk_entry *entry, struct archive_entry *ret, void (*problem)(void *ctx, const char *why),
               void *ctx, struct err *err)
{
    struct subject s = {.fd = entry->fd};
    char *names = NULL;
    int rc = 0;
    if (s.fd < 0 && asprintf(&s.path, "/proc/self/fd/%d/%s", entry->dir_fd, entry->name) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    char one;
    ssize_t len = list_names(&s, &one, 0); /* most files have none, which costs one call and no memory */
    if (len > 0) {
        names = malloc(NAMES_MAX + VALUE_MAX);
        if (names == NULL)
            rc = err_set(err, ERR_NOMEM, "out of memory");
        else
            len = list_names(&s, names, NAMES_MAX);
    }
    if (len < 0 && errno != ENOTSUP && errno != ENOENT)
        problem(ctx, "attributes cannot be listed");
    else if (len > 0 && names != NULL)
        read_all(&s, names, (size_t)len, names + NAMES_MAX, ret, problem, ctx);
    free(names);
    free(s.path);
    return rc;
}

/* --- onto the disk ------------------------------------------------------------------------------------------------ */

static void write_acl(int fd, struct archive_entry *entry, int type, const char *name,
                      void (*problem)(void *ctx, const char *why), void *ctx)
{
    unsigned char acl[4096]; /* 500 entries; file systems take fewer */
    size_t len = 0;
    if (archive_entry_acl_count(entry, type) == 0)
        return;
    if (attrs_acl_build(entry, type, acl, sizeof acl, &len) != 0 || fsetxattr(fd, name, acl, len, 0) != 0)
        problem(ctx, "the ACL cannot be set");
}

void attrs_write(int fd, struct archive_entry *entry, void (*problem)(void *ctx, const char *why), void *ctx)
{
    const char *name;
    const void *value;
    size_t len;
    (void)archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK) {
        char why[160];
        if (strncmp(name, "system.", 7) == 0 || fsetxattr(fd, name, value, len, 0) == 0)
            continue;
        (void)snprintf(why, sizeof why, "attribute %.80s cannot be set (error %d)", name, errno);
        problem(ctx, why);
    }
    write_acl(fd, entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access", problem, ctx);
    write_acl(fd, entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default", problem, ctx);
}

/* --- after reading an archive ------------------------------------------------------------------------------------ */

/* libarchive's "%XX" for names, and back. ret has room for three times the name. */
static void encode_name(const char *name, char *ret)
{
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;
        if (c < 33 || c > 126 || c == '%' || c == '=')
            ret += snprintf(ret, 4, "%%%02X", c);
        else
            *ret++ = *name;
    }
    *ret = '\0';
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

static void decode_name(const char *name, char *ret)
{
    for (; *name != '\0'; name++) {
        int high = *name == '%' ? hex_digit(name[1]) : -1;
        int low = high >= 0 ? hex_digit(name[2]) : -1;
        if (low >= 0) {
            *ret++ = (char)(high * 16 + low);
            name += 2;
        } else {
            *ret++ = *name;
        }
    }
    *ret = '\0';
}

static bool has_attr(struct archive_entry *entry, const char *name, const void *value, size_t len)
{
    const char *n;
    const void *v;
    size_t l;
    (void)archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &n, &v, &l) == ARCHIVE_OK)
        if (strcmp(n, name) == 0 && l == len && (len == 0 || memcmp(v, value, len) == 0))
            return true;
    return false;
}

/* Whether name is only the encoded twin of another: its plain form is there, and it has no encoded twin of its own. */
static bool is_twin(struct archive_entry *entry, const char *name, const void *value, size_t len, char *scratch)
{
    if (strchr(name, '%') == NULL)
        return false;
    decode_name(name, scratch);
    if (strcmp(scratch, name) == 0 || !has_attr(entry, scratch, value, len))
        return false;
    encode_name(name, scratch);
    return !has_attr(entry, scratch, value, len);
}

int attrs_clean(struct archive_entry *entry, struct err *err)
{
    const char *name;
    const void *value;
    size_t len, longest = 0;
    (void)archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK)
        if (strchr(name, '%') != NULL && strlen(name) > longest)
            longest = strlen(name);
    if (longest == 0)
        return 0;
    /* Asking walks through the list too, so one copy is walked and another asked. */
    struct archive_entry *walked = archive_entry_clone(entry);
    struct archive_entry *asked = archive_entry_clone(entry);
    char *scratch = malloc(longest * 3 + 1);
    int rc = 0;
    if (walked == NULL || asked == NULL || scratch == NULL) {
        rc = err_set(err, ERR_NOMEM, "out of memory");
    } else {
        archive_entry_xattr_clear(entry);
        (void)archive_entry_xattr_reset(walked);
        while (archive_entry_xattr_next(walked, &name, &value, &len) == ARCHIVE_OK)
            if (!is_twin(asked, name, value, len, scratch))
                archive_entry_xattr_add_entry(entry, name, value, len);
    }
    free(scratch);
    archive_entry_free(asked);
    archive_entry_free(walked);
    return rc;
}
