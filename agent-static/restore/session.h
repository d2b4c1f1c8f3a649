/* session.h: what restores and proofs have in common: the chain they read, the connection, the keys, the end. */
#ifndef MUSTER_AGENT_RESTORE_SESSION_H
#define MUSTER_AGENT_RESTORE_SESSION_H

#include "restore/extract.h"
#include "restore/listing.h"
#include "restore/reading.h"
#include "restore/restore.h"

struct session {
    const struct agent *agent;
    const char *job_id;
    struct arena *arena;
    struct report report;
    struct progress progress;
    struct watch *watch;
    struct api *api;
    struct remote_chain chain;         /* archives NULL: not known */
    struct age_identities *identities; /* NULL: none */
};

struct session_options {
    const struct agent *agent;
    const struct remote_which *which;
    const char *identity;
    const char *job_id;
    bool progress; /* a line for people */
};

/* Connects, asks for the chain, and loads the identities when something is encrypted and there are any. session_done is
 * due also on failure. */
int session_open(struct session *s, const struct session_options *options, struct err *err) MUSTER_NODISCARD;
void session_done(struct session *s);

/* An archive through extract_archive; options lack only where from. */
int session_extract(struct session *s, const struct remote_archive *archive, const struct extract_options *options,
                    struct err *err) MUSTER_NODISCARD;

/* The index of the wanted run. ERR_NOT_FOUND: it has none. */
int session_list(struct session *s, listing_fn *each, void *ctx, struct err *err) MUSTER_NODISCARD;

/* ERR_DENIED when an archive of the chain is encrypted and no identity is there. */
int session_can_read(const struct session *s, struct err *err) MUSTER_NODISCARD;

/* How it ended, for a return code: the outcome, told to the server of a job; false: it could not be told. */
bool session_tell(struct session *s, enum restore_outcome outcome, const char *detail);

#endif
