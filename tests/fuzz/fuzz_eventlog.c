/* Any bytes as a segment of the event log. The header's and the first record's check sums are put right first, or no
 * input would ever come past them. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "poll/segment.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(char *data, size_t size)
{
    if (size < SEGMENT_HEADER_SIZE)
        return;
    memcpy(data, magic, sizeof magic);
    put_u32(data + SEGMENT_HEADER_SIZE - 4, crc32_update(0, data, SEGMENT_HEADER_SIZE - 4));
    size_t left = size - SEGMENT_HEADER_SIZE;
    char *record = data + SEGMENT_HEADER_SIZE;
    if (left >= RECORD_HEADER_SIZE && get_u32(record) <= left - RECORD_HEADER_SIZE)
        put_u32(record + 4, record_crc(record, get_u32(record)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct segment s;
    struct record record;
    struct err err = {0};
    char *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    mend(copy, size);
    if (segment_parse(copy, size, &s, &err) != 0) {
        assert(err.code == ERR_CORRUPT);
        free(copy);
        return 0;
    }
    uint64_t previous = s.header.first_seq - 1;
    size_t end = SEGMENT_HEADER_SIZE;
    while (segment_next(&s, &record) == SEGMENT_RECORD) {
        assert(record.seq > previous && record.level >= 0 && record.level <= 3);
        assert(record.raw == copy + end && record.json + record.json_len <= copy + size);
        previous = record.seq;
        end += record.raw_len;
    }
    assert(s.at == end && s.last_seq == previous && end <= size);
    segment_done(&s);
    free(copy);
    return 0;
}
