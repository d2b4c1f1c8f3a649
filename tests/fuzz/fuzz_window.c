/* Any bytes as an UPDATE_WINDOW: what is taken opens within a week, and when it says. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "update/window.c"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A zone whose clocks change, and no file to look into for each time. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512];
    struct window w;
    struct err err = {0};
    if (size < 8 || size - 8 >= sizeof text)
        return 0;
    memcpy(text, data + 8, size - 8);
    text[size - 8] = '\0';
    if (window_parse(text, &w, &err) != 0) {
        assert(err.code == ERR_INVALID);
        return 0;
    }
    assert(w.count >= 0 && w.count <= WINDOW_RULES_MAX);
    int minute = (data[0] << 8 | data[1]) % WINDOW_WEEK_MIN;
    int wait = window_opens_in(&w, minute);
    assert(wait >= 0 && wait < WINDOW_WEEK_MIN && window_is_open(&w, (minute + wait) % WINDOW_WEEK_MIN));
    int64_t now_ms = 0;
    memcpy(&now_ms, data, 8);
    now_ms = (int64_t)((uint64_t)now_ms % ((uint64_t)1 << 42));
    int64_t next_ms = window_next_open_ms(&w, now_ms);
    assert(next_ms >= now_ms && window_is_open_at(&w, next_ms));
    return 0;
}
