/* Challenges and the answers to them. */
#include "fixture_sql.h"
#include "soft_authenticator.h"

#include "auth/login_limits.h"
#include "auth/session.h"
#include "passkey/challenge.h"
#include "passkey/limits.h"

static const struct passkey_ask signin = {PASSKEY_SIGNIN, "", "browser"};

struct stage {
    struct fleet *f;
    struct req r;
    struct soft soft;
    char challenge[WEBAUTHN_CHALLENGE_SIZE];
};

/* The owner's passkey, as registration would store it. */
static void store(struct stage *s)
{
    struct webauthn_credential credential;
    struct buf attestation;
    struct err err = {0};
    char id[BASE64_SIZE(32)], key[BASE64_SIZE(WEBAUTHN_KEY_MAX)], sql[2048];
    buf_init(&attestation, 8192);
    soft_attestation(&s->soft, &attestation);
    expect_ok(webauthn_register((struct span){attestation.data, attestation.len},
                                &(struct webauthn_expect){.rp_id = "muster.example.org"}, &credential, &err),
              &err);
    base64url_encode(credential.id, credential.id_len, id);
    base64url_encode(credential.key.bytes, credential.key.len, key);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO passkeys (id, user_id, name, credential_id, public_key, algorithm, sign_count, "
                   "transports, created_ms) VALUES ('key', '%s', 'blue', '%s', '%s', %d, %u, 'usb nfc', 1)",
                   s->f->owner, id, key, credential.key.algorithm, credential.sign_count);
    fixture_script(s->f->base, sql);
    buf_done(&attestation);
}

static int setup(void **state)
{
    struct stage *s = calloc(1, sizeof *s);
    void *fleet = NULL;
    assert_non_null(s);
    (void)fleet_setup(&fleet);
    s->f = fleet;
    s->f->settings.public_url = "https://muster.example.org:8443";
    s->r = (struct req){.app = &s->f->app,
                        .arena = s->f->arena,
                        .db = s->f->base->db,
                        .remote_addr = "192.0.2.1",
                        .request_id = "",
                        .now_ms = FLEET_NOW};
    s->soft = soft_new(WEBAUTHN_ES256);
    store(s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct stage *s = *state;
    void *fleet = s->f;
    EVP_PKEY_free(s->soft.key);
    (void)fleet_teardown(&fleet);
    free(s);
    return 0;
}

static json_t *base64(const struct buf *b)
{
    char *text = malloc(BASE64_SIZE(b->len));
    assert_non_null(text);
    base64url_encode(b->data, b->len, text);
    json_t *json = json_string(text);
    free(text);
    return json;
}

static void ask(struct stage *s, const struct passkey_ask *what)
{
    json_t *options = NULL;
    struct err err = {0};
    expect_ok(passkey_challenge(&s->r, what, &options, &err), &err);
    (void)snprintf(s->challenge, sizeof s->challenge, "%s", json_string_value(json_object_get(options, "challenge")));
    json_decref(options);
}

/* What the authenticator answers. handle: whom it takes the person for; NULL: it does not say. */
static json_t *answer(struct stage *s, const char *handle)
{
    struct buf client_data, auth_data, signature, id, user;
    struct buf *const all[] = {&client_data, &auth_data, &signature, &id, &user};
    for (size_t i = 0; i < 5; i++)
        buf_init(all[i], 4096);
    s->soft.count++;
    soft_client_data(&s->soft, "webauthn.get", s->challenge, &client_data);
    soft_auth_data(&s->soft, &auth_data);
    soft_sign(&s->soft, &auth_data, &client_data, &signature);
    buf_add(&id, s->soft.id, sizeof s->soft.id);
    buf_adds(&user, handle != NULL ? handle : "");
    json_t *response = json_pack("{s:o,s:o,s:o}", "clientDataJSON", base64(&client_data), "authenticatorData",
                                 base64(&auth_data), "signature", base64(&signature));
    if (handle != NULL)
        (void)json_object_set_new(response, "userHandle", base64(&user));
    for (size_t i = 0; i < 5; i++)
        buf_done(all[i]);
    json_t *credential = json_pack("{s:o,s:s,s:o}", "id", json_null(), "type", "public-key", "response", response);
    char text[BASE64_SIZE(32)];
    base64url_encode(s->soft.id, sizeof s->soft.id, text);
    (void)json_object_set_new(credential, "id", json_string(text));
    return credential;
}

static int verify(struct stage *s, const struct passkey_ask *what, json_t *credential)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct passkey_owner owner = {0};
    struct err err = {0};
    jsonread_init(&body, credential, &wrong);
    int rc = passkey_verify(&s->r, what, &body, &owner, &err);
    assert_string_equal(owner.user_id, rc == 0 ? s->f->owner : "");
    assert_string_equal(owner.email, rc == 0 ? "owner@example.org" : "");
    json_decref(credential);
    return rc;
}

