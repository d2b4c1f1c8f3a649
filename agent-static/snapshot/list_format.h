/* list_format.h: what the writer and the reader of a list agree on; nobody else includes it.
 *
 *   head:   magic, then as strings the configuration's and the run's id, then chain_seq, start_ms
 *   entry:  a byte of marks, shared, the rest of the path as a string, size, mtime, ctime, inode, seq + 1
 *   tail:   a byte LIST_END, entries, files, bytes
 *
 * Numbers are LEB128, those that may be negative in zigzag; a string is its length and its bytes; a time is seconds and
 * nanoseconds; shared is how many bytes of the path are those of the one before. */
#ifndef MUSTER_AGENT_SNAPSHOT_LIST_FORMAT_H
#define MUSTER_AGENT_SNAPSHOT_LIST_FORMAT_H

#define LIST_MAGIC "muster-list 1\n"
#define LIST_TYPES "fdlpcbs"

enum {
    LIST_TYPE_MASK = 0x07, /* the type's place in LIST_TYPES */
    LIST_OUTCOME_SHIFT = 3,
    LIST_OUTCOME_MASK = 0x07,
    LIST_DOUBT = 0x40,
    LIST_END = 0x80,
    LIST_WINDOW_LOG = 17, /* of zstd: what a reader must have memory for */
    LIST_BUFFER = 16 * 1024,
    LIST_NUMBER_MAX = 10, /* bytes of one */
};

#endif
