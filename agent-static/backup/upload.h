/* upload.h: the uploaders of a backup: take parts that are ready and put them where their URLs point. */
#ifndef MUSTER_AGENT_BACKUP_UPLOAD_H
#define MUSTER_AGENT_BACKUP_UPLOAD_H

#include <pthread.h>

#include "agent.h"
#include "backup/parts.h"
#include "backup/remote.h"
#include "backup/report.h"
#include "net/pace.h"

struct upload {
    const struct agent *agent;
    const char *log_id;
    struct parts *parts;
    struct report *report;
    enum part_digest_kind digest;
    int cancel_fd;        /* readable: give up at once */
    int64_t rate;         /* bytes a second of all uploaders together; 0: as fast as it goes */
    pthread_mutex_t lock; /* of what follows */
    struct pace pace;
};

/* Sends parts until the last (0), a part that cannot be sent, or ERR_CONFLICT after parts_stop. Uses a connection of
 * its own, and may be called by several threads: so one part is on its way while the store still looks at the one
 * before. */
int upload_parts(struct upload *u, struct err *err) MUSTER_NODISCARD;

/* What a store's answer to a PUT means: 0 stored, ERR_UNAVAILABLE worth trying again, ERR_DENIED worth a few tries with
 * a fresh URL, other: for good. */
int upload_judge_status(int status);

/* What is asked of the server for a part. */
struct remote_part upload_part_of(const struct part *part, enum part_digest_kind kind, struct report *report);

#endif
