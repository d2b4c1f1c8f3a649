#include "../unit.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "common/file.h"
#include "poll/eventlog.h"
#include "poll/segment.h"
#include "tempdir.h"

#define BOOT_A "aaaaaaaa-1111-2222-3333-444444444444"
#define BOOT_B "bbbbbbbb-1111-2222-3333-444444444444"

struct fixture {
    struct tempdir dir;
    struct clock_fake clock;
    struct eventlog *log;
};

static struct eventlog *open_log(struct fixture *f, const char *boot, size_t cap)
{
    struct err err = {0};
    struct eventlog *log = NULL;
    struct eventlog_options options = {.dir = f->dir.path, .cap_bytes = cap, .clock = &f->clock.clock, .boot_id = boot};
    if (eventlog_open(&options, &log, &err) != 0)
        fail_msg("%s", err.msg);
    return log;
}

static int setup(void **state)
{
    static struct fixture f;
    tempdir_make(&f.dir);
    clock_fake_init(&f.clock, 1700000000000);
    f.log = open_log(&f, BOOT_A, 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    eventlog_close(f->log);
    tempdir_remove(&f->dir);
    return 0;
}

static void reopen(struct fixture *f, const char *boot)
{
    eventlog_close(f->log);
    f->log = open_log(f, boot, 0);
}

static void append(struct eventlog *log, enum log_level level, const char *message)
{
    struct err err = {0};
    if (eventlog_append(log, level, "log", message, NULL, &err) != 0)
        fail_msg("%s", err.msg);
}

static json_t *pending(struct eventlog *log, char epoch[EVENTLOG_EPOCH_SIZE])
{
    json_t *events = NULL;
    struct err err = {0};
    char unwanted[EVENTLOG_EPOCH_SIZE];
    if (eventlog_pending(log, 100000, SIZE_MAX / 2, epoch != NULL ? epoch : unwanted, &events, &err) != 0)
        fail_msg("%s", err.msg);
    return events;
}

static size_t pending_count(struct eventlog *log)
{
    json_t *events = pending(log, NULL);
    size_t count = json_array_size(events);
    json_decref(events);
    return count;
}

static json_int_t seq_at(const json_t *events, size_t index)
{
    return json_integer_value(json_object_get(json_array_get(events, index), "seq"));
}

static const char *message_at(const json_t *events, size_t index)
{
    return json_string_value(json_object_get(json_array_get(events, index), "message"));
}

static void acknowledge(struct eventlog *log, const char *epoch, json_t *seqs)
{
    struct err err = {0};
    if (eventlog_acknowledge(log, epoch, seqs, &err) != 0)
        fail_msg("%s", err.msg);
    json_decref(seqs);
}

/* The name of the newest segment. */
static void last_segment(const struct fixture *f, char ret[PATH_MAX])
{
    char best[32] = "";
    DIR *dir = opendir(f->dir.path);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (strstr(entry->d_name, ".seg") != NULL && strcmp(entry->d_name, best) > 0)
            (void)snprintf(best, sizeof best, "%.31s", entry->d_name);
    (void)closedir(dir);
    (void)snprintf(ret, PATH_MAX, "%s/%s", f->dir.path, best);
}

static size_t size_on_disk(const struct fixture *f)
{
    size_t total = 0;
    DIR *dir = opendir(f->dir.path);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s", f->dir.path, entry->d_name);
        if (strstr(entry->d_name, ".seg") != NULL && stat(path, &st) == 0)
            total += (size_t)st.st_size;
    }
    (void)closedir(dir);
    return total;
}

/* --- the plain way --- */

