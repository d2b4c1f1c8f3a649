/* store.h: what the launcher does to files beside the agent's binary A: A.trial, and A itself.
 *
 * Every change is a rename of something that is on disk already, and the directory is synced before anything builds on
 * it: a power cut leaves the one or the other, whole. What is found is looked at before it is believed: the launcher
 * often is root, and a state file that somebody else could have written is none. */
#ifndef MUSTER_AGENT_LAUNCHER_STORE_H
#define MUSTER_AGENT_LAUNCHER_STORE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "state.h"

/* After each of these a kill or a power cut must leave a working agent. Tests stop there; see STORE_STEP in store.c. */
#define STORE_STEPS(STEP)                                                                                              \
    STEP(save_written)                                                                                                 \
    STEP(save_renamed)                                                                                                 \
    STEP(save_synced)                                                                                                  \
    STEP(put_linked)                                                                                                   \
    STEP(put_renamed)                                                                                                  \
    STEP(put_synced)

#define STORE_STEP_MEMBER(name) STORE_STEP_##name,
enum store_step { STORE_STEPS(STORE_STEP_MEMBER) STORE_STEP_COUNT };

struct store {
    const char *agent; /* A, without symbolic links, so that A.trial is where the agent looks for it */
    char made_new[PATH_MAX];
    char backup[PATH_MAX];
    char trial[PATH_MAX];
    char trial_temp[PATH_MAX];
    char put_temp[PATH_MAX];
    char dir[PATH_MAX];
};

struct store_why {
    char text[200];
};

enum store_found { STORE_NOTHING, STORE_STATE, STORE_REFUSED };

/* agent: borrowed. False when its path is too long. */
bool store_init(struct store *s, const char *agent);

/* STORE_REFUSED, with the reason, for a file that is not ours, or not a state. */
enum store_found store_load(const struct store *s, struct state *ret, struct store_why *ret_why);

/* False, with the reason, when it is not on disk for certain. */
bool store_save(const struct store *s, const struct state *state, struct store_why *ret_why);

/* Sees to it that A is the file `source` (s->made_new or s->backup), with its owner, mode and attributes; does nothing
 * when it is. On failure A is what it was. */
enum store_put { STORE_PUT, STORE_MISSING, STORE_FAILED };
enum store_put store_put(const struct store *s, const char *source, struct store_why *ret_why);

/* "01234567-…", the kernel's name for this boot; "unknown" where it has none. */
void store_boot_id(char ret[STATE_BOOT_SIZE]);

#endif
