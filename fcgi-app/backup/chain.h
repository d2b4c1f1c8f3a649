/* chain.h: whether a run may go on from the one before it, or has to be a full one. Private to backup/.
 *
 * A chain is a full run and the incremental ones after it; each needs all before it. So an incremental run is made only
 * when nothing speaks against it: any doubt makes a full one, which needs nothing. The decision is the server's, since
 * it alone knows what is kept; what the agent's list describes is the agent's word. */
#ifndef MUSTER_BACKUP_CHAIN_H
#define MUSTER_BACKUP_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/uuid.h"
#include "db/db.h"

enum { CHAIN_FULL_EVERY_DEFAULT = 30 };

/* What is wanted, and what the agent says. */
struct chain_ask {
    bool incremental;   /* the config's type */
    int64_t full_every; /* a full run after as many incremental ones; 0: never for that */
    const char *base;   /* the run that the agent's list describes; NULL: it has none */
    bool encrypted;
    bool multipart; /* a single PUT comes from a caller that knows full ones only */
};

/* The newest run that is kept of the config by this agent, and the chain up to it. */
struct chain_newest {
    bool found;
    char id[UUID_SIZE];
    char chain_id[UUID_SIZE];
    int64_t seq;
    bool encrypted;
    bool indexed;
    int64_t kept;   /* runs of the chain up to this one that are there: seq + 1 when it is whole */
    int64_t broken; /* how many of them could not be read back */
};

struct chain_choice {
    bool incremental;
    char chain_id[UUID_SIZE]; /* "" for a full run: its own id */
    char base_id[UUID_SIZE];  /* "" for a full run */
    int64_t seq;
    const char *reason; /* why it is full although the config says incremental; "" otherwise */
};

/* The type and fullEvery of a config's stored options. What cannot be read asks for a full run. */
void chain_read_options(const char *options, struct chain_ask *ask);

/* No I/O. */
void chain_decide(const struct chain_ask *ask, const struct chain_newest *newest, struct chain_choice *ret);

/* Inside the write that begins the run, so that nothing comes between. */
int chain_newest_find(struct db *db, const char *config_id, const char *agent_id, struct chain_newest *ret,
                      struct err *err) MUSTER_NODISCARD;

#endif
