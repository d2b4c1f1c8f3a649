#include "store/store.h"

#include <string.h>

#include "common/blocking.h"
#include "common/uuid.h"
#include "settings.h"
#include "store/store_driver.h"
#include "store/store_local.h"
#include "store/store_s3.h"

int store_open(const struct settings *settings, const struct secrets *secrets, struct store **ret, struct err *err)
{
    return settings->s3.bucket != NULL ? store_s3_open(&settings->s3, ret, err)
                                       : store_local_open(settings, secrets, ret, err);
}

void store_close(struct store *s)
{
    if (s != NULL)
        s->driver->close(s);
}

static bool name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

/* A segment that means the same to every file system, URL parser and shell: no dot files, no "..". */
static size_t name_length(const char *s)
{
    size_t len = 0;
    while (name_char(s[len]))
        len++;
    return s[0] == '.' ? 0 : len;
}

bool store_filename_valid(const char *name)
{
    size_t len = name_length(name);
    return len >= 1 && len <= STORE_FILENAME_MAX && name[len] == '\0';
}

bool store_path_valid(const char *path)
{
    static const char *const words[] = {"users", NULL, "agents", NULL, "configs", NULL};
    if (strlen(path) > STORE_PATH_MAX)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof(words[0]); i++) {
        size_t len = name_length(path);
        bool fits = words[i] == NULL || (len == strlen(words[i]) && strncmp(path, words[i], len) == 0);
        if (len == 0 || !fits || path[len] != '/')
            return false;
        path += len + 1;
    }
    return store_filename_valid(path);
}

const char *store_bucket(const struct store *s)
{
    return s->bucket;
}

const char *store_region(const struct store *s)
{
    return s->region;
}

static int refuse_path(const char *path, struct err *err)
{
    return err_set(err, ERR_INVALID, "%.80s is not the path of an object", path);
}

int store_check(struct store *s, struct err *err)
{
    blocking_begin();
    int rc = s->driver->check(s, err);
    blocking_end();
    return rc;
}

int store_room(struct store *s, int64_t *ret, struct err *err)
{
    return s->driver->room(s, ret, err);
}

int store_presign(struct store *s, const struct store_url *want, struct arena *arena, const char **ret_url,
                  int64_t *ret_expires_ms, struct err *err)
{
    if (!store_path_valid(want->path))
        return refuse_path(want->path, err);
    return s->driver->presign(s, want, arena, ret_url, ret_expires_ms, err);
}

int store_upload_begin(struct store *s, const char *path, const char *id_hint, char ret[STORE_UPLOAD_ID_SIZE],
                       struct err *err)
{
    if (!store_path_valid(path))
        return refuse_path(path, err);
    blocking_begin();
    int rc = s->driver->upload_begin(s, path, id_hint, ret, err);
    blocking_end();
    return rc;
}

static bool parts_in_order(const struct store_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].number != (int64_t)i + 1 || parts[i].size < 1)
            return false;
    return count > 0;
}

int store_upload_complete(struct store *s, const char *path, const char *upload_id, const struct store_part *parts,
                          size_t count, struct store_made *ret, struct err *err)
{
    if (!store_path_valid(path))
        return refuse_path(path, err);
    if (!parts_in_order(parts, count))
        return err_set(err, ERR_CONFLICT, "the parts are not numbered without a gap");
    blocking_begin();
    int rc = s->driver->upload_complete(s, path, upload_id, parts, count, ret, err);
    blocking_end();
    return rc;
}

int store_upload_abort(struct store *s, const char *path, const char *upload_id, struct err *err)
{
    if (!store_path_valid(path))
        return refuse_path(path, err);
    blocking_begin();
    int rc = s->driver->upload_abort(s, path, upload_id, err);
    blocking_end();
    return rc;
}

int store_upload_forget(struct store *s, const char *path, const char *upload_id, struct err *err)
{
    blocking_begin();
    int rc = s->driver->upload_forget(s, path, upload_id, err);
    blocking_end();
    return rc;
}

enum part_digest store_digest(const struct store *s)
{
    return s->driver->digest;
}

bool store_tracks_parts(const struct store *s)
{
    return s->driver->tracks_parts;
}

int store_upload_each(struct store *s, int64_t min_age_s, store_upload_fn *fn, void *ctx, struct err *err)
{
    return s->driver->upload_each(s, min_age_s, fn, ctx, err);
}

/* --- objects --------------------------------------------------------------------------------------------------------
 */

int store_object_delete(struct store *s, const char *path, struct err *err)
{
    if (!store_path_valid(path))
        return refuse_path(path, err);
    blocking_begin();
    int rc = s->driver->object_delete(s, path, err);
    blocking_end();
    return rc;
}

int store_user_remove(struct store *s, const char *user_id, int64_t budget_ms, bool *ret_gone, struct err *err)
{
    if (!uuid_valid(user_id))
        return refuse_path(user_id, err);
    return s->driver->user_remove(s, user_id, clock_monotonic_ms(clock_system()) + budget_ms, ret_gone, err);
}

int store_object_head(struct store *s, const char *path, struct store_object *ret, struct err *err)
{
    if (!store_path_valid(path))
        return refuse_path(path, err);
    blocking_begin();
    int rc = s->driver->object_head(s, path, ret, err);
    blocking_end();
    return rc;
}

int store_object_thaw(struct store *s, const char *path, int days, struct err *err)
{
    if (!store_path_valid(path))
        return refuse_path(path, err);
    blocking_begin();
    int rc = s->driver->object_thaw(s, path, days, err);
    blocking_end();
    return rc;
}

int store_object_open(struct store *s, const char *path, struct store_reader **ret, struct err *err)
{
    if (!store_path_valid(path))
        return refuse_path(path, err);
    blocking_begin();
    int rc = s->driver->object_open(s, path, ret, err);
    blocking_end();
    return rc;
}

int store_object_read(struct store_reader *r, void *buf, size_t size, size_t *ret_len, struct err *err)
{
    blocking_begin();
    int rc = r->store->driver->object_read(r, buf, size, ret_len, err);
    blocking_end();
    return rc;
}

void store_object_close(struct store_reader *r)
{
    if (r != NULL)
        r->store->driver->object_close(r);
}

int store_sweep(struct store *s, int64_t max_age_s, struct err *err)
{
    return s->driver->sweep(s, max_age_s, err);
}