static void an_event_comes_back_as_the_wire_wants_it(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char epoch[EVENTLOG_EPOCH_SIZE];
    assert_int_equal(eventlog_append(f->log, LOG_WARNING, "backup", "half of it", json_pack("{s:i}", "files", 3), &err),
                     0);
    json_t *events = pending(f->log, epoch);
    const json_t *event = json_array_get(events, 0);
    assert_int_equal(json_array_size(events), 1);
    assert_int_equal(strlen(epoch), 16);
    assert_int_equal(seq_at(events, 0), 1);
    assert_true(json_integer_value(json_object_get(event, "time_ms")) == 1700000000000);
    assert_string_equal(json_string_value(json_object_get(event, "level")), "warning");
    assert_string_equal(json_string_value(json_object_get(event, "kind")), "backup");
    assert_string_equal(message_at(events, 0), "half of it");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(event, "metadata"), "files")), 3);
    json_decref(events);
}

static void events_survive_reopening_in_order(void **state)
{
    struct fixture *f = *state;
    char before[EVENTLOG_EPOCH_SIZE];
    char after[EVENTLOG_EPOCH_SIZE];
    append(f->log, LOG_INFO, "one");
    json_decref(pending(f->log, before));
    reopen(f, BOOT_A);
    append(f->log, LOG_INFO, "two");
    json_t *events = pending(f->log, after);
    assert_string_equal(before, after);
    assert_int_equal(json_array_size(events), 2);
    assert_int_equal(seq_at(events, 0), 1);
    assert_int_equal(seq_at(events, 1), 2);
    assert_int_equal(eventlog_last_seq(f->log), 2);
    json_decref(events);
}

static void only_what_is_acknowledged_is_forgotten(void **state)
{
    struct fixture *f = *state;
    char epoch[EVENTLOG_EPOCH_SIZE];
    for (int i = 0; i < 5; i++)
        append(f->log, LOG_INFO, "x");
    json_decref(pending(f->log, epoch));
    acknowledge(f->log, epoch, json_pack("[i, i, i]", 1, 2, 4));
    json_t *events = pending(f->log, NULL);
    assert_int_equal(json_array_size(events), 2);
    assert_int_equal(seq_at(events, 0), 3);
    assert_int_equal(seq_at(events, 1), 5);
    json_decref(events);
    reopen(f, BOOT_A);
    assert_int_equal(pending_count(f->log), 2);
    acknowledge(f->log, epoch, json_pack("[i, i]", 3, 5));
    assert_int_equal(pending_count(f->log), 0);
    append(f->log, LOG_INFO, "next");
    events = pending(f->log, NULL);
    assert_int_equal(seq_at(events, 0), 6);
    json_decref(events);
}

static void an_answer_for_another_epoch_acknowledges_nothing(void **state)
{
    struct fixture *f = *state;
    append(f->log, LOG_INFO, "x");
    acknowledge(f->log, "0123456789abcdef", json_pack("[i]", 1));
    assert_int_equal(pending_count(f->log), 1);
}

static void nonsense_in_an_answer_does_no_harm(void **state)
{
    struct fixture *f = *state;
    char epoch[EVENTLOG_EPOCH_SIZE];
    append(f->log, LOG_INFO, "x");
    json_decref(pending(f->log, epoch));
    acknowledge(f->log, epoch, json_pack("[i, i, s, n, I]", -1, 0, "1", (json_int_t)INT64_MAX));
    assert_int_equal(pending_count(f->log), 1);
    append(f->log, LOG_INFO, "y");
    assert_int_equal(pending_count(f->log), 2);
}

static void batches_have_limits(void **state)
{
    struct fixture *f = *state;
    char epoch[EVENTLOG_EPOCH_SIZE];
    json_t *events;
    struct err err;
    for (int i = 0; i < 10; i++)
        append(f->log, LOG_INFO, "0123456789");
    assert_int_equal(eventlog_pending(f->log, 3, 1 << 20, epoch, &events, &err), 0);
    assert_int_equal(json_array_size(events), 3);
    json_decref(events);
    assert_int_equal(eventlog_pending(f->log, 100, 1, epoch, &events, &err), 0);
    assert_int_equal(json_array_size(events), 1); /* one at least, or nothing would ever move */
    json_decref(events);
}

