/* The repository as a client sees it. Signatures, versions and hashes of metadata were judged when it was opened. */
#include <string.h>

#include "common/clock.h"
#include "update/repo_private.h"

static int check_expiry(const json_t *document, int64_t now_ms, struct err *err)
{
    enum tuf_role role = tuf_document_role(document);
    if (tuf_document_expires_ms(document) > now_ms)
        return 0;
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(tuf_document_expires_ms(document), text);
    return err_set(err, ERR_TIMEOUT, "%s has expired at %s; 'muster-app release refresh%s%s' signs it anew",
                   tuf_role_names[role], text, role == TUF_ROOT || role == TUF_TARGETS ? " " : "",
                   role == TUF_ROOT || role == TUF_TARGETS ? tuf_role_names[role] : "");
}

int repo_check(const struct repo *repo, int64_t now_ms, struct err *err)
{
    const json_t *const documents[] = {repo->root, repo->timestamp, repo->snapshot, repo->targets};
    char path[REPO_PATH_SIZE];
    const char *target;
    json_t *info;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof documents / sizeof documents[0]; i++)
        rc = check_expiry(documents[i], now_ms, err);
    json_object_foreach(json_object_get(tuf_document_signed(repo->targets), "targets"), target, info)
    {
        if (rc == 0)
            rc = repo_target_path(repo, target, info, path, err);
        if (rc == 0)
            rc = repo_file_check(path, info, err);
    }
    return rc;
}
