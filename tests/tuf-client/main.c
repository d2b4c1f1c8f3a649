/* The agent's TUF client as a program of its own, with the command line of the public TUF conformance suite:
 *
 *     tuf-client --metadata-dir D init ROOT
 *     tuf-client --metadata-dir D --metadata-url U refresh
 *     tuf-client --metadata-dir D --metadata-url U --target-name T … --target-base-url B --target-dir E download
 *
 * Exit status 0 or 1; the reason goes to standard error. It is linked dynamically, so that libfaketime moves its clock,
 * and speaks HTTP without TLS, which the agent never does. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/file.h"
#include "plainhttp.h"
#include "tuf/metadata.h"
#include "tuf/tuf_meta.h"
#include "tuf/tuf_path.h"

enum { TARGETS_MAX = 64, TARGET_SIZE_MAX = 64 * 1024 * 1024, ROOT_SIZE_MAX = 128 * 1024 };

struct options {
    const char *metadata_dir;
    const char *metadata_url;
    const char *target_dir;
    const char *target_base_url;
    const char *targets[TARGETS_MAX];
    int target_count;
};

static int get(const char *base, const char *name, struct buf *ret, struct err *err)
{
    struct buf url;
    size_t len = strlen(base);
    buf_init(&url, 8192);
    buf_addf(&url, "%s%s%s", base, len > 0 && base[len - 1] == '/' ? "" : "/", name);
    int rc = buf_ok(&url) ? plainhttp_get(buf_str(&url), ret, err) : err_set(err, ERR_TOO_BIG, "URL too long");
    buf_done(&url);
    return rc;
}

static int fetch(void *ctx, const char *name, size_t max_bytes, struct buf *ret, struct err *err)
{
    const struct options *o = ctx;
    (void)max_bytes; /* ret's own maximum is the same */
    return get(o->metadata_url, name, ret, err);
}

/* --- init --- */

static int init(const struct options *o, const char *file, struct err *err)
{
    char path[PATH_MAX];
    char fingerprint[METADATA_SHA256_SIZE];
    char *root = NULL;
    size_t len = 0;
    (void)snprintf(path, sizeof path, "%s/root.json", o->metadata_dir);
    int rc = file_read(file, ROOT_SIZE_MAX, &root, &len, err);
    if (rc == 0)
        rc = metadata_root_check(root, len, fingerprint, err);
    if (rc == 0)
        rc = file_mkdirs(o->metadata_dir, 0755, err);
    if (rc == 0)
        rc = file_write(path, root, len, 0644, err);
    free(root);
    return rc;
}

/* --- refresh --- */

static int refresh(struct options *o, struct metadata **ret, struct err *err)
{
    struct metadata_options m = {
        .dir = o->metadata_dir, .now_ms = clock_now_ms(clock_system()), .fetch = fetch, .fetch_ctx = o};
    if (o->metadata_url == NULL)
        return err_set(err, ERR_INVALID, "--metadata-url is missing");
    return metadata_refresh(&m, ret, err);
}

/* --- download --- */

static int check_hash(enum tuf_hash hash, const char *want, struct span bytes, struct err *err)
{
    char have[TUF_HEX_MAX];
    int rc = want[0] != '\0' ? tuf_digest_hex(hash, bytes, have, err) : 0;
    if (rc == 0 && want[0] != '\0' && strcmp(have, want) != 0)
        rc = err_set(err, ERR_DENIED, "another file than was promised");
    return rc;
}

static int check_target(const struct metadata_target *t, struct span bytes, struct err *err)
{
    if ((uint64_t)t->length != bytes.len)
        return err_set(err, ERR_DENIED, "%zu bytes, not the %lld promised", bytes.len, (long long)t->length);
    int rc = check_hash(TUF_SHA256, t->sha256, bytes, err);
    return rc == 0 ? check_hash(TUF_SHA512, t->sha512, bytes, err) : rc;
}

