/* retention_pick.h: a config's chains as a list that is searched, filtered and sorted. No I/O. Private to retention/.
 */
#ifndef MUSTER_RETENTION_RETENTION_PICK_H
#define MUSTER_RETENTION_RETENTION_PICK_H

#include "http/list.h"
#include "retention/retention_config.h"

struct retention_pick {
    struct list_ask ask;
    const char *only;   /* of chains: "restorable", "broken", "pinned"; "": all; NULL: it is no such list */
    const char *action; /* of the preview: "keep", "delete"; "": all; NULL: it is no such list */
};

/* What chains and the preview can be sorted by. */
extern const char *const retention_chain_sorts[];
extern const char *const retention_preview_sorts[];

/* Leaves in view what is asked for, in its order; its freed_bytes stay those of all. */
void retention_pick(struct retention_view *view, const struct retention_pick *pick);

#endif
