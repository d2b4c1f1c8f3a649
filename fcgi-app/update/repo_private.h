/* repo_private.h: what repo's own files share. */
#ifndef MUSTER_UPDATE_REPO_PRIVATE_H
#define MUSTER_UPDATE_REPO_PRIVATE_H

#include "update/repo.h"

/* A document of public/tuf; its bytes are appended to ret_bytes, which may be NULL. */
int repo_load(const struct repo *repo, const char *name, json_t **ret, struct buf *ret_bytes,
              struct err *err) MUSTER_NODISCARD;

/* From the bytes of 1.root.json. */
void repo_set_fingerprint(struct repo *repo, const struct buf *root);

#endif
