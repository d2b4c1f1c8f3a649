#include "poll/segment.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/encode.h"
#include "common/file.h"

static const char magic[8] = {'M', 'U', 'S', 'T', 'E', 'R', 'E', 'V'};

static void put_u32(char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (char)(unsigned char)(v >> (8 * i));
}

static void put_u64(char *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get_u32(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v |= (uint32_t)(unsigned char)p[i] << (8 * i);
    return v;
}

static uint64_t get_u64(const char *p)
{
    return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

static uint32_t record_crc(const char *raw, size_t json_len)
{
    return crc32_update(crc32_update(0, raw, 4), raw + 8, RECORD_HEADER_SIZE - 8 + json_len);
}

static bool printable(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] <= ' ' || s[i] > '~')
            return false;
    return true;
}

int segment_parse(const char *data, size_t len, struct segment *ret, struct err *err)
{
    struct segment s = {.len = len, .at = SEGMENT_HEADER_SIZE};
    if (len < SEGMENT_HEADER_SIZE || memcmp(data, magic, sizeof magic) != 0 ||
        get_u32(data + SEGMENT_HEADER_SIZE - 4) != crc32_update(0, data, SEGMENT_HEADER_SIZE - 4))
        return err_set(err, ERR_CORRUPT, "the header of an event log segment is damaged");
    const char *p = data + sizeof magic;
    memcpy(s.header.epoch, p, SEGMENT_EPOCH_LEN);
    memcpy(s.header.boot_id, p + SEGMENT_EPOCH_LEN, SEGMENT_BOOT_LEN);
    s.header.first_seq = get_u64(p + SEGMENT_EPOCH_LEN + SEGMENT_BOOT_LEN);
    s.header.inode = get_u64(p + SEGMENT_EPOCH_LEN + SEGMENT_BOOT_LEN + 8);
    if (s.header.first_seq == 0 || !printable(s.header.epoch, SEGMENT_EPOCH_LEN))
        return err_set(err, ERR_CORRUPT, "the header of an event log segment is damaged");
    s.last_seq = s.header.first_seq - 1;
    s.data = data;
    *ret = s;
    return 0;
}

int segment_load(const char *path, size_t max, struct segment *ret, struct err *err)
{
    struct stat st;
    char *data = NULL;
    size_t len;
    int rc = file_read(path, max, &data, &len, err);
    if (rc != 0)
        return rc;
    if (stat(path, &st) != 0)
        rc = err_sys(err, ERR_IO, "%s", path);
    if (rc == 0)
        rc = segment_parse(data, len, ret, err);
    if (rc != 0) {
        free(data);
        return rc;
    }
    ret->owned = data;
    ret->inode = (uint64_t)st.st_ino;
    return 0;
}

void segment_done(struct segment *s)
{
    free(s->owned);
    s->owned = NULL;
    s->data = NULL;
}

enum segment_step segment_next(struct segment *s, struct record *ret)
{
    size_t left = s->len - s->at;
    const char *raw = s->data + s->at;
    if (left == 0)
        return SEGMENT_END;
    if (left < RECORD_HEADER_SIZE)
        return SEGMENT_TORN;
    uint32_t json_len = get_u32(raw);
    if (json_len > RECORD_JSON_MAX)
        return SEGMENT_DAMAGED;
    if (left - RECORD_HEADER_SIZE < json_len)
        return SEGMENT_TORN;
    uint64_t seq = get_u64(raw + 8);
    if (get_u32(raw + 4) != record_crc(raw, json_len) || seq <= s->last_seq || (unsigned char)raw[16] > 3)
        return SEGMENT_DAMAGED;
    *ret = (struct record){
        .seq = seq,
        .level = raw[16],
        .json = raw + RECORD_HEADER_SIZE,
        .json_len = json_len,
        .raw = raw,
        .raw_len = RECORD_HEADER_SIZE + json_len,
    };
    s->at += ret->raw_len;
    s->last_seq = seq;
    return SEGMENT_RECORD;
}

void segment_encode(struct buf *b, uint64_t seq, int level, const char *json, size_t json_len)
{
    char head[RECORD_HEADER_SIZE] = {0};
    size_t start = b->len;
    put_u32(head, (uint32_t)json_len);
    put_u64(head + 8, seq);
    head[16] = (char)level;
    buf_add(b, head, sizeof head);
    buf_add(b, json, json_len);
    if (buf_ok(b))
        put_u32(b->data + start + 4, record_crc(b->data + start, json_len));
}

static void encode_header(const struct segment_header *header, uint64_t inode, char ret[SEGMENT_HEADER_SIZE])
{
    memset(ret, 0, SEGMENT_HEADER_SIZE);
    memcpy(ret, magic, sizeof magic);
    char *p = ret + sizeof magic;
    memcpy(p, header->epoch, SEGMENT_EPOCH_LEN);
    memcpy(p + SEGMENT_EPOCH_LEN, header->boot_id, strnlen(header->boot_id, SEGMENT_BOOT_LEN));
    put_u64(p + SEGMENT_EPOCH_LEN + SEGMENT_BOOT_LEN, header->first_seq);
    put_u64(p + SEGMENT_EPOCH_LEN + SEGMENT_BOOT_LEN + 8, inode);
    put_u32(ret + SEGMENT_HEADER_SIZE - 4, crc32_update(0, ret, SEGMENT_HEADER_SIZE - 4));
}

static int write_file(int fd, const struct segment_header *header, const struct buf *records, struct err *err)
{
    struct stat st;
    char head[SEGMENT_HEADER_SIZE];
    if (fstat(fd, &st) != 0)
        return err_sys(err, ERR_IO, "fstat");
    encode_header(header, (uint64_t)st.st_ino, head);
    int rc = file_write_all(fd, head, sizeof head, err);
    if (rc == 0 && records != NULL && records->len > 0)
        rc = file_write_all(fd, records->data, records->len, err);
    if (rc == 0 && fsync(fd) != 0)
        rc = err_sys(err, ERR_IO, "fsync");
    return rc;
}

int segment_create(const char *path, const struct segment_header *header, const struct buf *records, struct err *err)
{
    char temp[PATH_MAX];
    if (snprintf(temp, sizeof temp, "%s.tmp", path) >= (int)sizeof temp)
        return err_set(err, ERR_TOO_BIG, "path too long");
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "create %s", temp);
    int rc = write_file(fd, header, records, err);
    if (close(fd) != 0 && rc == 0)
        rc = err_sys(err, ERR_IO, "close");
    if (rc == 0)
        rc = file_rename(temp, path, err);
    if (rc != 0) {
        (void)unlink(temp);
        (void)err_prefix(err, "%s", path);
    }
    return rc;
}