/* Of an authenticator that does not count: its counter would refuse the second one too. */
static void a_right_answer_is_good_once(void **state)
{
    struct stage *s = *state;
    const struct passkey_ask asks[] = {signin, {PASSKEY_FACTOR, s->f->owner, "a"}};
    fixture_script(s->f->base, "UPDATE passkeys SET sign_count = 0");
    for (int i = 0; i < 2; i++) {
        ask(s, &asks[i]);
        s->soft.count = UINT32_MAX; /* 0 comes next */
        json_t *credential = answer(s, s->f->owner);
        assert_int_equal(verify(s, &asks[i], json_incref(credential)), 0);
        assert_int_equal(verify(s, &asks[i], credential), ERR_DENIED);
    }
}

static int write_admit(struct db *db, void *ctx, struct err *err)
{
    return session_admit(db, ctx, FLEET_NOW, err);
}

/* Its answer was right a moment ago; a reset of the factors has come in between. */
static void a_passkey_that_goes_meanwhile_makes_no_session(void **state)
{
    struct stage *s = *state;
    struct session_user who = {.id = s->f->owner, .method = "passkey", .passkey_id = "key"};
    struct session_user without = {.id = s->f->owner, .method = "password"};
    struct err err = {0};
    expect_ok(db_write(s->f->app.writer, write_admit, &who, &err), &err);
    fixture_script(s->f->base, "UPDATE passkeys SET id = 'another';");
    assert_int_equal(db_write(s->f->app.writer, write_admit, &who, &err), ERR_DENIED);
    fixture_script(s->f->base, "DELETE FROM passkeys;");
    assert_int_equal(db_write(s->f->app.writer, write_admit, &who, &err), ERR_DENIED);
    expect_ok(db_write(s->f->app.writer, write_admit, &without, &err), &err);
}

static void a_wrong_answer_uses_the_challenge_up_but_a_strangers_writes_nothing(void **state)
{
    struct stage *s = *state;
    const struct passkey_ask asks[] = {{PASSKEY_STEPUP, s->f->owner, "a"}, signin};
    for (int i = 0; i < 2; i++) {
        ask(s, &asks[i]);
        s->soft.flags = SOFT_VERIFIED; /* not present */
        assert_int_equal(verify(s, &asks[i], answer(s, s->f->owner)), ERR_DENIED);
        assert_int_equal(number(s->f, "SELECT count(*) FROM challenges"), 0);
        s->soft.flags |= SOFT_PRESENT;
        assert_int_equal(verify(s, &asks[i], answer(s, s->f->owner)), i == 0 ? ERR_DENIED : 0);
    }
}

static void a_challenge_that_the_server_did_not_make_for_this_browser_is_none(void **state)
{
    struct stage *s = *state;
    ask(s, &signin);
    char ours[WEBAUTHN_CHALLENGE_SIZE];
    memcpy(ours, s->challenge, sizeof ours);
    for (size_t bit = 0; bit < 8 * WEBAUTHN_CHALLENGE_BYTES; bit += 3) {
        unsigned char bytes[WEBAUTHN_CHALLENGE_BYTES];
        size_t len;
        assert_true(base64url_decode(ours, bytes, sizeof bytes, &len));
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        base64url_encode(bytes, sizeof bytes, s->challenge);
        assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), ERR_DENIED);
    }
    memcpy(s->challenge, ours, sizeof ours);
    static const struct passkey_ask elsewhere[] = {{PASSKEY_SIGNIN, "", "browse"}, {PASSKEY_SIGNIN, "", ""}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(verify(s, &elsewhere[i], answer(s, s->f->owner)), ERR_DENIED);
    assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), 0);
}

