/* tuf_role.h: who may sign a piece of TUF metadata, and whether enough of them have (specification 1.0, §5.3.4).
 *
 * A key counts when its id is the SHA-256 of its canonical form, when its type and scheme are known here, and once,
 * however often it is listed and under however many ids. Keys that do not count are passed over, so that a role may
 * have keys of kinds that other clients know. */
#ifndef MUSTER_AGENT_TUF_ROLE_H
#define MUSTER_AGENT_TUF_ROLE_H

#include "tuf/tuf_meta.h"

/* Held by references into metadata, which may be freed meanwhile. */
struct tuf_role {
    json_t *keys;   /* id to key */
    json_t *keyids; /* of the role */
    int64_t threshold;
};

/* The role for kind as this root has it. */
void tuf_role_of_root(const struct tuf_meta *root, enum tuf_kind kind, struct tuf_role *ret);

/* That of the delegation (an item of "delegations"/"roles" of targets). */
void tuf_role_of_delegation(const struct tuf_meta *targets, const json_t *delegation, struct tuf_role *ret);

void tuf_role_done(struct tuf_role *role);

/* ERR_DENIED when fewer than the threshold have signed m. */
int tuf_role_verify(const struct tuf_role *role, struct tuf_meta *m, struct err *err) MUSTER_NODISCARD;

/* Whether a key that could sign before no longer can. A key that only comes in is no rotation: were it one, whoever can
 * hold files back could use it to have the trusted versions forgotten. */
bool tuf_role_rotated(const struct tuf_role *before, const struct tuf_role *after);

#endif
