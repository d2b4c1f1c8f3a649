/* tuf_search.h: the order in which delegated roles are asked for a target (specification 1.0, §5.6.7): pre-order, depth
 * first, each role once, no further than 32 roles.
 *
 *     tuf_search_init(&s, path, err), tuf_search_enter(&s, targets, err);
 *     while ((step = tuf_search_next(&s)) != NULL)
 *         … load the metadata of step->name, verify it against step->role, look into it, tuf_search_enter(&s, it, err)
 *     tuf_search_done(&s);
 *
 * Pure; what it holds of the metadata it holds by reference. */
#ifndef MUSTER_AGENT_TUF_SEARCH_H
#define MUSTER_AGENT_TUF_SEARCH_H

#include "tuf/tuf_role.h"

enum { TUF_VISITED_MAX = 32, TUF_STACK_MAX = 256 };

struct tuf_step {
    char name[TUF_ROLE_NAME_MAX + 1];
    struct tuf_role role; /* who must have signed it, by the one that delegates */
};

struct tuf_search {
    const char *path;
    char digest[TUF_HEX_MAX]; /* SHA-256 of path, for path_hash_prefixes */
    struct tuf_step *stack;   /* the next one last */
    size_t depth;
    struct tuf_step step; /* the one given out */
    char visited[TUF_VISITED_MAX][TUF_ROLE_NAME_MAX + 1];
    size_t visited_count;
};

/* path is borrowed. ERR_NOMEM; then too, tuf_search_done is for the caller to call. */
int tuf_search_init(struct tuf_search *s, const char *path, struct err *err) MUSTER_NODISCARD;
void tuf_search_done(struct tuf_search *s);

/* Adds the roles that this role delegates the path to. ERR_TOO_BIG: more are waiting than anybody needs. */
int tuf_search_enter(struct tuf_search *s, const struct tuf_meta *targets, struct err *err) MUSTER_NODISCARD;

/* The next role to look into, borrowed until the next call; NULL at the end. */
const struct tuf_step *tuf_search_next(struct tuf_search *s);

#endif