static void a_challenge_is_over_after_five_minutes(void **state)
{
    struct stage *s = *state;
    ask(s, &signin);
    s->r.now_ms = FLEET_NOW + PASSKEY_CHALLENGE_MS;
    assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), ERR_DENIED);
    s->r.now_ms = FLEET_NOW;
    ask(s, &signin);
    s->r.now_ms = FLEET_NOW + PASSKEY_CHALLENGE_MS - 1;
    assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), 0);
}

static void a_challenge_is_for_one_purpose_person_and_asker(void **state)
{
    struct stage *s = *state;
    const struct passkey_ask asks[] = {
        {PASSKEY_SIGNIN, "", "a"},          {PASSKEY_SIGNIN, "", "b"},          {PASSKEY_FACTOR, s->f->owner, "a"},
        {PASSKEY_STEPUP, s->f->owner, "a"}, {PASSKEY_STEPUP, s->f->owner, "b"}, {PASSKEY_REGISTER, s->f->owner, "a"},
        {PASSKEY_STEPUP, "somebody", "a"},
    };
    size_t n = sizeof asks / sizeof asks[0];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            struct err err = {0};
            expect_ok(challenge_new(&s->r, &asks[i], s->challenge, &err), &err);
            bool right = i == j && strcmp(asks[j].user_id, "somebody") != 0;
            assert_int_equal(verify(s, &asks[j], answer(s, s->f->owner)), right ? 0 : ERR_DENIED);
        }
}

static void a_challenge_outlives_a_rotation_of_the_master_key(void **state)
{
    struct stage *s = *state;
    struct fleet *f = s->f;
    struct err err = {0};
    char path[128], hex[HEX_SIZE(32)];
    (void)snprintf(path, sizeof path, "%s/master.key", f->base->dir);
    for (int known = 1; known >= 0; known--) {
        ask(s, &signin);
        FILE *file = fopen(path, known ? "a" : "w");
        assert_non_null(file);
        (void)memset(hex, 'a' + known, sizeof hex - 1);
        hex[sizeof hex - 1] = '\0';
        (void)fprintf(file, "aaaaaaa%d %s\n", known, hex);
        assert_int_equal(fclose(file), 0);
        secrets_free(f->app.secrets);
        f->app.secrets = NULL;
        expect_ok(secrets_load(f->base->dir, &f->app.secrets, &err), &err);
        assert_int_equal(verify(s, &signin, answer(s, f->owner)), known ? 0 : ERR_DENIED);
    }
}

static void the_next_challenge_ends_the_one_before_but_not_a_strangers(void **state)
{
    struct stage *s = *state;
    const struct passkey_ask asks[] = {{PASSKEY_FACTOR, s->f->owner, "a"}, signin};
    for (int i = 0; i < 2; i++) {
        char first[WEBAUTHN_CHALLENGE_SIZE], second[WEBAUTHN_CHALLENGE_SIZE];
        ask(s, &asks[i]);
        memcpy(first, s->challenge, sizeof first);
        ask(s, &asks[i]);
        memcpy(second, s->challenge, sizeof second);
        memcpy(s->challenge, first, sizeof first);
        assert_int_equal(verify(s, &asks[i], answer(s, s->f->owner)), i == 0 ? ERR_DENIED : 0);
        memcpy(s->challenge, second, sizeof second);
        assert_int_equal(verify(s, &asks[i], answer(s, s->f->owner)), 0);
    }
}

static void a_factor_may_do_without_verification_and_without_a_user_handle(void **state)
{
    struct stage *s = *state;
    const struct passkey_ask factor = {PASSKEY_FACTOR, s->f->owner, "a"};
    s->soft.flags = SOFT_PRESENT;
    ask(s, &factor);
    assert_int_equal(verify(s, &factor, answer(s, NULL)), 0);
    ask(s, &factor);
    assert_int_equal(verify(s, &factor, answer(s, "somebody")), ERR_DENIED);
    s->soft.flags = SOFT_VERIFIED;
    ask(s, &factor);
    assert_int_equal(verify(s, &factor, answer(s, NULL)), ERR_DENIED);
}

static void without_a_password_the_user_handle_has_to_be_the_owners(void **state)
{
    struct stage *s = *state;
    ask(s, &signin);
    assert_int_equal(verify(s, &signin, answer(s, NULL)), ERR_DENIED);
    ask(s, &signin);
    assert_int_equal(verify(s, &signin, answer(s, "somebody")), ERR_DENIED);
    ask(s, &signin);
    assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), 0);
}