static bool have_already(const struct metadata_target *t, const char *path)
{
    struct err err;
    char *data = NULL;
    size_t len = 0;
    bool yes = file_read(path, TARGET_SIZE_MAX, &data, &len, &err) == 0 &&
               check_target(t, (struct span){.ptr = data, .len = len}, &err) == 0;
    free(data);
    return yes;
}

static int fetch_target(const struct options *o, const struct metadata *m, const struct metadata_target *t,
                        const char *path, struct err *err)
{
    struct buf name;
    struct buf bytes;
    buf_init(&name, 8192);
    buf_init(&bytes, (size_t)t->length);
    int rc = t->length > TARGET_SIZE_MAX ? err_set(err, ERR_TOO_BIG, "too large for this program") : 0;
    if (rc == 0)
        rc = metadata_target_name(m, t, &name, err);
    if (rc == 0)
        rc = get(o->target_base_url, buf_str(&name), &bytes, err);
    if (rc == 0)
        rc = check_target(t, (struct span){.ptr = buf_str(&bytes), .len = bytes.len}, err);
    if (rc == 0)
        rc = file_write(path, buf_str(&bytes), bytes.len, 0644, err);
    buf_done(&bytes);
    buf_done(&name);
    return rc == 0 ? 0 : err_prefix(err, "%s", t->path);
}

static int download_one(const struct options *o, struct metadata *m, const char *name, struct err *err)
{
    struct metadata_target t;
    char path[PATH_MAX];
    char encoded[TUF_ENCODED_SIZE(TUF_PATH_MAX)];
    int rc = metadata_target(m, name, &t, err);
    if (rc != 0)
        return rc;
    tuf_path_encode(t.path, false, encoded);
    (void)snprintf(path, sizeof path, "%s/%s", o->target_dir, encoded);
    return have_already(&t, path) ? 0 : fetch_target(o, m, &t, path, err);
}

static int download(struct options *o, struct err *err)
{
    struct metadata *m = NULL;
    if (o->target_count == 0 || o->target_dir == NULL || o->target_base_url == NULL)
        return err_set(err, ERR_INVALID, "--target-name, --target-dir or --target-base-url is missing");
    int rc = refresh(o, &m, err);
    for (int i = 0; rc == 0 && i < o->target_count; i++)
        rc = download_one(o, m, o->targets[i], err);
    metadata_free(m);
    return rc;
}

/* --- the command line --- */

static void parse_options(int argc, char **argv, struct options *ret)
{
    static const struct option names[] = {
        {"metadata-dir", required_argument, NULL, 'm'},    {"metadata-url", required_argument, NULL, 'u'},
        {"target-name", required_argument, NULL, 't'},     {"target-dir", required_argument, NULL, 'd'},
        {"target-base-url", required_argument, NULL, 'b'}, {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
        switch (c) {
        case 'm': ret->metadata_dir = optarg; break;
        case 'u': ret->metadata_url = optarg; break;
        case 'd': ret->target_dir = optarg; break;
        case 'b': ret->target_base_url = optarg; break;
        case 't':
            if (ret->target_count < TARGETS_MAX)
                ret->targets[ret->target_count++] = optarg;
            break;
        default: exit(1);
        }
}

int main(int argc, char **argv)
{
    struct options o = {.metadata_dir = NULL};
    struct metadata *m = NULL;
    struct err err = {0};
    parse_options(argc, argv, &o);
    const char *command = optind < argc ? argv[optind] : "";
    int rc;
    if (o.metadata_dir == NULL)
        rc = err_set(&err, ERR_INVALID, "--metadata-dir is missing");
    else if (strcmp(command, "init") == 0 && optind + 1 < argc)
        rc = init(&o, argv[optind + 1], &err);
    else if (strcmp(command, "refresh") == 0)
        rc = refresh(&o, &m, &err);
    else if (strcmp(command, "download") == 0)
        rc = download(&o, &err);
    else
        rc = err_set(&err, ERR_INVALID, "the commands are init ROOT, refresh and download");
    metadata_free(m);
    if (rc != 0)
        (void)fprintf(stderr, "tuf-client: %s: %s\n", err_name(rc), err.msg);
    return rc == 0 ? 0 : 1;
}
