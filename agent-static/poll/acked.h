/* acked.h: which events of an epoch the server has: all up to one sequence number, and some beyond it. */
#ifndef MUSTER_AGENT_POLL_ACKED_H
#define MUSTER_AGENT_POLL_ACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "poll/segment.h"

struct acked {
    char epoch[SEGMENT_EPOCH_LEN + 1]; /* "": none */
    uint64_t through;
    uint64_t *beyond; /* ascending, all above through */
    size_t count;
};

/* More than this is not remembered: those events are sent once more, and the server knows them. */
enum { ACKED_BEYOND_MAX = 4096 };

/* A missing or damaged file says that nothing is acknowledged, which costs a repetition and loses nothing. */
void acked_load(const char *path, struct acked *ret);
int acked_save(const char *path, const struct acked *a, struct err *err) MUSTER_NODISCARD;
void acked_done(struct acked *a);

/* Forgets everything and stands for this epoch. */
void acked_reset(struct acked *a, const char *epoch);

bool acked_has(const struct acked *a, const char *epoch, uint64_t seq);
int acked_add(struct acked *a, uint64_t seq, struct err *err) MUSTER_NODISCARD;

/* seq is the next event of the epoch that exists. When it is acknowledged, through moves up to it: true. */
bool acked_advance(struct acked *a, uint64_t seq);

#endif
