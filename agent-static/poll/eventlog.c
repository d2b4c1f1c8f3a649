#include "poll/eventlog.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cursor.h"
#include "common/encode.h"
#include "common/file.h"
#include "common/token.h"
#include "poll/eventlog_impl.h"

enum { SEGMENT_MIN = 4 * 1024, MESSAGE_MAX = 4096, KIND_MAX = 64, METADATA_MAX = 16 * 1024 };

void eventlog_path(const struct eventlog *log, uint64_t number, char ret[PATH_MAX])
{
    (void)snprintf(ret, PATH_MAX, "%s/%016llu.seg", log->dir, (unsigned long long)number);
}

void eventlog_acked_path(const struct eventlog *log, char ret[PATH_MAX])
{
    (void)snprintf(ret, PATH_MAX, "%s/acked", log->dir);
}

size_t eventlog_segment_max(const struct eventlog *log)
{
    return log->segment_bytes + SEGMENT_HEADER_SIZE + RECORD_HEADER_SIZE + RECORD_JSON_MAX + log->cap_bytes;
}

/* --- catching up with the disk --- */

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* "0000000000000012.seg" */
static bool parse_name(const char *name, uint64_t *ret)
{
    struct cursor c;
    cursor_init(&c, span_of(name));
    while (c.end - c.at > 5 && *c.at == '0')
        c.at++;
    return strlen(name) == 20 && cursor_uint(&c, UINT64_MAX / 10, ret) && *ret > 0 && cursor_literal(&c, ".seg") &&
           cursor_done(&c);
}

static int list_segments(struct eventlog *log, struct err *err)
{
    DIR *dir = opendir(log->dir);
    if (dir == NULL)
        return err_sys(err, ERR_IO, "open directory %s", log->dir);
    log->count = 0;
    int rc = 0;
    const struct dirent *entry;
    while (rc == 0 && (entry = readdir(dir)) != NULL) {
        uint64_t number;
        if (!parse_name(entry->d_name, &number))
            continue;
        if (log->count == SEGMENTS_MAX)
            rc = err_set(err, ERR_TOO_BIG, "%.200s: too many segments", log->dir);
        else
            log->numbers[log->count++] = number;
    }
    (void)closedir(dir);
    qsort(log->numbers, log->count, sizeof *log->numbers, compare_numbers);
    return rc;
}

static int cut(const char *path, size_t size, struct err *err)
{
    return truncate(path, (off_t)size) == 0 ? 0 : err_sys(err, ERR_IO, "truncate %s", path);
}

/* Reads the last segment into log->tail, and judges whether its epoch can go on. */
static int read_tail(struct eventlog *log, uint64_t number, struct err *err)
{
    char path[PATH_MAX];
    struct segment s;
    struct record record;
    eventlog_path(log, number, path);
    log->tail = (struct tail){.number = number};
    log->continues = false;
    int rc = segment_load(path, eventlog_segment_max(log), &s, err);
    if (rc == ERR_CORRUPT || rc == ERR_TOO_BIG)
        return 0; /* left where it is, and a new epoch after it */
    if (rc != 0)
        return rc;
    enum segment_step step;
    while ((step = segment_next(&s, &record)) == SEGMENT_RECORD)
        ;
    log->tail.header = s.header;
    log->tail.last_seq = s.last_seq;
    log->tail.size = s.at;
    log->continues =
        step != SEGMENT_DAMAGED && s.inode == s.header.inode && strcmp(s.header.boot_id, log->boot_id) == 0;
    if (step == SEGMENT_TORN || step == SEGMENT_DAMAGED)
        rc = cut(path, s.at, err);
    segment_done(&s);
    return rc;
}

/* The server has more of this epoch than the log: an older log was put back. */
static bool is_behind_acked(const struct eventlog *log)
{
    char path[PATH_MAX];
    struct acked acked;
    eventlog_acked_path(log, path);
    acked_load(path, &acked);
    bool behind = strcmp(acked.epoch, log->tail.header.epoch) == 0 && acked.through > log->tail.last_seq;
    acked_done(&acked);
    return behind;
}

/* Whether the last segment is just as we left it, so that nothing needs reading. */
static bool tail_unchanged(const struct eventlog *log)
{
    char path[PATH_MAX];
    struct stat st;
    if (log->tail.number == 0 || log->count == 0 || log->numbers[log->count - 1] != log->tail.number)
        return false;
    eventlog_path(log, log->tail.number, path);
    return stat(path, &st) == 0 && (uint64_t)st.st_size == log->tail.size &&
           (uint64_t)st.st_ino == log->tail.header.inode;
}

