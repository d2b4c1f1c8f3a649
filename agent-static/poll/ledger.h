/* ledger.h: which commands of the server were begun and what became of them.
 *
 * Commands are delivered at least once; the ledger makes them run at most once. A command is in it, on disk, before it
 * runs. One that was begun and has no end when the ledger is opened was cut off: it has failed. */
#ifndef MUSTER_AGENT_POLL_LEDGER_H
#define MUSTER_AGENT_POLL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum { LEDGER_ID_SIZE = 65, LEDGER_DETAIL_SIZE = 120, LEDGER_MAX = 128 };

enum ledger_status { LEDGER_STARTED, LEDGER_DONE, LEDGER_FAILED, LEDGER_UNSUPPORTED, LEDGER_REFUSED };

struct ledger_entry {
    char id[LEDGER_ID_SIZE];
    char config_id[LEDGER_ID_SIZE]; /* of a backup; "" for others */
    enum ledger_status status;
    bool reported; /* its result is in the event log */
    char detail[LEDGER_DETAIL_SIZE];
};

struct ledger;

/* A missing file is an empty ledger; a damaged one too, and then *ret_damaged. */
int ledger_open(const char *path, struct ledger **ret, bool *ret_damaged, struct err *err) MUSTER_NODISCARD;
void ledger_close(struct ledger *l); /* NULL does nothing */

/* Whether s may be an id at all: 1 to 64 letters, digits, - and _. */
bool ledger_id_valid(const char *s);

/* NULL when it is not there. Borrowed until the next change. */
const struct ledger_entry *ledger_find(const struct ledger *l, const char *id);

/* Entry number index, oldest first; NULL at the end. */
const struct ledger_entry *ledger_at(const struct ledger *l, size_t index);

/* Adds the entry, or replaces the one with its id; on disk when it returns. On failure the ledger is as it was. */
int ledger_put(struct ledger *l, const struct ledger_entry *entry, struct err *err) MUSTER_NODISCARD;

/* Whether the backup that ended last has failed. */
bool ledger_last_failed(const struct ledger *l);

/* The wire's word: "done", "failed", "unsupported", "refused". */
const char *ledger_status_name(enum ledger_status status);

#endif