static void two_processes_share_one_numbering(void **state)
{
    struct fixture *f = *state;
    struct eventlog *other = open_log(f, BOOT_A, 0);
    append(f->log, LOG_INFO, "one");
    append(other, LOG_INFO, "two");
    append(f->log, LOG_INFO, "three");
    append(other, LOG_INFO, "four");
    json_t *events = pending(f->log, NULL);
    assert_int_equal(json_array_size(events), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(seq_at(events, i), i + 1);
    json_decref(events);
    assert_int_equal(pending_count(other), 4);
    eventlog_close(other);
}

static void text_from_anywhere_becomes_clean_json(void **state)
{
    struct fixture *f = *state;
    char long_text[10000];
    memset(long_text, 'a', sizeof long_text);
    memcpy(long_text + 4095, "\xc3\xa9", 2); /* a character across the limit */
    long_text[sizeof long_text - 1] = '\0';
    append(f->log, LOG_INFO, "bell\a and \x1b[31mred\nnext");
    append(f->log, LOG_INFO, "broken \xff\xfe utf-8");
    append(f->log, LOG_INFO, long_text);
    json_t *events = pending(f->log, NULL);
    assert_string_equal(message_at(events, 0), "bell  and  [31mred\nnext");
    assert_string_equal(message_at(events, 1), "broken ?? utf-8");
    assert_int_equal(strlen(message_at(events, 2)), 4095);
    json_decref(events);
}

static void metadata_that_is_too_large_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct err err;
    json_t *metadata = json_object();
    for (int i = 0; i < 2000; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "a key of some length %d", i);
        assert_int_equal(json_object_set_new(metadata, key, json_integer(i)), 0);
    }
    assert_int_equal(eventlog_append(f->log, LOG_INFO, "log", "large", metadata, &err), 0);
    json_t *events = pending(f->log, NULL);
    assert_true(json_is_true(json_object_get(json_object_get(json_array_get(events, 0), "metadata"), "truncated")));
    json_decref(events);
}

/* --- what may have happened to the files --- */

/* Cuts the log at every byte: what was whole stays, nothing else appears, and appending goes on. */
static void a_log_cut_anywhere_keeps_its_whole_records(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    char *whole = NULL;
    size_t len;
    size_t ends[4] = {0};
    struct err err;
    struct stat st;
    for (size_t i = 0; i < 3; i++) {
        append(f->log, LOG_INFO, "some event");
        last_segment(f, path);
        assert_int_equal(stat(path, &st), 0);
        ends[i] = (size_t)st.st_size;
    }
    assert_int_equal(file_read(path, 1 << 20, &whole, &len, &err), 0);
    for (size_t cut = SEGMENT_HEADER_SIZE; cut <= len; cut++) {
        int fd = open(path, O_WRONLY | O_TRUNC); /* the same file, as after a crash */
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, whole, cut, &err), 0);
        assert_int_equal(close(fd), 0);
        eventlog_close(f->log);
        f->log = open_log(f, BOOT_A, 0);
        size_t kept = (cut >= ends[0]) + (size_t)(cut >= ends[1]) + (size_t)(cut >= ends[2]);
        assert_int_equal(pending_count(f->log), kept);
        append(f->log, LOG_INFO, "after");
        json_t *events = pending(f->log, NULL);
        assert_int_equal(json_array_size(events), kept + 1);
        assert_int_equal(seq_at(events, kept), kept + 1);
        json_decref(events);
    }
    free(whole);
}

static void a_header_cut_anywhere_starts_a_new_epoch(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    append(f->log, LOG_INFO, "lost");
    last_segment(f, path);
    for (off_t cut = SEGMENT_HEADER_SIZE - 1; cut >= 0; cut -= 7) {
        assert_int_equal(truncate(path, cut), 0);
        reopen(f, BOOT_A);
        append(f->log, LOG_INFO, "after");
        json_t *events = pending(f->log, NULL);
        assert_int_equal(json_array_size(events), 1);
        assert_string_equal(message_at(events, 0), "after");
        json_decref(events);
        last_segment(f, path);
    }
}

