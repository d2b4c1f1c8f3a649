/* eventlog.h: the write-ahead log of what the agent has to say.
 *
 * STATE_DIR/events/: segments of records (length, CRC-32, JSON), each record with a sequence number that grows by one
 * within an epoch; `acked` holds what the server has. An event is on disk before eventlog_append returns and is
 * forgotten only after the server acknowledged it. Any process of the agent may append (the poller, a backup, the
 * command line): a lock file serialises them. A torn record at the end is cut off. A new epoch, so that nothing is
 * taken for a duplicate, starts with a new, damaged or rolled-back log and with every boot: a log from before a power
 * cut or from an older disk image never continues. When the cap is reached, the oldest debug events go first, then the
 * oldest others; a count of what was dropped is itself an event. A struct eventlog is for one thread at a time. */
#ifndef MUSTER_AGENT_POLL_EVENTLOG_H
#define MUSTER_AGENT_POLL_EVENTLOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"

struct eventlog;

/* Numbers of the formats that this build reads; it writes the newest. An older build must be able to take the log back,
 * so a new format is written only by releases after the one that learnt to read it. */
enum { EVENTLOG_FORMAT_OLDEST = 1, EVENTLOG_FORMAT_NEWEST = 1 };

enum { EVENTLOG_EPOCH_SIZE = 17, EVENTLOG_BOOT_SIZE = 37, EVENTLOG_DEFAULT_CAP = 4 * 1024 * 1024 };

struct eventlog_options {
    const char *dir;
    size_t cap_bytes; /* 0: EVENTLOG_DEFAULT_CAP */
    const struct clock *clock;
    const char *boot_id; /* NULL: the kernel's */
};

int eventlog_open(const struct eventlog_options *options, struct eventlog **ret, struct err *err) MUSTER_NODISCARD;
void eventlog_close(struct eventlog *log); /* NULL does nothing */

/* kind: "log", "backup", "command_result" …; metadata is taken and may be NULL. Message: UTF-8, cut at 4 KiB. Synced to
 * disk before it returns. */
int eventlog_append(struct eventlog *log, enum log_level level, const char *kind, const char *message, json_t *metadata,
                    struct err *err) MUSTER_NODISCARD;

/* The oldest unacknowledged events, at most max and max_bytes, as the "events" array of the wire, with their epoch (all
 * of one epoch). An empty array when there is none. The caller json_decref()s. */
int eventlog_pending(struct eventlog *log, size_t max, size_t max_bytes, char ret_epoch[EVENTLOG_EPOCH_SIZE],
                     json_t **ret, struct err *err) MUSTER_NODISCARD;

/* The server has these; seqs is the "acked" array of its reply. */
int eventlog_acknowledge(struct eventlog *log, const char *epoch, const json_t *seqs, struct err *err) MUSTER_NODISCARD;

/* The server has every event of the epoch up to seq, and everything of the epochs before it. epoch "": nothing.
 * current: the epoch that the log goes on in, "" while the next event would start one. */
struct eventlog_replayed {
    char epoch[EVENTLOG_EPOCH_SIZE];
    char current[EVENTLOG_EPOCH_SIZE];
    uint64_t seq;
};
int eventlog_replayed(struct eventlog *log, struct eventlog_replayed *ret, struct err *err) MUSTER_NODISCARD;

/* How far the log has come, for whoever replaces the program that writes it: a log that was left whole goes on in this
 * epoch, after seq, as long as this boot lasts. */
struct eventlog_position {
    char epoch[EVENTLOG_EPOCH_SIZE];
    uint64_t seq;      /* of the last event */
    uint64_t replayed; /* the server has all of the epoch up to here */
    char boot_id[EVENTLOG_BOOT_SIZE];
};

/* ERR_NOT_FOUND while the next event would start an epoch: append one first. */
int eventlog_position(struct eventlog *log, struct eventlog_position *ret, struct err *err) MUSTER_NODISCARD;

/* Highest sequence number written; for the heartbeat. */
uint64_t eventlog_last_seq(struct eventlog *log);

/* Calls visit for every event that is still on disk, oldest first: an object of the wire, and whether the server has
 * it. Non-zero from visit ends it and is returned. */
typedef int eventlog_visit_fn(void *ctx, const char *epoch, bool acknowledged, const char *json, size_t len);
int eventlog_each(struct eventlog *log, eventlog_visit_fn *visit, void *ctx, struct err *err) MUSTER_NODISCARD;

/* Whether this build understands the log in dir, judged by its newest segment: without the lock, and without a write. A
 * log that is not there is understood. ERR_CORRUPT, ERR_IO, ERR_NOMEM. */
int eventlog_check(const char *dir, struct err *err) MUSTER_NODISCARD;

#endif