static int catch_up(struct eventlog *log, struct err *err)
{
    int rc = list_segments(log, err);
    if (rc != 0 || tail_unchanged(log))
        return rc;
    struct tail known = log->tail;
    log->tail = (struct tail){.number = 0};
    log->continues = false;
    if (log->count > 0)
        rc = read_tail(log, log->numbers[log->count - 1], err);
    if (rc != 0) {
        log->tail = (struct tail){.number = 0};
        return rc;
    }
    /* Fewer events than we have seen ourselves, or than the server has: somebody put an older log back. */
    if ((strcmp(known.header.epoch, log->tail.header.epoch) == 0 && log->tail.last_seq < known.last_seq) ||
        is_behind_acked(log))
        log->continues = false;
    if (known.number > log->tail.number)
        log->tail.number = known.number;
    return 0;
}

int eventlog_begin(struct eventlog *log, struct err *err)
{
    while (flock(log->lock_fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return err_sys(err, ERR_IO, "lock %s", log->dir);
    int rc = catch_up(log, err);
    if (rc != 0)
        eventlog_end(log);
    return rc;
}

void eventlog_end(struct eventlog *log)
{
    (void)flock(log->lock_fd, LOCK_UN);
}

/* --- segments --- */

static int new_epoch_name(char ret[SEGMENT_EPOCH_LEN + 1], struct err *err)
{
    unsigned char random[SEGMENT_EPOCH_LEN / 2];
    if (!token_random(random, sizeof random))
        return err_set(err, ERR_UNAVAILABLE, "no random numbers");
    hex_encode(random, sizeof random, ret);
    return 0;
}

int eventlog_roll(struct eventlog *log, bool new_epoch, struct err *err)
{
    struct tail next = {.number = log->tail.number + 1, .header = log->tail.header, .size = SEGMENT_HEADER_SIZE};
    int rc = 0;
    if (new_epoch) {
        rc = new_epoch_name(next.header.epoch, err);
        memcpy(next.header.boot_id, log->boot_id, sizeof next.header.boot_id);
    } else {
        next.last_seq = log->tail.last_seq;
    }
    next.header.first_seq = next.last_seq + 1;
    if (rc == 0 && log->count == SEGMENTS_MAX)
        rc = err_set(err, ERR_TOO_BIG, "%.200s: too many segments", log->dir);
    char path[PATH_MAX];
    struct stat st;
    eventlog_path(log, next.number, path);
    if (rc == 0)
        rc = segment_create(path, &next.header, NULL, err);
    if (rc == 0 && stat(path, &st) != 0)
        rc = err_sys(err, ERR_IO, "%s", path);
    if (rc != 0)
        return rc;
    next.header.inode = (uint64_t)st.st_ino;
    log->tail = next;
    log->continues = true;
    log->numbers[log->count++] = next.number;
    return 0;
}

int eventlog_remove(struct eventlog *log, size_t index, struct err *err)
{
    char path[PATH_MAX];
    eventlog_path(log, log->numbers[index], path);
    int rc = file_remove(path, err);
    if (rc != 0)
        return rc;
    log->count--;
    memmove(log->numbers + index, log->numbers + index + 1, (log->count - index) * sizeof *log->numbers);
    return 0;
}

/* --- opening --- */

static int read_boot_id(const char *given, char ret[SEGMENT_BOOT_LEN + 1], struct err *err)
{
    char *text = NULL;
    if (given == NULL && file_read("/proc/sys/kernel/random/boot_id", 128, &text, NULL, err) != 0)
        given = "unknown"; /* no /proc: a boot cannot be told from another */
    memset(ret, 0, SEGMENT_BOOT_LEN + 1);
    const char *from = given != NULL ? given : text;
    memcpy(ret, from, strnlen(from, SEGMENT_BOOT_LEN));
    free(text);
    return 0;
}

static int open_files(struct eventlog *log, struct err *err)
{
    char path[PATH_MAX];
    int rc = file_mkdirs(log->dir, 0700, err);
    if (rc != 0)
        return rc;
    (void)snprintf(path, sizeof path, "%s/lock", log->dir);
    log->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log->lock_fd < 0)
        return err_sys(err, ERR_IO, "open %s", path);
    rc = eventlog_begin(log, err);
    if (rc == 0)
        eventlog_end(log);
    return rc;
}

int eventlog_open(const struct eventlog_options *options, struct eventlog **ret, struct err *err)
{
    struct eventlog *log = calloc(1, sizeof *log);
    if (log == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    log->lock_fd = -1;
    log->clock = options->clock;
    log->cap_bytes = options->cap_bytes > 0 ? options->cap_bytes : EVENTLOG_DEFAULT_CAP;
    log->segment_bytes = log->cap_bytes / 16 > SEGMENT_MIN ? log->cap_bytes / 16 : SEGMENT_MIN;
    log->numbers = calloc(SEGMENTS_MAX, sizeof *log->numbers);
    int rc = log->numbers == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    if (rc == 0 && snprintf(log->dir, sizeof log->dir, "%s", options->dir) >= (int)sizeof log->dir)
        rc = err_set(err, ERR_TOO_BIG, "path too long");
    if (rc == 0)
        rc = read_boot_id(options->boot_id, log->boot_id, err);
    if (rc == 0)
        rc = open_files(log, err);
    if (rc != 0)
        eventlog_close(log);
    else
        *ret = log;
    return rc;
}

void eventlog_close(struct eventlog *log)
{
    if (log == NULL)
        return;
    if (log->lock_fd >= 0)
        (void)close(log->lock_fd);
    free(log->numbers);
    free(log);
}

uint64_t eventlog_last_seq(struct eventlog *log)
{
    struct err err;
    if (eventlog_begin(log, &err) == 0)
        eventlog_end(log);
    return log->tail.last_seq;
}

/* --- appending --- */

/* Text from anywhere as a JSON string: no control characters but tab and line feed, no broken UTF-8, cut between
 * characters. */
static json_t *clean_text(const char *s, size_t max)
{
    char text[MESSAGE_MAX + 1];
    size_t len = strnlen(s, max < MESSAGE_MAX ? max : MESSAGE_MAX);
    memcpy(text, s, len);
    while (s[len] != '\0' && len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
            text[i] = ' ';
    json_t *value = json_stringn(text, len);
    if (value != NULL)
        return value;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80)
            text[i] = '?';
    return json_stringn(text, len);
}

static json_t *bounded_metadata(json_t *metadata)
{
    if (metadata == NULL)
        return json_object();
    if (json_dumpb(metadata, NULL, 0, JSON_COMPACT) <= METADATA_MAX)
        return metadata;
    json_decref(metadata);
    return json_pack("{s:b}", "truncated", 1);
}

/* The event object of the wire. metadata is taken. */
static char *event_json(const struct eventlog *log, enum log_level level, const char *kind, const char *message,
                        json_t *metadata)
{
    json_int_t seq = (json_int_t)log->tail.last_seq;
    json_t *event =
        json_pack("{s:I, s:I, s:s, s:o, s:o, s:o}", "seq", seq + 1, "time_ms", (json_int_t)clock_now_ms(log->clock),
                  "level", log_level_name(level), "kind", clean_text(kind, KIND_MAX), "message",
                  clean_text(message, MESSAGE_MAX), "metadata", bounded_metadata(metadata));
    char *text = event != NULL ? json_dumps(event, JSON_COMPACT) : NULL;
    json_decref(event);
    return text;
}

/* Puts the bytes at the end of the tail; what was written of them is taken back on failure. */
static int write_tail(struct eventlog *log, const struct buf *raw, struct err *err)
{
    char path[PATH_MAX];
    eventlog_path(log, log->tail.number, path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, ERR_IO, "open %s", path);
    int rc = lseek(fd, (off_t)log->tail.size, SEEK_SET) < 0 ? err_sys(err, ERR_IO, "seek") : 0;
    if (rc == 0)
        rc = file_write_all(fd, raw->data, raw->len, err);
    if (rc == 0 && fdatasync(fd) != 0)
        rc = err_sys(err, ERR_IO, "fdatasync");
    if (rc != 0) {
        (void)err_prefix(err, "%s", path);
        if (ftruncate(fd, (off_t)log->tail.size) != 0)
            log->tail.size = 0; /* does not match the disk any more: the next eventlog_begin reads it anew */
    }
    (void)close(fd);
    return rc;
}

int eventlog_write(struct eventlog *log, enum log_level level, const char *kind, const char *message, json_t *metadata,
                   struct err *err)
{
    char *json = event_json(log, level, kind, message, metadata);
    if (json == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct buf raw;
    buf_init(&raw, RECORD_HEADER_SIZE + RECORD_JSON_MAX);
    segment_encode(&raw, log->tail.last_seq + 1, (int)level, json, strlen(json));
    int rc = buf_ok(&raw) ? write_tail(log, &raw, err) : err_set(err, ERR_TOO_BIG, "the event is too large");
    if (rc == 0) {
        log->tail.size += raw.len;
        log->tail.last_seq++;
    }
    buf_done(&raw);
    free(json);
    return rc;
}

int eventlog_append(struct eventlog *log, enum log_level level, const char *kind, const char *message, json_t *metadata,
                    struct err *err)
{
    int rc = eventlog_begin(log, err);
    if (rc != 0) {
        json_decref(metadata);
        return rc;
    }
    if (!log->continues || log->tail.size >= log->segment_bytes)
        rc = eventlog_roll(log, !log->continues, err);
    if (rc == 0)
        rc = eventlog_trim(log, err);
    if (rc == 0)
        rc = eventlog_write(log, level, kind, message, metadata, err);
    else
        json_decref(metadata);
    eventlog_end(log);
    return rc;
}