static void a_flipped_bit_starts_a_new_epoch_and_keeps_what_came_before(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    char before[EVENTLOG_EPOCH_SIZE];
    char after[EVENTLOG_EPOCH_SIZE];
    struct stat st;
    append(f->log, LOG_INFO, "one");
    last_segment(f, path);
    assert_int_equal(stat(path, &st), 0);
    append(f->log, LOG_INFO, "two");
    json_decref(pending(f->log, before));
    int fd = open(path, O_RDWR);
    char byte;
    assert_int_equal(pread(fd, &byte, 1, st.st_size + 30), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size + 30), 1);
    assert_int_equal(close(fd), 0);
    reopen(f, BOOT_A);
    append(f->log, LOG_INFO, "three");
    json_t *events = pending(f->log, after);
    assert_string_equal(after, before);
    assert_int_equal(json_array_size(events), 1);
    assert_string_equal(message_at(events, 0), "one");
    acknowledge(f->log, after, json_pack("[i]", 1));
    json_decref(events);
    events = pending(f->log, after);
    assert_string_not_equal(after, before);
    assert_string_equal(message_at(events, 0), "three");
    assert_int_equal(seq_at(events, 0), 1);
    json_decref(events);
}

static void every_boot_starts_an_epoch_and_the_old_one_is_sent_first(void **state)
{
    struct fixture *f = *state;
    char first[EVENTLOG_EPOCH_SIZE];
    char second[EVENTLOG_EPOCH_SIZE];
    append(f->log, LOG_INFO, "before the power cut");
    reopen(f, BOOT_B);
    append(f->log, LOG_INFO, "after it");
    json_t *events = pending(f->log, first);
    assert_int_equal(json_array_size(events), 1);
    assert_string_equal(message_at(events, 0), "before the power cut");
    json_decref(events);
    acknowledge(f->log, first, json_pack("[i]", 1));
    events = pending(f->log, second);
    assert_string_equal(message_at(events, 0), "after it");
    assert_string_not_equal(first, second);
    json_decref(events);
    acknowledge(f->log, second, json_pack("[i]", 1));
    assert_int_equal(pending_count(f->log), 0);
}

static void a_spent_epoch_is_not_sent_again_when_the_next_is_acknowledged(void **state)
{
    struct fixture *f = *state;
    char first[EVENTLOG_EPOCH_SIZE];
    char second[EVENTLOG_EPOCH_SIZE];
    append(f->log, LOG_INFO, "one");
    json_decref(pending(f->log, first));
    acknowledge(f->log, first, json_pack("[i]", 1));
    reopen(f, BOOT_B);
    append(f->log, LOG_INFO, "two");
    json_decref(pending(f->log, second));
    assert_string_not_equal(first, second);
    acknowledge(f->log, second, json_pack("[i]", 1));
    reopen(f, BOOT_B);
    assert_int_equal(pending_count(f->log), 0);
}

/* Replaces the directory's files by copies, as a restore from a backup does. */
static void copy_back(const struct fixture *f, const char *name, const char *data, size_t len)
{
    struct err err;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", f->dir.path, name);
    assert_int_equal(file_write(path, data, len, 0600, &err), 0);
}

static void a_log_put_back_from_a_copy_starts_a_new_epoch(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    char *copy = NULL;
    size_t len;
    struct err err;
    char before[EVENTLOG_EPOCH_SIZE];
    char after[EVENTLOG_EPOCH_SIZE];
    append(f->log, LOG_INFO, "one");
    last_segment(f, path);
    assert_int_equal(file_read(path, 1 << 20, &copy, &len, &err), 0);
    append(f->log, LOG_INFO, "two");
    json_decref(pending(f->log, before));
    acknowledge(f->log, before, json_pack("[i, i]", 1, 2));
    copy_back(f, strrchr(path, '/') + 1, copy, len);
    free(copy);
    reopen(f, BOOT_A);
    append(f->log, LOG_INFO, "not a duplicate of two");
    json_t *events = pending(f->log, after);
    assert_int_equal(json_array_size(events), 1);
    assert_string_not_equal(before, after);
    assert_string_equal(message_at(events, 0), "not a duplicate of two");
    json_decref(events);
}

