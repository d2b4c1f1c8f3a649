#include "update/release.h"

#include <stdio.h>
#include <string.h>

#include "common/jsonread.h"
#include "common/version.h"
#include "describe.h"
#include "poll/eventlog.h"

static bool copy(char *ret, size_t size, const char *text)
{
    return text != NULL && snprintf(ret, size, "%s", text) < (int)size;
}

static bool is_ours(const char *product, const char *expected_product, const char *os, const char *arch)
{
    return product != NULL && strcmp(product, expected_product) == 0 && os != NULL && strcmp(os, "linux") == 0 &&
           arch != NULL && strcmp(arch, DESCRIBE_ARCH) == 0;
}

static bool target_path(const char *version, char ret[RELEASE_PATH_SIZE])
{
    return snprintf(ret, RELEASE_PATH_SIZE, "%s/agent-linux-%s", version, DESCRIBE_ARCH) < RELEASE_PATH_SIZE;
}

/* False: not a release of ours. */
static bool read_target(const struct metadata_target *t, struct release *ret)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    char path[RELEASE_PATH_SIZE];
    jsonread_init(&r, t->custom, &wrong);
    const char *product = jsonread_str(&r, "product", 1, 64);
    const char *version = jsonread_str(&r, "version", 1, sizeof ret->version - 1);
    const char *os = jsonread_str(&r, "os", 1, 16);
    const char *arch = jsonread_str(&r, "arch", 1, 16);
    const char *minimum = jsonread_str_or(&r, "min_version", 0, sizeof ret->min_version - 1, "");
    const char *channel = jsonread_str(&r, "channel", 1, sizeof ret->channel - 1);
    const char *image = jsonread_str_or(&r, "container_image", 0, sizeof ret->image - 1, "");
    int64_t eventlog_min = jsonread_int_or(&r, "eventlog_min", 0, 1000000, 0);
    bool downgrade = jsonread_bool_or(&r, "downgrade", false);
    if (wrong.failed || !is_ours(product, "muster-agent", os, arch) || !version_valid(version))
        return false;
    if (!target_path(version, path) || strcmp(path, t->path) != 0 || t->sha256[0] == '\0')
        return false;
    if (t->length <= 0 || t->length > RELEASE_SIZE_MAX || (minimum[0] != '\0' && !version_valid(minimum)))
        return false;
    *ret = (struct release){.size = t->length, .eventlog_min = eventlog_min, .downgrade = downgrade};
    return copy(ret->version, sizeof ret->version, version) && copy(ret->channel, sizeof ret->channel, channel) &&
           copy(ret->min_version, sizeof ret->min_version, minimum) && copy(ret->path, sizeof ret->path, path) &&
           copy(ret->image, sizeof ret->image, image) && copy(ret->sha256, sizeof ret->sha256, t->sha256);
}

int release_find(struct metadata *m, const char *version, struct release *ret, struct err *err)
{
    char path[RELEASE_PATH_SIZE];
    struct metadata_target target;
    if (!version_valid(version) || !target_path(version, path))
        return err_set(err, ERR_INVALID, "no version");
    int rc = metadata_target(m, path, &target, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "%.64s is not among the signed releases for linux/" DESCRIBE_ARCH, version);
    if (rc == 0 && !read_target(&target, ret))
        rc = err_set(err, ERR_INVALID, "the signed metadata of %.64s contradicts itself", version);
    return rc;
}

struct newest {
    const char *channel;
    struct release *ret;
    bool found;
};

static int take_newer(void *ctx, const struct metadata_target *target)
{
    struct newest *n = ctx;
    struct release r;
    if (!read_target(target, &r) || strcmp(r.channel, n->channel) != 0)
        return 0;
    if (!n->found || version_compare(r.version, n->ret->version) > 0)
        *n->ret = r;
    n->found = true;
    return 0;
}

int release_newest(const struct metadata *m, const char *channel, struct release *ret, struct err *err)
{
    struct newest n = {.channel = channel, .ret = ret};
    (void)metadata_each(m, take_newer, &n);
    if (!n.found)
        return err_set(err, ERR_NOT_FOUND, "no release for linux/" DESCRIBE_ARCH " is signed in channel %.32s",
                       channel);
    return 0;
}

bool release_withdrawn(const struct metadata *m, const char *version)
{
    const json_t *list = json_object_get(metadata_extra(m, "x_muster"), "withdrawn");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_object_get(json_array_get(list, i), "version"));
        if (one != NULL && strcmp(one, version) == 0)
            return true;
    }
    return false;
}

/* Releases stay signed for ever, also those that a min_version is there to be rid of. A way back leads to none of them,
 * whoever asks for it: it would be undone at once anyway. */
static bool is_below_minimum(const struct metadata *m, const struct release *release, const char *channel)
{
    struct release newest;
    struct err none;
    return release_newest(m, channel, &newest, &none) == 0 && release_requires(&newest, release->version);
}

int release_allowed(const struct metadata *m, const struct release *release, const char *own_version,
                    const char *channel, struct err *err)
{
    bool backwards = version_compare(release->version, own_version) < 0;
    if (release_withdrawn(m, release->version))
        return err_set(err, ERR_DENIED, "%s was withdrawn", release->version);
    if (backwards && !release->downgrade && !release_withdrawn(m, own_version))
        return err_set(err, ERR_DENIED, "%s is older than %s, which was not withdrawn, and is not signed as a way back",
                       release->version, own_version);
    if (backwards && is_below_minimum(m, release, channel))
        return err_set(err, ERR_DENIED, "%s is older than %s and below the least version of channel %.32s",
                       release->version, own_version, channel);
    if (strcmp(release->channel, channel) != 0)
        return err_set(err, ERR_DENIED, "%s is of channel %s; this host takes %.32s", release->version,
                       release->channel, channel);
    if (release->eventlog_min > EVENTLOG_FORMAT_NEWEST)
        return err_set(err, ERR_DENIED,
                       "%s reads event logs from format %lld on; this agent writes %d: update to a version between",
                       release->version, (long long)release->eventlog_min, EVENTLOG_FORMAT_NEWEST);
    return 0;
}

bool release_requires(const struct release *release, const char *own_version)
{
    return release->min_version[0] != '\0' && version_compare(own_version, release->min_version) < 0;
}

bool release_find_patch(struct metadata *m, const struct release *release, const char *own_version,
                        struct release_patch *ret)
{
    struct metadata_target t;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    struct err err;
    char path[RELEASE_PATH_SIZE];
    if (snprintf(path, sizeof path, "%s.from-%s.zst", release->path, own_version) >= (int)sizeof path ||
        metadata_target(m, path, &t, &err) != 0 || t.sha256[0] == '\0')
        return false;
    jsonread_init(&r, t.custom, &wrong);
    const char *product = jsonread_str(&r, "product", 1, 64);
    const char *os = jsonread_str(&r, "os", 1, 16);
    const char *arch = jsonread_str(&r, "arch", 1, 16);
    const char *base = jsonread_str(&r, "base_sha256", 64, 64);
    const char *result = jsonread_str(&r, "result_sha256", 64, 64);
    if (wrong.failed || !is_ours(product, "muster-agent-patch", os, arch))
        return false;
    if (strcmp(result, release->sha256) != 0 || t.length <= 0 || t.length >= release->size)
        return false;
    ret->size = t.length;
    return copy(ret->path, sizeof ret->path, path) && copy(ret->sha256, sizeof ret->sha256, t.sha256) &&
           copy(ret->base_sha256, sizeof ret->base_sha256, base);
}
