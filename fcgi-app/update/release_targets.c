#include "update/release_targets.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/version.h"
#include "update/release_binary.h"

static const char *text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s != NULL ? s : "";
}

void release_targets_path(const char *version, const char *arch, const char *base, char ret[RELEASE_TARGET_SIZE])
{
    (void)snprintf(ret, RELEASE_TARGET_SIZE, "%.64s/agent-linux-%.8s%s%.64s%s", version, arch,
                   base != NULL ? ".from-" : "", base != NULL ? base : "", base != NULL ? ".zst" : "");
}

bool release_targets_is(const json_t *custom, const char *product)
{
    return strcmp(text(custom, "product"), product) == 0;
}

const json_t *release_targets_withdrawn(const json_t *signed_part)
{
    return json_object_get(json_object_get(signed_part, "x_muster"), "withdrawn");
}

/* --- finding --- */

const json_t *release_targets_find(const json_t *signed_part, const char *version, const char *arch)
{
    char path[RELEASE_TARGET_SIZE];
    release_targets_path(version, arch, NULL, path);
    return json_object_get(json_object_get(signed_part, "targets"), path);
}

bool release_targets_has(const json_t *signed_part, const char *version)
{
    for (int i = 0; i < RELEASE_ARCHES; i++)
        if (release_targets_find(signed_part, version, release_arch_names[i]) != NULL)
            return true;
    return false;
}

const char *release_targets_newest(const json_t *signed_part, const char *channel, const char *arch, const char *below)
{
    const char *path;
    const char *newest = NULL;
    json_t *info;
    json_object_foreach(json_object_get(signed_part, "targets"), path, info)
    {
        const json_t *custom = json_object_get(info, "custom");
        const char *version = text(custom, "version");
        if (release_targets_is(custom, RELEASE_PRODUCT) && strcmp(text(custom, "channel"), channel) == 0 &&
            (arch == NULL || strcmp(text(custom, "arch"), arch) == 0) &&
            (below == NULL || version_compare(version, below) < 0) &&
            (newest == NULL || version_compare(version, newest) > 0))
            newest = version;
    }
    return newest;
}

/* --- changing --- */

static int add(json_t *signed_part, const char *path, const char *sha256, int64_t size, json_t *take_custom,
               struct err *err)
{
    json_t *info =
        json_pack("{s:I, s:{s:s}, s:o}", "length", (json_int_t)size, "hashes", "sha256", sha256, "custom", take_custom);
    return json_object_set_new(json_object_get(signed_part, "targets"), path, info) == 0
               ? 0
               : err_set(err, ERR_NOMEM, "out of memory");
}

int release_targets_add(json_t *signed_part, const json_t *release, int64_t now_ms, struct err *err)
{
    char path[RELEASE_TARGET_SIZE], released[CLOCK_RFC3339_SIZE];
    size_t i;
    const json_t *file;
    int rc = 0;
    clock_format_rfc3339(now_ms, released);
    (void)snprintf(released + 19, sizeof released - 19, "Z"); /* as in the manifest's shape */
    json_array_foreach(json_object_get(release, "files"), i, file)
    {
        json_t *custom = json_pack(
            "{s:s, s:s, s:s, s:O, s:O, s:O, s:O, s:O, s:O, s:s, s:b}", "product", RELEASE_PRODUCT, "os", "linux",
            "arch", text(file, "arch"), "version", json_object_get(release, "version"), "min_version",
            json_object_get(release, "min_version"), "channel", json_object_get(release, "channel"), "changelog",
            json_object_get(release, "changelog"), "eventlog_min", json_object_get(release, "eventlog_min"),
            "container_image", json_object_get(release, "container_image"), "released_at", released, "downgrade", 0);
        release_targets_path(text(release, "version"), text(file, "arch"), NULL, path);
        if (rc == 0)
            rc = add(signed_part, path, text(file, "sha256"), json_integer_value(json_object_get(file, "size")), custom,
                     err);
        else
            json_decref(custom);
    }
    return rc;
}

static const char *sha256_of(const json_t *info)
{
    return text(json_object_get(info, "hashes"), "sha256");
}

int release_targets_add_patch(json_t *signed_part, const struct release_patch *patch, struct err *err)
{
    char path[RELEASE_TARGET_SIZE];
    const json_t *base = release_targets_find(signed_part, patch->base, patch->arch);
    const json_t *result = release_targets_find(signed_part, patch->version, patch->arch);
    release_targets_path(patch->version, patch->arch, patch->base, path);
    return add(signed_part, path, patch->sha256, patch->size,
               json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "product", RELEASE_PRODUCT_PATCH, "version",
                         patch->version, "os", "linux", "arch", patch->arch, "base_version", patch->base, "base_sha256",
                         sha256_of(base), "result_sha256", sha256_of(result), "result_size",
                         json_object_get(result, "length")),
               err);
}

static int list_withdrawn(json_t *signed_part, const char *version, const char *reason, struct err *err)
{
    if (json_object_get(signed_part, "x_muster") == NULL)
        (void)json_object_set_new(signed_part, "x_muster", json_pack("{s:[]}", "withdrawn"));
    json_t *list = json_object_get(json_object_get(signed_part, "x_muster"), "withdrawn");
    return json_array_append_new(list, json_pack("{s:s, s:s}", "version", version, "reason", reason)) == 0
               ? 0
               : err_set(err, ERR_NOMEM, "out of memory");
}

int release_targets_withdraw(json_t *signed_part, const char *version, const char *reason, struct err *err)
{
    json_t *targets = json_object_get(signed_part, "targets");
    void *next = NULL;
    if (!release_targets_has(signed_part, version))
        return err_set(err, ERR_NOT_FOUND, "release %.64s is not published", version);
    for (void *at = json_object_iter(targets); at != NULL; at = next) {
        const char *path = json_object_iter_key(at);
        bool is_its = strcmp(text(json_object_get(json_object_iter_value(at), "custom"), "version"), version) == 0;
        next = json_object_iter_next(targets, at);
        if (is_its)
            (void)json_object_del(targets, path);
    }
    return list_withdrawn(signed_part, version, reason, err);
}

int release_targets_downgrade(json_t *signed_part, const char *version, bool allowed, struct err *err)
{
    bool found = false;
    for (int i = 0; i < RELEASE_ARCHES; i++) {
        const json_t *info = release_targets_find(signed_part, version, release_arch_names[i]);
        if (info == NULL)
            continue;
        if (json_object_set_new(json_object_get(info, "custom"), "downgrade", json_boolean(allowed)) != 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        found = true;
    }
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "release %.64s is not published", version);
}