static void a_log_rolled_back_under_a_running_agent_starts_a_new_epoch(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    struct stat st;
    char before[EVENTLOG_EPOCH_SIZE];
    char after[EVENTLOG_EPOCH_SIZE];
    append(f->log, LOG_INFO, "one");
    last_segment(f, path);
    assert_int_equal(stat(path, &st), 0);
    append(f->log, LOG_INFO, "two");
    json_decref(pending(f->log, before));
    assert_int_equal(truncate(path, st.st_size), 0);
    append(f->log, LOG_INFO, "three");
    acknowledge(f->log, before, json_pack("[i]", 1));
    json_t *events = pending(f->log, after);
    assert_string_not_equal(before, after);
    assert_string_equal(message_at(events, 0), "three");
    json_decref(events);
}

static void a_wiped_log_starts_a_new_epoch(void **state)
{
    struct fixture *f = *state;
    char before[EVENTLOG_EPOCH_SIZE];
    char after[EVENTLOG_EPOCH_SIZE];
    append(f->log, LOG_INFO, "one");
    json_decref(pending(f->log, before));
    tempdir_remove(&f->dir);
    assert_int_equal(mkdir(f->dir.path, 0700), 0);
    append(f->log, LOG_INFO, "two");
    json_t *events = pending(f->log, after);
    assert_string_not_equal(before, after);
    assert_int_equal(seq_at(events, 0), 1);
    json_decref(events);
}

static void without_its_acknowledgements_the_log_sends_again(void **state)
{
    struct fixture *f = *state;
    char epoch[EVENTLOG_EPOCH_SIZE];
    append(f->log, LOG_INFO, "one");
    json_decref(pending(f->log, epoch));
    acknowledge(f->log, epoch, json_pack("[i]", 1));
    copy_back(f, "acked", "{\"epoch\":", 9);
    reopen(f, BOOT_A);
    assert_int_equal(pending_count(f->log), 1);
}

/* --- a process that dies --- */

static void what_append_has_returned_survives_kill_9(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err;
        struct eventlog *log = NULL;
        struct eventlog_options options = {.dir = f->dir.path, .clock = &f->clock.clock, .boot_id = BOOT_A};
        if (eventlog_open(&options, &log, &err) != 0)
            _exit(1);
        for (;;)
            if (eventlog_append(log, LOG_INFO, "log", "x", NULL, &err) != 0 || write(ends[1], "x", 1) != 1)
                _exit(1);
    }
    assert_int_equal(close(ends[1]), 0);
    char byte;
    size_t told = 0;
    for (; told < 50; told++)
        assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    while (read(ends[0], &byte, 1) == 1)
        told++;
    assert_int_equal(close(ends[0]), 0);
    append(f->log, LOG_INFO, "last");
    json_t *events = pending(f->log, NULL);
    size_t count = json_array_size(events);
    assert_true(count == told + 1 || count == told + 2); /* one may have been written and not told */
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seq_at(events, i), i + 1);
    json_decref(events);
}

/* --- the cap --- */

