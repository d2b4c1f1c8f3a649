/* From one root to the next: nobody who trusts the bundle of the step before is left behind. */
#include "fixture_ca.h"

static const char *const hosts[] = {"localhost", "::1", NULL};

static void start(const struct fixture *f)
{
    init_at(f, hosts, NOW);
}

static void step(const struct fixture *f, enum ca_step which)
{
    struct err err = {0};
    expect_ok(ca_roll(f->dir, which, NOW, &err), &err);
}

/* Whether the first certificate of leaf_pem chains to one of the bundle's, for servers. */
static bool trusted(const char *leaf_pem, const char *bundle_pem)
{
    BIO *bundle_bio = BIO_new_mem_buf(bundle_pem, -1);
    X509 *leaf = certificate_of(leaf_pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509 *root = NULL;
    while ((root = PEM_read_bio_X509(bundle_bio, NULL, NULL, NULL)) != NULL) {
        assert_int_equal(X509_STORE_add_cert(store, root), 1);
        X509_free(root);
    }
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)(NOW / 1000));
    assert_int_equal(X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER), 1);
    bool ok = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(leaf);
    BIO_free(bundle_bio);
    return ok;
}

static void the_revision_rises_with_every_step(void **state)
{
    struct fixture *f = *state;
    start(f);
    static const enum ca_step steps[] = {CA_PREPARE, CA_SWITCH, CA_RETIRE};
    for (int i = 0; i < 3; i++) {
        struct ca *ca = load(f);
        assert_int_equal(ca_bundle_rev(ca), i + 1);
        ca_free(ca);
        step(f, steps[i]);
    }
}

static void who_has_the_bundle_of_the_step_before_trusts_the_server(void **state)
{
    struct fixture *f = *state;
    static const enum ca_step steps[] = {CA_PREPARE, CA_SWITCH, CA_RETIRE};
    start(f);
    char *first = text_of(f, "ca-bundle.pem");
    for (int i = 0; i < 3; i++) {
        char *before = text_of(f, "ca-bundle.pem");
        step(f, steps[i]);
        char *server = text_of(f, "server.pem");
        char *after = text_of(f, "ca-bundle.pem");
        assert_true(trusted(server, before));
        assert_true(trusted(server, after));
        if (steps[i] == CA_RETIRE)
            assert_false(trusted(server, first));
        free(before);
        free(server);
        free(after);
    }
    free(first);
}

static void the_switch_changes_the_root_and_keeps_the_servers_names(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct ca *before = load(f);
    step(f, CA_PREPARE);
    struct ca *prepared = load(f);
    step(f, CA_SWITCH);
    struct ca *after = load(f);
    assert_string_equal(ca_fingerprint(before), ca_fingerprint(prepared));
    assert_string_not_equal(ca_fingerprint(before), ca_fingerprint(after));
    char *server = text_of(f, "server.pem");
    X509 *certificate = certificate_of(server);
    assert_int_equal(X509_check_host(certificate, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(certificate, "::1", 0), 1);
    X509_free(certificate);
    free(server);
    ca_free(before);
    ca_free(prepared);
    ca_free(after);
}

static void a_step_out_of_turn_is_refused_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    start(f);
    assert_int_equal(ca_roll(f->dir, CA_SWITCH, NOW, &err), ERR_CONFLICT);
    assert_int_equal(ca_roll(f->dir, CA_RETIRE, NOW, &err), ERR_CONFLICT);
    step(f, CA_PREPARE);
    assert_int_equal(ca_roll(f->dir, CA_PREPARE, NOW, &err), ERR_CONFLICT);
    assert_int_equal(ca_roll(f->dir, CA_RETIRE, NOW, &err), ERR_CONFLICT);
    struct ca *ca = load(f);
    assert_int_equal(ca_bundle_rev(ca), 2);
    ca_free(ca);
}

/* The key has moved, the power went, the certificate has not. */
static void a_switch_that_was_cut_short_still_serves_and_is_finished_by_repeating_it(void **state)
{
    struct fixture *f = *state;
    char from[200], to[200];
    struct err err = {0};
    start(f);
    step(f, CA_PREPARE);
    char *old_root = text_of(f, "ca.pem");
    (void)snprintf(from, sizeof from, "%s/ca-previous.pem", f->dir);
    expect_ok(file_write(from, old_root, strlen(old_root), 0644, &err), &err);
    (void)snprintf(from, sizeof from, "%s/ca-next.key", f->dir);
    (void)snprintf(to, sizeof to, "%s/ca.key", f->dir);
    expect_ok(file_rename(from, to, &err), &err);
    struct ca *between = load(f);
    step(f, CA_SWITCH);
    struct ca *after = load(f);
    assert_string_equal(ca_fingerprint(between), ca_fingerprint(after));
    char *previous = text_of(f, "ca-previous.pem");
    assert_string_equal(previous, old_root);
    free(previous);
    free(old_root);
    ca_free(between);
    ca_free(after);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, fixture_setup_empty, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(the_revision_rises_with_every_step),
        WITH_DIR(who_has_the_bundle_of_the_step_before_trusts_the_server),
        WITH_DIR(the_switch_changes_the_root_and_keeps_the_servers_names),
        WITH_DIR(a_step_out_of_turn_is_refused_and_changes_nothing),
        WITH_DIR(a_switch_that_was_cut_short_still_serves_and_is_finished_by_repeating_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
