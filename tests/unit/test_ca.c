/* The certificate authority: what it makes, and which requests it takes. */
#include "fixture_ca.h"

#define DAY_MS   (INT64_C(24) * 3600 * 1000)
#define AGENT_ID "01890000-0000-7000-8000-000000000001"

static const char *const hosts[] = {"localhost", "127.0.0.1", "::1", "muster.example.org", NULL};

static struct ca *make(const struct fixture *f)
{
    init_at(f, hosts, NOW);
    return load(f);
}

static void remove_file(const struct fixture *f, const char *name)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
    assert_int_equal(unlink(path), 0);
}

/* A request for a key; signed by signer, which is the key itself in an honest one. */
static char *request(EVP_PKEY *key, EVP_PKEY *signer)
{
    X509_REQ *req = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    assert_non_null(req);
    assert_non_null(bio);
    X509_NAME *name = X509_REQ_get_subject_name(req);
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"somebody else", -1, -1, 0), 1);
    assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
    assert_true(X509_REQ_sign(req, signer, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509_REQ(bio, req), 1);
    long len = BIO_get_mem_data(bio, &data);
    char *pem = strndup(data, (size_t)len);
    BIO_free(bio);
    X509_REQ_free(req);
    return pem;
}

static char *honest_request(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *pem = request(key, key);
    EVP_PKEY_free(key);
    return pem;
}

static void expect_refused(const char *pem)
{
    struct ca_csr *csr = NULL;
    struct err err = {0};
    assert_int_equal(ca_csr_parse(pem, &csr, &err), ERR_INVALID);
    assert_null(csr);
}

/* What a strict peer would do: a chain to the root, for this purpose, at this time. */
static bool chain_fits(X509 *leaf, X509 *root, int purpose, int64_t at_ms)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_add_cert(store, root), 1);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
    X509_STORE_CTX_set_time(ctx, X509_V_FLAG_X509_STRICT, (time_t)(at_ms / 1000));
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
    assert_int_equal(X509_STORE_CTX_set_purpose(ctx, purpose), 1);
    bool fits = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return fits;
}

struct issued {
    X509 *leaf, *root;
    int64_t not_after_ms;
    char spki[DIGEST_HEX_SIZE], csr_spki[DIGEST_HEX_SIZE];
};

static struct issued issue(const struct ca *ca, int64_t now_ms, int days)
{
    struct issued ret = {0};
    struct arena *arena = arena_new(65536);
    struct ca_csr *csr = NULL;
    struct err err = {0};
    const char *pem = NULL;
    char *asked = honest_request();
    expect_ok(ca_csr_parse(asked, &csr, &err), &err);
    expect_ok(
        ca_issue(ca, csr, &(struct ca_issue_options){AGENT_ID, now_ms, days}, arena, &pem, &ret.not_after_ms, &err),
        &err);
    expect_ok(ca_certificate_spki(pem, ret.spki, &err), &err);
    (void)snprintf(ret.csr_spki, sizeof ret.csr_spki, "%s", ca_csr_spki(csr));
    ret.leaf = certificate_of(pem);
    ret.root = certificate_of(ca_bundle(ca));
    ca_csr_free(csr);
    free(asked);
    arena_free(arena);
    return ret;
}

static void issued_done(struct issued *i)
{
    X509_free(i->leaf);
    X509_free(i->root);
}

static void an_agents_certificate_is_for_clients_and_carries_the_agents_id(void **state)
{
    struct ca *ca = make(*state);
    struct issued i = issue(ca, NOW, 30);
    char name[80];
    assert_true(chain_fits(i.leaf, i.root, X509_PURPOSE_SSL_CLIENT, NOW));
    assert_false(chain_fits(i.leaf, i.root, X509_PURPOSE_SSL_SERVER, NOW));
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(i.leaf), NID_commonName, name, sizeof name) > 0);
    assert_string_equal(name, AGENT_ID);
    assert_string_equal(i.spki, i.csr_spki);
    assert_int_equal(X509_check_ca(i.leaf), 0);
    issued_done(&i);
    ca_free(ca);
}

static void it_is_valid_from_a_little_before_until_the_last_day(void **state)
{
    struct ca *ca = make(*state);
    struct issued i = issue(ca, NOW, 30);
    assert_int_equal(i.not_after_ms, NOW + 30 * DAY_MS);
    assert_false(chain_fits(i.leaf, i.root, X509_PURPOSE_SSL_CLIENT, NOW - INT64_C(6) * 60 * 1000));
    assert_true(chain_fits(i.leaf, i.root, X509_PURPOSE_SSL_CLIENT, NOW - INT64_C(4) * 60 * 1000));
    assert_true(chain_fits(i.leaf, i.root, X509_PURPOSE_SSL_CLIENT, i.not_after_ms - 1000));
    assert_false(chain_fits(i.leaf, i.root, X509_PURPOSE_SSL_CLIENT, i.not_after_ms + 1000));
    issued_done(&i);
    ca_free(ca);
}

static void it_never_outlives_the_root(void **state)
{
    struct ca *ca = make(*state);
    struct issued i = issue(ca, NOW + 3640 * DAY_MS, 365);
    assert_true(i.not_after_ms <= NOW + 3653 * DAY_MS);
    issued_done(&i);
    ca_free(ca);
}

