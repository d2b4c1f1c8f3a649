/* The cap: what goes when the log is full. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "poll/eventlog_impl.h"

#define REPORT_KIND "events_dropped"

struct trim {
    size_t total;
    size_t target;
    struct acked acked;
    uint64_t dropped;
    uint64_t dropped_debug;
};

static size_t size_of(const struct eventlog *log, uint64_t number)
{
    char path[PATH_MAX];
    struct stat st;
    eventlog_path(log, number, path);
    return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

static size_t total_size(const struct eventlog *log)
{
    size_t total = 0;
    for (size_t i = 0; i < log->count; i++)
        total += size_of(log, log->numbers[i]);
    return total;
}

/* A report of an earlier drop that is dropped itself hands its counts on, so that the newest report tells of all. */
static bool take_over_report(struct trim *t, const struct record *record)
{
    if (record->level != LOG_WARNING)
        return false;
    json_t *event = json_loadb(record->json, record->json_len, 0, NULL);
    const char *kind = json_string_value(json_object_get(event, "kind"));
    bool report = kind != NULL && strcmp(kind, REPORT_KIND) == 0;
    if (report) {
        const json_t *metadata = json_object_get(event, "metadata");
        t->dropped += (uint64_t)json_integer_value(json_object_get(metadata, "dropped"));
        t->dropped_debug += (uint64_t)json_integer_value(json_object_get(metadata, "droppedDebug"));
    }
    json_decref(event);
    return report;
}

static void count_drop(struct trim *t, const struct segment *s, const struct record *record)
{
    if (acked_has(&t->acked, s->header.epoch, record->seq) || take_over_report(t, record))
        return;
    t->dropped++;
    if (record->level == LOG_DEBUG)
        t->dropped_debug++;
}

/* Goes through one segment and gathers in kept the records that stay. False when it cannot be read. */
static bool sift(struct eventlog *log, struct trim *t, size_t index, bool keep_others,
                 struct segment_header *ret_header, struct buf *kept, size_t *ret_gone)
{
    char path[PATH_MAX];
    struct segment s;
    struct record record;
    struct err err;
    eventlog_path(log, log->numbers[index], path);
    *ret_gone = 0;
    if (segment_load(path, eventlog_segment_max(log), &s, &err) != 0)
        return false;
    while (segment_next(&s, &record) == SEGMENT_RECORD) {
        if (keep_others && record.level != LOG_DEBUG) {
            buf_add(kept, record.raw, record.raw_len);
        } else {
            count_drop(t, &s, &record);
            (*ret_gone)++;
        }
    }
    *ret_header = s.header;
    segment_done(&s);
    return true;
}

/* Takes the debug events out of one segment, or (keep_others false) removes it whole. */
static int shorten(struct eventlog *log, struct trim *t, size_t index, bool keep_others, bool *ret_removed,
                   struct err *err)
{
    struct segment_header header;
    struct buf kept;
    size_t gone;
    size_t before = size_of(log, log->numbers[index]);
    buf_init(&kept, eventlog_segment_max(log));
    bool readable = sift(log, t, index, keep_others, &header, &kept, &gone);
    int rc = 0;
    *ret_removed = false;
    if (!readable || (gone > 0 && kept.len == 0) || !keep_others) {
        rc = eventlog_remove(log, index, err);
        *ret_removed = rc == 0;
        t->total -= rc == 0 ? before : 0;
    } else if (gone > 0 && buf_ok(&kept)) {
        char path[PATH_MAX];
        eventlog_path(log, log->numbers[index], path);
        rc = segment_create(path, &header, &kept, err);
        t->total -= rc == 0 ? before - (kept.len + SEGMENT_HEADER_SIZE) : 0;
    }
    buf_done(&kept);
    return rc;
}

/* Oldest first, never the tail. */
static int pass(struct eventlog *log, struct trim *t, bool keep_others, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i + 1 < log->count;) {
        if (t->total <= t->target && (keep_others || log->count <= SEGMENTS_TRIM))
            break;
        bool removed;
        rc = shorten(log, t, i, keep_others, &removed, err);
        i += removed ? 0 : 1;
    }
    return rc;
}

static int report(struct eventlog *log, const struct trim *t, struct err *err)
{
    char message[160];
    (void)snprintf(message, sizeof message, "the event log is full: %llu events were dropped, %llu of them debug",
                   (unsigned long long)t->dropped, (unsigned long long)t->dropped_debug);
    json_t *metadata =
        json_pack("{s:I, s:I}", "dropped", (json_int_t)t->dropped, "droppedDebug", (json_int_t)t->dropped_debug);
    return eventlog_write(log, LOG_WARNING, REPORT_KIND, message, metadata, err);
}

int eventlog_trim(struct eventlog *log, struct err *err)
{
    /* Room for the next record is part of the cap, so that the cap holds after it was written. */
    struct trim t = {.total = total_size(log) + RECORD_HEADER_SIZE + 1024, .target = log->cap_bytes / 4 * 3};
    if (t.total <= log->cap_bytes && log->count <= SEGMENTS_TRIM)
        return 0;
    char path[PATH_MAX];
    eventlog_acked_path(log, path);
    acked_load(path, &t.acked);
    int rc = log->tail.size > SEGMENT_HEADER_SIZE ? eventlog_roll(log, false, err) : 0;
    if (rc == 0)
        rc = pass(log, &t, true, err);
    if (rc == 0)
        rc = pass(log, &t, false, err);
    if (rc == 0 && t.dropped > 0)
        rc = report(log, &t, err);
    acked_done(&t.acked);
    return rc;
}
