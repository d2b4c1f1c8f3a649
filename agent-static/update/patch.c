#include "update/patch.h"

#include <fcntl.h>
#include <mbedtls/sha256.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/encode.h"
#include "update/part.h"

struct mapped {
    void *data; /* not to be written to */
    size_t len;
};

/* Read-only and private. Neither file is written in place by anybody: binaries are replaced by rename. */
static int map_file(const char *path, struct mapped *ret, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_sys(err, ERR_IO, "%s", path);
    int rc = 0;
    if (fstat(fd, &st) != 0)
        rc = err_sys(err, ERR_IO, "%s", path);
    else if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > PATCH_RESULT_MAX)
        rc = err_set(err, ERR_CONFLICT, "%.200s is not a file of a size that patches are for", path);
    void *data = rc == 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (rc == 0 && data == MAP_FAILED)
        rc = err_sys(err, ERR_NOMEM, "map %s", path);
    (void)close(fd);
    if (rc == 0)
        *ret = (struct mapped){.data = data, .len = (size_t)st.st_size};
    return rc;
}

static void unmap(struct mapped *m)
{
    if (m->data != NULL)
        (void)munmap(m->data, m->len);
}

static int check_base(const struct mapped *base, const char *sha256, struct err *err)
{
    unsigned char digest[32];
    char hex[PART_SHA256_SIZE];
    if (mbedtls_sha256(base->data, base->len, digest, 0) != 0)
        return err_set(err, ERR_INTERNAL, "cannot compute a digest");
    hex_encode(digest, sizeof digest, hex);
    return strcmp(hex, sha256) == 0 ? 0 : err_set(err, ERR_CONFLICT, "the patch is for another file than the one here");
}

static int add_to_part(void *ctx, const void *data, size_t len, struct err *err)
{
    return part_add(ctx, data, len, err);
}

static int make_result(const struct patch *p, const struct mapped *base, const struct mapped *patch, struct err *err)
{
    struct part part;
    int rc = part_open(p->result, NULL, p->result_size, p->result_sha256, &part, err);
    if (rc != 0)
        return rc;
    rc = patch_decode(base->data, base->len, patch->data, patch->len, p->result_size, add_to_part, &part, err);
    if (rc == 0)
        rc = part_finish(&part, err);
    if (rc == 0)
        part_close(&part);
    else
        part_discard(&part);
    return rc;
}

int patch_apply(const struct patch *p, struct err *err)
{
    struct mapped base = {.data = NULL};
    struct mapped patch = {.data = NULL};
    int rc = map_file(p->base, &base, err);
    if (rc == 0)
        rc = check_base(&base, p->base_sha256, err);
    if (rc == 0)
        rc = map_file(p->patch, &patch, err);
    if (rc == 0)
        rc = make_result(p, &base, &patch, err);
    unmap(&patch);
    unmap(&base);
    return rc;
}