static void the_servers_certificate_names_every_host_and_is_for_servers(void **state)
{
    struct fixture *f = *state;
    struct ca *ca = make(f);
    char *chain = text_of(f, "server.pem");
    X509 *server = certificate_of(chain);
    X509 *root = certificate_of(ca_bundle(ca));
    assert_true(chain_fits(server, root, X509_PURPOSE_SSL_SERVER, NOW));
    assert_false(chain_fits(server, root, X509_PURPOSE_SSL_CLIENT, NOW));
    assert_int_equal(X509_check_host(server, "muster.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(server, "::1", 0), 1);
    assert_int_equal(X509_check_host(server, "other.example.org", 0, 0, NULL), 0);
    assert_non_null(strstr(chain, ca_bundle(ca))); /* the root is in the chain, for pinning */
    X509_free(server);
    X509_free(root);
    free(chain);
    ca_free(ca);
}

static void a_second_init_changes_nothing(void **state)
{
    struct fixture *f = *state;
    ca_free(make(f));
    char *root = text_of(f, "ca.pem");
    char *server = text_of(f, "server.pem");
    init_at(f, hosts, NOW + DAY_MS);
    char *root_again = text_of(f, "ca.pem");
    char *server_again = text_of(f, "server.pem");
    assert_string_equal(root, root_again);
    assert_string_equal(server, server_again);
    free(root);
    free(server);
    free(root_again);
    free(server_again);
}

static void a_new_host_or_old_age_renews_the_servers_certificate_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const more[] = {"localhost", "new.example.org", NULL};
    ca_free(make(f));
    char *root = text_of(f, "ca.pem");
    char *first = text_of(f, "server.pem");
    init_at(f, more, NOW);
    char *second = text_of(f, "server.pem");
    init_at(f, more, NOW + 300 * DAY_MS);
    char *third = text_of(f, "server.pem");
    char *root_again = text_of(f, "ca.pem");
    assert_string_not_equal(first, second);
    assert_string_not_equal(second, third);
    assert_string_equal(root, root_again);
    free(root);
    free(first);
    free(second);
    free(third);
    free(root_again);
}

static void a_lost_key_is_told_and_not_replaced(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct ca *ca = NULL;
    ca_free(make(f));
    char *root = text_of(f, "ca.pem");
    remove_file(f, "ca.key");
    assert_int_equal(ca_init(&(struct ca_init_options){f->dir, hosts, NOW}, &err), ERR_CONFLICT);
    assert_int_equal(ca_load(f->dir, &ca, &err), ERR_NOT_FOUND);
    char *root_again = text_of(f, "ca.pem");
    assert_string_equal(root, root_again);
    free(root);
    free(root_again);
}

/* A crash between the key and the certificate that speaks of it. */
static void an_init_that_was_cut_short_is_finished_by_the_next(void **state)
{
    struct fixture *f = *state;
    ca_free(make(f));
    char *key = text_of(f, "ca.key");
    remove_file(f, "ca.pem");
    remove_file(f, "server.pem");
    ca_free(make(f));
    char *key_again = text_of(f, "ca.key");
    assert_string_equal(key, key_again);
    free(key);
    free(key_again);
}

static void a_host_that_is_none_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    static const char *const bad[] = {"", "a,DNS:evil.example.org", "a b", "*.example.org"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const names[] = {bad[i], NULL};
        assert_int_equal(ca_init(&(struct ca_init_options){f->dir, names, NOW}, &err), ERR_INVALID);
    }
}

static void a_request_signed_by_another_key_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *mine = EVP_EC_gen("P-256");
    EVP_PKEY *theirs = EVP_EC_gen("P-256");
    char *pem = request(theirs, mine);
    expect_refused(pem);
    free(pem);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(theirs);
}

static void keys_of_other_kinds_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-384"), EVP_EC_gen("secp256k1")};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char *pem = request(keys[i], keys[i]);
        expect_refused(pem);
        free(pem);
        EVP_PKEY_free(keys[i]);
    }
}

/* The same point in its short spelling would be a second hash for one key. */
static void a_compressed_point_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed"), 1);
    char *pem = request(key, key);
    expect_refused(pem);
    free(pem);
    EVP_PKEY_free(key);
}

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    static char long_one[CA_CSR_MAX + 2];
    memset(long_one, 'A', sizeof long_one - 1);
    expect_refused("");
    expect_refused("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
    expect_refused(long_one);
    char *honest = honest_request();
    char *cut = strdup(honest);
    cut[strlen(cut) / 2] = '\0';
    expect_refused(cut);
    free(cut);
    free(honest);
}

static void two_requests_of_one_key_have_one_hash(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *pems[] = {request(key, key), request(key, key)};
    struct ca_csr *csrs[2] = {0};
    struct err err = {0};
    assert_string_not_equal(pems[0], pems[1]);
    for (int i = 0; i < 2; i++)
        expect_ok(ca_csr_parse(pems[i], &csrs[i], &err), &err);
    assert_string_equal(ca_csr_spki(csrs[0]), ca_csr_spki(csrs[1]));
    for (int i = 0; i < 2; i++) {
        ca_csr_free(csrs[i]);
        free(pems[i]);
    }
    EVP_PKEY_free(key);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, fixture_setup_empty, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(an_agents_certificate_is_for_clients_and_carries_the_agents_id),
        WITH_DIR(it_is_valid_from_a_little_before_until_the_last_day),
        WITH_DIR(it_never_outlives_the_root),
        WITH_DIR(the_servers_certificate_names_every_host_and_is_for_servers),
        WITH_DIR(a_second_init_changes_nothing),
        WITH_DIR(a_new_host_or_old_age_renews_the_servers_certificate_alone),
        WITH_DIR(a_lost_key_is_told_and_not_replaced),
        WITH_DIR(an_init_that_was_cut_short_is_finished_by_the_next),
        WITH_DIR(a_host_that_is_none_is_refused),
        cmocka_unit_test(a_request_signed_by_another_key_is_refused),
        cmocka_unit_test(keys_of_other_kinds_are_refused),
        cmocka_unit_test(a_compressed_point_is_refused),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(two_requests_of_one_key_have_one_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
