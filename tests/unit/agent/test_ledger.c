#include "../unit.h"

#include "common/file.h"
#include "poll/ledger.h"
#include "tempdir.h"

struct fixture {
    struct tempdir dir;
    struct ledger *ledger;
    bool damaged;
};

static void open_ledger(struct fixture *f)
{
    struct err err = {0};
    ledger_close(f->ledger);
    f->ledger = NULL;
    if (ledger_open(tempdir_path(&f->dir, "commands.json"), &f->ledger, &f->damaged, &err) != 0)
        fail_msg("%s", err.msg);
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.ledger = NULL};
    tempdir_make(&f.dir);
    open_ledger(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ledger_close(f->ledger);
    tempdir_remove(&f->dir);
    return 0;
}

static int put(struct fixture *f, const char *id, const char *config_id, enum ledger_status status, bool reported)
{
    struct err err = {0};
    struct ledger_entry entry = {.status = status, .reported = reported};
    (void)snprintf(entry.id, sizeof entry.id, "%s", id);
    (void)snprintf(entry.config_id, sizeof entry.config_id, "%s", config_id);
    return ledger_put(f->ledger, &entry, &err);
}

static void a_command_is_remembered_over_a_restart(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, "c1", "cfg", LEDGER_DONE, true), 0);
    open_ledger(f);
    const struct ledger_entry *e = ledger_find(f->ledger, "c1");
    assert_non_null(e);
    assert_int_equal(e->status, LEDGER_DONE);
    assert_true(e->reported);
    assert_string_equal(e->config_id, "cfg");
    assert_null(ledger_find(f->ledger, "c2"));
}

static void a_command_that_was_cut_off_has_failed_and_is_to_be_reported(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, "c1", "cfg", LEDGER_STARTED, false), 0);
    assert_int_equal(ledger_find(f->ledger, "c1")->status, LEDGER_STARTED);
    open_ledger(f);
    assert_int_equal(ledger_find(f->ledger, "c1")->status, LEDGER_FAILED);
    assert_false(ledger_find(f->ledger, "c1")->reported);
}

static void the_last_backup_decides_about_the_error_state(void **state)
{
    struct fixture *f = *state;
    assert_false(ledger_last_failed(f->ledger));
    assert_int_equal(put(f, "c1", "cfg", LEDGER_FAILED, true), 0);
    assert_true(ledger_last_failed(f->ledger));
    assert_int_equal(put(f, "c2", "", LEDGER_UNSUPPORTED, true), 0);
    assert_true(ledger_last_failed(f->ledger));
    assert_int_equal(put(f, "c3", "cfg", LEDGER_STARTED, false), 0);
    assert_true(ledger_last_failed(f->ledger));
    assert_int_equal(put(f, "c3", "cfg", LEDGER_DONE, true), 0);
    assert_false(ledger_last_failed(f->ledger));
}

static void old_commands_make_room_for_new_ones(void **state)
{
    struct fixture *f = *state;
    char id[32];
    assert_int_equal(put(f, "runs", "cfg", LEDGER_STARTED, false), 0);
    for (int i = 0; i < LEDGER_MAX + 10; i++) {
        (void)snprintf(id, sizeof id, "c%d", i);
        assert_int_equal(put(f, id, "", LEDGER_DONE, true), 0);
    }
    assert_non_null(ledger_find(f->ledger, "runs"));
    assert_null(ledger_find(f->ledger, "c0"));
    assert_non_null(ledger_find(f->ledger, id));
    open_ledger(f);
    assert_false(f->damaged);
    assert_non_null(ledger_find(f->ledger, "runs"));
}

static void what_nobody_has_heard_of_yet_is_never_forgotten(void **state)
{
    struct fixture *f = *state;
    char id[32];
    for (int i = 0; i < LEDGER_MAX; i++) {
        (void)snprintf(id, sizeof id, "c%d", i);
        assert_int_equal(put(f, id, "", LEDGER_FAILED, false), 0);
    }
    assert_int_equal(put(f, "one-more", "", LEDGER_DONE, true), ERR_TOO_BIG);
    assert_null(ledger_find(f->ledger, "one-more"));
    assert_non_null(ledger_find(f->ledger, "c0"));
    assert_int_equal(put(f, "c0", "", LEDGER_FAILED, true), 0); /* an entry that is there can always change */
    assert_int_equal(put(f, "one-more", "", LEDGER_DONE, true), 0);
}

static void a_write_that_fails_changes_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, "c1", "cfg", LEDGER_STARTED, false), 0);
    tempdir_remove(&f->dir);
    assert_int_equal(put(f, "c1", "cfg", LEDGER_DONE, true), ERR_IO);
    assert_int_equal(put(f, "c2", "cfg", LEDGER_STARTED, false), ERR_IO);
    assert_int_equal(ledger_find(f->ledger, "c1")->status, LEDGER_STARTED);
    assert_null(ledger_find(f->ledger, "c2"));
}

static void a_damaged_ledger_is_empty_and_says_so(void **state)
{
    struct fixture *f = *state;
    struct err err;
    static const char *const texts[] = {"", "[]", "{\"commands\":[{\"id\":\"c1\"}]}",
                                        "{\"commands\":[{\"id\":\"c1\",\"status\":\"strange\"}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(file_write(tempdir_path(&f->dir, "commands.json"), texts[i], strlen(texts[i]), 0600, &err), 0);
        open_ledger(f);
        assert_true(f->damaged);
        assert_null(ledger_at(f->ledger, 0));
    }
}

static void ids_are_plain_words(void **state)
{
    (void)state;
    assert_true(ledger_id_valid("01a20599-2080-7857-b337-98f766bc32c6"));
    assert_false(ledger_id_valid(""));
    assert_false(ledger_id_valid("--config=/etc/shadow"));
    assert_false(ledger_id_valid("../x"));
    assert_false(ledger_id_valid("a b"));
    char text[LEDGER_ID_SIZE + 1];
    memset(text, 'a', sizeof text);
    text[LEDGER_ID_SIZE] = '\0';
    assert_false(ledger_id_valid(text));
    text[LEDGER_ID_SIZE - 1] = '\0';
    assert_true(ledger_id_valid(text));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_is_remembered_over_a_restart),
        TEST(a_command_that_was_cut_off_has_failed_and_is_to_be_reported),
        TEST(the_last_backup_decides_about_the_error_state),
        TEST(old_commands_make_room_for_new_ones),
        TEST(what_nobody_has_heard_of_yet_is_never_forgotten),
        TEST(a_write_that_fails_changes_nothing),
        TEST(a_damaged_ledger_is_empty_and_says_so),
        TEST(ids_are_plain_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