static void a_full_log_drops_debug_first_and_says_so(void **state)
{
    struct fixture *f = *state;
    eventlog_close(f->log);
    f->log = open_log(f, BOOT_A, 64 * 1024);
    char text[400];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 60; i++)
        append(f->log, LOG_ERROR, "must stay");
    for (int i = 0; i < 300; i++) {
        append(f->log, LOG_DEBUG, text);
        assert_true(size_on_disk(f) <= 64 * 1024);
    }
    json_t *events = pending(f->log, NULL);
    size_t errors = 0;
    size_t debugs = 0;
    json_int_t dropped = 0;
    json_int_t previous = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *level = json_string_value(json_object_get(event, "level"));
        errors += strcmp(level, "error") == 0;
        debugs += strcmp(level, "debug") == 0;
        if (strcmp(level, "warning") == 0)
            dropped += json_integer_value(json_object_get(json_object_get(event, "metadata"), "dropped"));
        assert_true(seq_at(events, i) > previous);
        previous = seq_at(events, i);
    }
    assert_int_equal(errors, 60);
    assert_true(debugs > 0);
    assert_int_equal(debugs + (size_t)dropped, 300);
    json_decref(events);
}

static void a_log_full_of_errors_drops_the_oldest(void **state)
{
    struct fixture *f = *state;
    eventlog_close(f->log);
    f->log = open_log(f, BOOT_A, 64 * 1024);
    char text[500];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 500; i++) {
        append(f->log, LOG_ERROR, text);
        assert_true(size_on_disk(f) <= 64 * 1024);
    }
    append(f->log, LOG_ERROR, "the newest");
    json_t *events = pending(f->log, NULL);
    size_t count = json_array_size(events);
    size_t reports = 0;
    json_int_t dropped = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *metadata = json_object_get(json_array_get(events, i), "metadata");
        json_int_t n = json_integer_value(json_object_get(metadata, "dropped"));
        reports += n > 0;
        dropped += n;
    }
    assert_true(seq_at(events, 0) > 1);
    assert_string_equal(message_at(events, count - 1), "the newest");
    assert_true(reports > 0 && dropped > 0);
    assert_int_equal(dropped + (json_int_t)(count - reports), 501);
    json_decref(events);
}

static void acknowledged_segments_leave_the_disk(void **state)
{
    struct fixture *f = *state;
    char epoch[EVENTLOG_EPOCH_SIZE];
    eventlog_close(f->log);
    f->log = open_log(f, BOOT_A, 256 * 1024);
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 100; i++)
        append(f->log, LOG_INFO, text);
    json_t *events = pending(f->log, epoch);
    json_t *seqs = json_array();
    for (size_t i = 0; i < json_array_size(events); i++)
        assert_int_equal(json_array_append(seqs, json_object_get(json_array_get(events, i), "seq")), 0);
    json_decref(events);
    acknowledge(f->log, epoch, seqs);
    assert_true(size_on_disk(f) < 10 * 1024);
    append(f->log, LOG_INFO, "goes on");
    events = pending(f->log, NULL);
    assert_int_equal(seq_at(events, 0), 101);
    json_decref(events);
}

static int count_visit(void *ctx, const char *epoch, bool acknowledged, const char *json, size_t len)
{
    size_t *counts = ctx;
    assert_int_equal(strlen(epoch), 16);
    assert_true(len > 0 && json[0] == '{');
    counts[acknowledged]++;
    return 0;
}

