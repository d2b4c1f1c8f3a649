#include "update/release_public.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "update/release_binary.h"
#include "update/release_targets.h"

enum { TEXT_MAX = 256 * 1024 };

/* custom of whichever architecture the version has. */
static const json_t *custom_of(const json_t *signed_part, const char *version)
{
    const json_t *custom = NULL;
    for (int i = 0; custom == NULL && i < RELEASE_ARCHES; i++)
        custom = json_object_get(release_targets_find(signed_part, version, release_arch_names[i]), "custom");
    return custom;
}

static json_t *binaries_of(const json_t *signed_part, const char *version)
{
    json_t *binaries = json_object();
    for (int i = 0; i < RELEASE_ARCHES; i++) {
        char key[32], url[64];
        const json_t *info = release_targets_find(signed_part, version, release_arch_names[i]);
        if (info == NULL)
            continue;
        (void)snprintf(key, sizeof key, "linux-%s", release_arch_names[i]);
        (void)snprintf(url, sizeof url, "/updates/agent-linux-%s", release_arch_names[i]);
        (void)json_object_set_new(binaries, key,
                                  json_pack("{s:s, s:O, s:O}", "url", url, "sha256",
                                            json_object_get(json_object_get(info, "hashes"), "sha256"), "size",
                                            json_object_get(info, "length")));
    }
    return binaries;
}

int release_public_manifest(const json_t *signed_part, const char *version, struct buf *ret, struct err *err)
{
    const json_t *custom = custom_of(signed_part, version);
    json_t *manifest = json_pack(
        "{s:s, s:O, s:o, s:O, s:O, s:O}", "version", version, "released_at", json_object_get(custom, "released_at"),
        "binaries", binaries_of(signed_part, version), "container_image", json_object_get(custom, "container_image"),
        "min_version", json_object_get(custom, "min_version"), "changelog", json_object_get(custom, "changelog"));
    char *text = manifest != NULL ? json_dumps(manifest, JSON_INDENT(2)) : NULL;
    if (text != NULL) {
        buf_adds(ret, text);
        buf_addc(ret, '\n');
    }
    int rc = text != NULL && buf_ok(ret) ? 0 : err_set(err, ERR_NOMEM, "no memory for the manifest");
    free(text);
    json_decref(manifest);
    return rc;
}

/* "registry:5000/name:0.2.0": the tag is behind the last colon of the last part. What may stand in an image's name
 * needs no escapes inside quotation marks. */
int release_public_helm(const json_t *signed_part, const char *version, struct buf *ret, struct err *err)
{
    const char *image = json_string_value(json_object_get(custom_of(signed_part, version), "container_image"));
    const char *slash = image != NULL ? strrchr(image, '/') : NULL;
    const char *tag = image != NULL ? strchr(slash != NULL ? slash : image, ':') : NULL;
    int len = tag != NULL ? (int)(tag - image) : image != NULL ? (int)strlen(image) : 0;
    buf_addf(ret, "# Helm values for muster-agent %s.\nimage:\n", version);
    if (image != NULL)
        buf_addf(ret, "  repository: \"%.*s\"\n", len, image);
    buf_addf(ret, "  tag: \"%s\"\n", tag != NULL ? tag + 1 : version);
    return buf_ok(ret) ? 0 : err_set(err, ERR_NOMEM, "no memory for the values");
}

/* --- files --- */

static int write_binary(const struct repo *repo, const char *arch, struct err *err)
{
    char from[REPO_PATH_SIZE], to[REPO_PATH_SIZE], target[RELEASE_TARGET_SIZE];
    const json_t *signed_part = tuf_document_signed(repo->targets);
    const char *version = release_targets_newest(signed_part, "stable", arch, NULL);
    char *data = NULL;
    size_t len = 0;
    int rc = repo_path(repo, to, err, "public/agent-linux-%s", arch);
    if (rc == 0 && version == NULL)
        return file_remove(to, err);
    if (rc == 0) {
        release_targets_path(version, arch, NULL, target);
        rc = repo_target_path(repo, target, release_targets_find(signed_part, version, arch), from, err);
    }
    if (rc == 0)
        rc = file_read(from, RELEASE_BINARY_MAX, &data, &len, err);
    if (rc == 0)
        rc = repo_write(to, data, len, err);
    free(data);
    return rc;
}

typedef int text_fn(const json_t *signed_part, const char *version, struct buf *ret, struct err *err);
static int write_text(const struct repo *repo, const char *name, text_fn *make, struct err *err)
{
    char path[REPO_PATH_SIZE];
    struct buf text;
    const json_t *signed_part = tuf_document_signed(repo->targets);
    const char *version = release_targets_newest(signed_part, "stable", NULL, NULL);
    int rc = repo_path(repo, path, err, "public/%s", name);
    if (rc == 0 && version == NULL)
        return file_remove(path, err);
    buf_init(&text, TEXT_MAX);
    if (rc == 0)
        rc = make(signed_part, version, &text, err);
    if (rc == 0)
        rc = repo_write(path, text.data, text.len, err);
    buf_done(&text);
    return rc;
}

int release_public_write(const struct repo *repo, struct err *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < RELEASE_ARCHES; i++)
        rc = write_binary(repo, release_arch_names[i], err);
    if (rc == 0)
        rc = write_text(repo, "helm-values.yaml", release_public_helm, err);
    return rc == 0 ? write_text(repo, "manifest.json", release_public_manifest, err) : rc;
}
