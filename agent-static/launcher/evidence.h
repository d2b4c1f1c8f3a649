/* evidence.h: what a failed release said last, kept outside the binary's folder for the agent to report.
 *
 * The last bytes of its standard error in a ring, and a file: <directory>/<version>.log, 0600, "key value" lines, an
 * empty line, those bytes as they came. */
#ifndef MUSTER_AGENT_LAUNCHER_EVIDENCE_H
#define MUSTER_AGENT_LAUNCHER_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "state.h"

enum { EVIDENCE_MAX = 8 * 1024 };

struct evidence {
    char ring[EVIDENCE_MAX];
    size_t total; /* bytes that ever came */
};

void evidence_add(struct evidence *e, const char *bytes, size_t len);

/* The bytes in order, from the start of a line on if some are gone. Returns how many. */
size_t evidence_get(const struct evidence *e, char ret[EVIDENCE_MAX]);

/* Writes the file of s->version, in place of an older one. The directory, made if only it itself is missing, must be
 * root's or ours; no symbolic link is followed in it. False with errno. */
bool evidence_write(const struct evidence *e, const struct state *s);

#endif
