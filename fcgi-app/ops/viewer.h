/* viewer.h: the :viewer of the statements in core.sql: who may see only what is theirs. Private to ops/. */
#ifndef MUSTER_OPS_VIEWER_H
#define MUSTER_OPS_VIEWER_H

#include <stddef.h>

#include "auth/principal.h"

/* NULL for admins, who see all. Nobody in particular sees nothing. */
static inline const char *viewer_of(const struct principal *p)
{
    if (p->kind == PRINCIPAL_USER && p->role == ROLE_ADMIN)
        return NULL;
    return p->kind == PRINCIPAL_USER && p->id != NULL ? p->id : "";
}

#endif