static void looking_shows_what_is_acknowledged_and_what_is_not(void **state)
{
    struct fixture *f = *state;
    char epoch[EVENTLOG_EPOCH_SIZE];
    size_t counts[2] = {0};
    struct err err;
    for (int i = 0; i < 3; i++)
        append(f->log, LOG_INFO, "x");
    json_decref(pending(f->log, epoch));
    acknowledge(f->log, epoch, json_pack("[i]", 2));
    assert_int_equal(eventlog_each(f->log, count_visit, counts, &err), 0);
    assert_int_equal(counts[true], 1);
    assert_int_equal(counts[false], 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* --- how far it has come --- */

static struct eventlog_position position(struct fixture *f)
{
    struct eventlog_position p;
    struct err err = {0};
    if (eventlog_position(f->log, &p, &err) != 0)
        fail_msg("%s", err.msg);
    return p;
}

static void the_position_tells_what_was_written_and_what_the_server_has(void **state)
{
    struct fixture *f = *state;
    char epoch[EVENTLOG_EPOCH_SIZE];
    struct eventlog_replayed told;
    struct err err = {0};
    append(f->log, LOG_INFO, "one");
    append(f->log, LOG_INFO, "two");
    assert_int_equal(eventlog_replayed(f->log, &told, &err), 0);
    assert_string_equal(told.epoch, "");
    assert_int_equal(position(f).replayed, 0);
    json_decref(pending(f->log, epoch));
    acknowledge(f->log, epoch, json_pack("[i]", 1));
    assert_int_equal(position(f).seq, 2);
    assert_int_equal(position(f).replayed, 1);
    assert_string_equal(position(f).epoch, epoch);
    assert_string_equal(position(f).boot_id, BOOT_A);
    assert_int_equal(eventlog_replayed(f->log, &told, &err), 0);
    assert_string_equal(told.epoch, epoch);
    assert_string_equal(told.current, epoch);
    assert_int_equal(told.seq, 1);
}

static void what_is_acknowledged_beyond_a_gap_is_not_replayed_yet(void **state)
{
    struct fixture *f = *state;
    char epoch[EVENTLOG_EPOCH_SIZE];
    for (int i = 0; i < 3; i++)
        append(f->log, LOG_INFO, "event");
    json_decref(pending(f->log, epoch));
    acknowledge(f->log, epoch, json_pack("[i, i]", 1, 3));
    assert_int_equal(position(f).replayed, 1);
    acknowledge(f->log, epoch, json_pack("[i]", 2));
    assert_int_equal(position(f).replayed, 3);
}

static void there_is_no_position_before_the_epoch_has_begun(void **state)
{
    struct fixture *f = *state;
    struct eventlog_position p;
    struct err err = {0};
    assert_int_equal(eventlog_position(f->log, &p, &err), ERR_NOT_FOUND);
    append(f->log, LOG_INFO, "one");
    char before[EVENTLOG_EPOCH_SIZE];
    memcpy(before, position(f).epoch, sizeof before);
    reopen(f, BOOT_B);
    assert_int_equal(eventlog_position(f->log, &p, &err), ERR_NOT_FOUND);
    append(f->log, LOG_INFO, "after the boot");
    assert_string_not_equal(position(f).epoch, before);
    assert_int_equal(position(f).replayed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_comes_back_as_the_wire_wants_it),
        TEST(events_survive_reopening_in_order),
        TEST(only_what_is_acknowledged_is_forgotten),
        TEST(an_answer_for_another_epoch_acknowledges_nothing),
        TEST(nonsense_in_an_answer_does_no_harm),
        TEST(batches_have_limits),
        TEST(two_processes_share_one_numbering),
        TEST(text_from_anywhere_becomes_clean_json),
        TEST(metadata_that_is_too_large_is_left_out),
        TEST(a_log_cut_anywhere_keeps_its_whole_records),
        TEST(a_header_cut_anywhere_starts_a_new_epoch),
        TEST(a_flipped_bit_starts_a_new_epoch_and_keeps_what_came_before),
        TEST(every_boot_starts_an_epoch_and_the_old_one_is_sent_first),
        TEST(a_spent_epoch_is_not_sent_again_when_the_next_is_acknowledged),
        TEST(a_log_put_back_from_a_copy_starts_a_new_epoch),
        TEST(a_log_rolled_back_under_a_running_agent_starts_a_new_epoch),
        TEST(a_wiped_log_starts_a_new_epoch),
        TEST(without_its_acknowledgements_the_log_sends_again),
        TEST(what_append_has_returned_survives_kill_9),
        TEST(a_full_log_drops_debug_first_and_says_so),
        TEST(a_log_full_of_errors_drops_the_oldest),
        TEST(acknowledged_segments_leave_the_disk),
        TEST(looking_shows_what_is_acknowledged_and_what_is_not),
        TEST(the_position_tells_what_was_written_and_what_the_server_has),
        TEST(what_is_acknowledged_beyond_a_gap_is_not_replayed_yet),
        TEST(there_is_no_position_before_the_epoch_has_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