static void an_unknown_passkey_is_no_other_answer_than_a_wrong_signature(void **state)
{
    struct stage *s = *state;
    const struct passkey_ask factor = {PASSKEY_FACTOR, s->f->owner, "a"};
    ask(s, &factor);
    s->soft.id[0] ^= 1;
    assert_int_equal(verify(s, &factor, answer(s, s->f->owner)), ERR_DENIED);
    s->soft.id[0] ^= 1;
    assert_int_equal(verify(s, &factor, answer(s, s->f->owner)), ERR_DENIED); /* used up by that as well */
}

static void who_is_disabled_or_deleted_has_no_passkey(void **state)
{
    struct stage *s = *state;
    static const char *const ends[] = {"disabled_ms", "deleted_ms"};
    for (int i = 0; i < 2; i++) {
        char sql[160];
        (void)snprintf(sql, sizeof sql, "UPDATE users SET %s = 1", ends[i]);
        fixture_script(s->f->base, sql);
        ask(s, &signin);
        assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), ERR_DENIED);
        (void)snprintf(sql, sizeof sql, "UPDATE users SET %s = NULL", ends[i]);
        fixture_script(s->f->base, sql);
        ask(s, &signin);
        assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), 0);
    }
}

static int64_t alerts(struct stage *s)
{
    return number(s->f, "SELECT count(*) FROM alerts WHERE kind = 'passkey.counter'");
}

static void a_counter_that_does_not_go_on_is_refused_and_told(void **state)
{
    struct stage *s = *state;
    static const struct {
        uint32_t count;
        int rc;
    } steps[] = {{2, 0}, {2, ERR_DENIED}, {1, ERR_DENIED}, {0, ERR_DENIED}, {3, 0}, {0xffffffff, 0}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        ask(s, &signin);
        s->soft.count = steps[i].count - 1;
        assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), steps[i].rc);
        assert_int_equal(alerts(s), i == 0 ? 0 : 1);
    }
    assert_int_equal(number(s->f, "SELECT count(*) FROM audit WHERE action = 'auth.passkey_counter'"), 3);
}

static void an_authenticator_that_does_not_count_is_taken(void **state)
{
    struct stage *s = *state;
    fixture_script(s->f->base, "UPDATE passkeys SET sign_count = 0");
    for (int i = 0; i < 2; i++) {
        ask(s, &signin);
        s->soft.count = UINT32_MAX; /* 0 comes next */
        assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), 0);
    }
    assert_int_equal(alerts(s), 0);
}

static void an_answer_without_its_shape_is_told_so(void **state)
{
    struct stage *s = *state;
    static const char *const fields[] = {"clientDataJSON", "authenticatorData", "signature"};
    for (int i = 0; i < 3; i++) {
        static const char *const values[] = {NULL, "", "a=b", "%%%%", "A"};
        for (int j = 0; j < 5; j++) {
            ask(s, &signin);
            json_t *credential = answer(s, s->f->owner);
            json_t *response = json_object_get(credential, "response");
            (void)json_object_set_new(response, fields[i], values[j] != NULL ? json_string(values[j]) : json_null());
            assert_int_equal(verify(s, &signin, credential), ERR_INVALID);
        }
    }
    assert_int_equal(verify(s, &signin, json_object()), ERR_INVALID);
    assert_int_equal(verify(s, &signin, json_array()), ERR_INVALID);
}

static void a_server_without_a_name_has_no_passkeys(void **state)
{
    struct stage *s = *state;
    static const char *const urls[] = {"https://192.0.2.1:8443", "https://[2001:db8::1]:8443", "https://192.0.2.1"};
    char rp_id[RP_ID_SIZE];
    struct err err;
    for (int i = 0; i < 3; i++) {
        s->f->settings.public_url = urls[i];
        assert_int_equal(passkey_rp_id(&s->r, rp_id, &err), ERR_CONFLICT);
    }
    s->f->settings.public_url = "https://muster.example.org";
    expect_ok(passkey_rp_id(&s->r, rp_id, &err), &err);
    assert_string_equal(rp_id, "muster.example.org");
}

static void strangers_ask_without_writing_anything(void **state)
{
    struct stage *s = *state;
    for (int i = 0; i < 100; i++)
        ask(s, &signin);
    assert_int_equal(number(s->f, "SELECT count(*) FROM challenges"), 0);
    assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), 0);
    assert_int_equal(number(s->f, "SELECT count(*) FROM challenges"), 1); /* used, until it is over */
}

