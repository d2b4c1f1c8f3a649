/* list.h: STATE_DIR/lists/<config id>: what the tree held at a run, as far as the next run must know.
 *
 * A zstd frame with a checksum around: a head, entries in the order of path_compare, a tail with totals. Paths share
 * their beginning with the one before. The file is checked to its end when it is opened, and nothing in it is believed
 * before: whatever is wrong with it, there is no list then.
 *
 * Written beside, as <config id>.new, and renamed by who knows that the run is good. Memory does not depend on the
 * number of entries. */
#ifndef MUSTER_AGENT_SNAPSHOT_LIST_H
#define MUSTER_AGENT_SNAPSHOT_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "backup/remote.h"
#include "common/err.h"

enum list_outcome { LIST_FINE, LIST_CHANGED, LIST_UNREADABLE, LIST_VANISHED, LIST_SKIPPED, LIST_OUTCOMES };

struct list_head {
    char config_id[REMOTE_ID_SIZE];
    char run_id[REMOTE_ID_SIZE];
    unsigned chain_seq;
    int64_t start_ms; /* when the walk began */
};

struct list_entry {
    const char *path; /* without its leading slash; "": the root directory */
    char type;        /* f file, d directory, l symlink, p FIFO, c b device, s socket */
    enum list_outcome outcome;
    bool doubt;    /* what is stored may not be what the file is: store it again */
    uint64_t size; /* of content; 0 for what is no file */
    struct timespec mtime, ctime;
    uint64_t ino;
    int64_t seq; /* chain_seq of the archive that holds it; -1: none does */
};

/* Of the entries that the tree holds: all but what vanished and, directories apart, what was left out. */
struct list_totals {
    uint64_t entries; /* of the list, these and the others */
    uint64_t files;
    uint64_t bytes;
};

/* Fills all but path, outcome, doubt and seq. */
void list_entry_stat(struct list_entry *e, const struct stat *st);

bool list_entry_counts(const struct list_entry *e);

/* Unix milliseconds, rounded down; times that no calendar knows become the last that others can count to, 2^53. */
int64_t list_time_ms(const struct timespec *t);

/* --- reading */

struct list;

/* ERR_NOT_FOUND: there is none. ERR_CORRUPT: it is damaged, or not of this configuration. */
int list_open(const char *path, const char *config_id, struct list **ret, struct err *err) MUSTER_NODISCARD;
void list_close(struct list *l); /* NULL does nothing */

const struct list_head *list_head(const struct list *l);
struct list_totals list_totals(const struct list *l);

/* Starts again with the first entry. */
int list_rewind(struct list *l, struct err *err) MUSTER_NODISCARD;

/* The next entry, borrowed until the next call; NULL at the end. */
int list_next(struct list *l, const struct list_entry **ret, struct err *err) MUSTER_NODISCARD;

/* --- writing */

struct list_writer;

/* Replaces what is at path. */
int list_create(const char *path, const struct list_head *head, struct list_writer **ret,
                struct err *err) MUSTER_NODISCARD;

/* ERR_INVALID when the entry does not come after the one before. */
int list_add(struct list_writer *w, const struct list_entry *e, struct err *err) MUSTER_NODISCARD;

/* Writes the tail; the file is then on disk, though perhaps not its name. */
int list_finish(struct list_writer *w, struct err *err) MUSTER_NODISCARD;

void list_writer_free(struct list_writer *w); /* the file stays; NULL does nothing */

/* --- both */

/* The order of paths: a directory before what is in it, and that before its next neighbour. As strcmp, but for the
 * slash, which is the least of all bytes. */
int path_compare(const char *a, const char *b);

#endif
