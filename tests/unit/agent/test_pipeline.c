/* How a pipeline ends that nobody listens to; tests/agent/test_backup_path.py has the others. */
#include "../unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <psa/crypto.h>

#include "backup/pipeline.h"
#include "common/file.h"
#include "tempdir.h"

static const char ca_pem[] = "-----BEGIN CERTIFICATE-----\n"
                             "MIIBJzCBzqADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB3Rlc3QgQ0Ew\n"
                             "IBcNMjAwMTAxMDAwMDAwWhgPMjA5OTAxMDEwMDAwMDBaMBIxEDAOBgNVBAMMB3Rl\n"
                             "c3QgQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARqzIztB1Nc8mLe4Q0xGI8d\n"
                             "XfyyuDO0tE6WgG1ygCsM1/+2q5wkCMvUDCZw4ns9+K8ctgNL0299fss+bg+XrwYB\n"
                             "oxMwETAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIGGipjD6wDwv\n"
                             "LWOxuyOyHvxoRIqiwZRcGNNU502f8b9wAiEAwKMT4xHMyzJXOto3ne/p9id06F6B\n"
                             "RuIs68hQGbGsPqQ=\n"
                             "-----END CERTIFICATE-----\n";

struct fixture {
    struct tempdir dir;
    struct agent *agent;
    struct api *api;
    struct report report;
    struct pipeline_options options;
    struct pipeline_result result;
    struct err err;
};

static int setup(void **state)
{
    static const char settings[] = "SERVER_URL=https://127.0.0.1:1\nSTATE_DIR=%s\n";
    static struct fixture f;
    char conf[256];
    f = (struct fixture){0};
    tempdir_make(&f.dir);
    report_init(&f.report);
    (void)snprintf(conf, sizeof conf, settings, f.dir.path);
    const char *path = tempdir_path(&f.dir, "agent.conf");
    assert_int_equal(file_write(tempdir_path(&f.dir, "ca.pem"), ca_pem, sizeof ca_pem - 1, 0600, &f.err), 0);
    assert_int_equal(file_write(path, conf, strlen(conf), 0600, &f.err), 0);
    assert_int_equal(agent_open(path, &f.agent, &f.err), 0);
    assert_int_equal(api_open(f.agent, &f.api, &f.err), 0);
    f.options = (struct pipeline_options){
        .agent = f.agent, .api = f.api, .log_id = "r-1", .part_size = REMOTE_PART_MIN, .report = &f.report};
    *state = &f;
    return psa_crypto_init() == PSA_SUCCESS ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    api_close(f->api);
    agent_close(f->agent);
    report_done(&f->report);
    tempdir_remove(&f->dir);
    return 0;
}

static int wait_for_the_stop(void *ctx, const struct compress_receiver *out, const atomic_bool *stop, struct err *err)
{
    const struct timespec t = {.tv_nsec = 1000000};
    (void)ctx;
    (void)out;
    while (!atomic_load(stop))
        (void)nanosleep(&t, NULL);
    return err_set(err, ERR_CONFLICT, "stopped");
}

static int find_nothing(void *ctx, const struct compress_receiver *out, const atomic_bool *stop, struct err *err)
{
    (void)ctx;
    (void)out;
    (void)stop;
    return err_set(err, ERR_NOT_FOUND, "no source could be read");
}

static int be_told_to_end(void *ctx, const struct compress_receiver *out, const atomic_bool *stop, struct err *err)
{
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    return wait_for_the_stop(ctx, out, stop, err);
}

/* More than there is room for, so that somebody has to take parts away, which nobody does. */
static int fill_all(void *ctx, const struct compress_receiver *out, const atomic_bool *stop, struct err *err)
{
    (void)ctx;
    (void)stop;
    for (;;) {
        void *room;
        size_t len;
        int rc = out->room(out->ctx, &room, &len, err);
        if (rc != 0)
            return rc;
        memset(room, 0, len);
        out->filled(out->ctx, len);
    }
}

static int run(struct fixture *f,
               int (*write)(void *, const struct compress_receiver *, const atomic_bool *, struct err *))
{
    f->options.archive.write = write;
    return pipeline_run(&f->options, &f->result, &f->err);
}

static void a_run_that_takes_too_long_is_ended(void **state)
{
    struct fixture *f = *state;
    f->options.deadline_ms = clock_monotonic_ms(f->agent->clock) + 300;
    assert_int_equal(run(f, wait_for_the_stop), ERR_TIMEOUT);
    assert_non_null(strstr(f->err.msg, "longer than the configuration allows"));
    assert_string_equal(f->result.sha256, "");
}

static void it_is_ended_as_well_while_the_server_is_asked_again_and_again(void **state)
{
    struct fixture *f = *state;
    f->options.deadline_ms = clock_monotonic_ms(f->agent->clock) + 300;
    assert_int_equal(run(f, fill_all), ERR_TIMEOUT);
    assert_non_null(strstr(f->err.msg, "longer than the configuration allows"));
}

static void what_went_wrong_with_the_source_is_what_is_told(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, find_nothing), ERR_NOT_FOUND);
    assert_string_equal(f->err.msg, "no source could be read");
}

static void a_signal_ends_it_and_is_forgotten(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, be_told_to_end), ERR_CONFLICT);
    assert_string_equal(f->err.msg, "stopped by a signal");
}

static void nobody_who_is_none_is_encrypted_to(void **state)
{
    static const char *const recipients[] = {"age1nobody"};
    struct fixture *f = *state;
    f->options.recipients = recipients;
    f->options.recipient_count = 1;
    assert_int_equal(run(f, wait_for_the_stop), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_that_takes_too_long_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_ended_as_well_while_the_server_is_asked_again_and_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_went_wrong_with_the_source_is_what_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_signal_ends_it_and_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_who_is_none_is_encrypted_to, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