static void what_is_over_is_swept(void **state)
{
    struct stage *s = *state;
    const struct passkey_ask factor = {PASSKEY_FACTOR, s->f->owner, "a"};
    s->f->app.logins = login_limits_new();
    ask(s, &factor); /* one that is not used, and one that was */
    ask(s, &signin);
    assert_int_equal(verify(s, &signin, answer(s, s->f->owner)), 0);
    s->f->clock.now_ms = FLEET_NOW + PASSKEY_CHALLENGE_MS - 1;
    auth_tick(&s->f->app);
    assert_int_equal(number(s->f, "SELECT count(*) FROM challenges"), 2);
    s->f->clock.now_ms += 60 * 1000;
    auth_tick(&s->f->app);
    assert_int_equal(number(s->f, "SELECT count(*) FROM challenges"), 0);
    login_limits_free(s->f->app.logins);
    s->f->app.logins = NULL;
}

static void a_network_and_a_person_there_may_ask_four_times_a_second(void **state)
{
    (void)state;
    static const struct {
        const char *user, *address;
        int wait_s;
    } after[] = {
        {"", "192.0.2.9", 1},   {"", "::ffff:192.0.2.9", 1},  {"", "192.0.3.1", 0},
        {"", "2001:db8::1", 0}, {"somebody", "192.0.2.1", 0}, {"", "192.0.2.1", 1},
    };
    struct passkey_limits *l = passkey_limits_new();
    assert_non_null(l);
    for (int i = 0; i < PASSKEY_CHALLENGES_A_MINUTE; i++)
        assert_int_equal(passkey_limits_wait_s(l, "", "192.0.2.1", FLEET_NOW), 0);
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++)
        assert_int_equal(passkey_limits_wait_s(l, after[i].user, after[i].address, FLEET_NOW), after[i].wait_s);
    assert_int_equal(passkey_limits_wait_s(l, "", "192.0.2.1", FLEET_NOW + 249), 1);
    assert_int_equal(passkey_limits_wait_s(l, "", "192.0.2.1", FLEET_NOW + 250), 0);
    assert_int_equal(passkey_limits_wait_s(l, "", "192.0.2.1", FLEET_NOW + 250), 1);
    passkey_limits_free(l);
}

static void many_networks_push_out_the_one_that_was_quiet_for_longest(void **state)
{
    (void)state;
    struct passkey_limits *l = passkey_limits_new();
    assert_non_null(l);
    int refused = 0;
    for (int i = 0; i < 65536; i++) {
        char address[32];
        (void)snprintf(address, sizeof address, "10.%d.%d.1", i >> 8, i & 255);
        refused += passkey_limits_wait_s(l, "", address, FLEET_NOW + i) != 0;
    }
    assert_int_equal(refused, 0);
    passkey_limits_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_right_answer_is_good_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_passkey_that_goes_meanwhile_makes_no_session, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_answer_uses_the_challenge_up_but_a_strangers_writes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_challenge_that_the_server_did_not_make_for_this_browser_is_none, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_challenge_is_over_after_five_minutes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_challenge_is_for_one_purpose_person_and_asker, setup, teardown),
        cmocka_unit_test_setup_teardown(a_challenge_outlives_a_rotation_of_the_master_key, setup, teardown),
        cmocka_unit_test_setup_teardown(the_next_challenge_ends_the_one_before_but_not_a_strangers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_factor_may_do_without_verification_and_without_a_user_handle, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_a_password_the_user_handle_has_to_be_the_owners, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_passkey_is_no_other_answer_than_a_wrong_signature, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_disabled_or_deleted_has_no_passkey, setup, teardown),
        cmocka_unit_test_setup_teardown(a_counter_that_does_not_go_on_is_refused_and_told, setup, teardown),
        cmocka_unit_test_setup_teardown(an_authenticator_that_does_not_count_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_without_its_shape_is_told_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_without_a_name_has_no_passkeys, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_over_is_swept, setup, teardown),
        cmocka_unit_test(a_network_and_a_person_there_may_ask_four_times_a_second),
        cmocka_unit_test(many_networks_push_out_the_one_that_was_quiet_for_longest),
        cmocka_unit_test_setup_teardown(strangers_ask_without_writing_anything, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
