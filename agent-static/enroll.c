#include "enroll.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/jsonread.h"
#include "common/log.h"
#include "common/token.h"
#include "common/wipe.h"
#include "describe.h"
#include "net/api.h"
#include "net/pki.h"
#include "net/tls.h"
#include "net/trusttime.h"
#include "net/url.h"
#include "poll/backoff.h"
#include "update/root.h"

enum { PEM_MAX = 64 * 1024, TRY_MS = 20 * 1000 };

/* All that an enrolment holds at once. */
struct enrolment {
    const struct agent *agent;
    const struct enroll_options *options;
    char server_url[512]; /* without a slash at the end */
    uint8_t pin[TLS_PIN_SIZE];
    uint8_t tuf_pin[ROOT_SHA256_SIZE];
    int lock_fd;
    char *key_pem;
    char *csr_pem;
    struct tls_trust *trust;
    struct http *http;
    json_t *reply;
};

/* What of the reply is kept, borrowed from it. */
struct grant {
    const char *id;
    const char *name;
    const char *api_key;
    const char *certificate;
    const char *ca_bundle;
    int64_t ca_rev;
    int64_t server_time_ms;
};

static int read_options(struct enrolment *e, struct err *err)
{
    const struct enroll_options *o = e->options;
    struct url url;
    int rc = url_parse(o->server_url, &url, err);
    if (rc != 0)
        return err_prefix(err, "--server");
    if (strcmp(url.target, "") != 0 && strcmp(url.target, "/") != 0)
        return err_set(err, ERR_INVALID, "--server: give scheme, host and port alone: https://host:8444");
    if (snprintf(e->server_url, sizeof e->server_url, "%.*s", (int)(strlen(o->server_url) - strlen(url.target)),
                 o->server_url) >= (int)sizeof e->server_url)
        return err_set(err, ERR_INVALID, "--server: too long");
    if (!pki_fingerprint_parse(o->fingerprint, e->pin))
        return err_set(err, ERR_INVALID, "--ca-fingerprint: must be sha256: and 64 hex digits");
    if (o->tuf_fingerprint != NULL && !pki_fingerprint_parse(o->tuf_fingerprint, e->tuf_pin))
        return err_set(err, ERR_INVALID, "--tuf-fingerprint: must be sha256: and 64 hex digits");
    if (!token_well_formed(TOKEN_OTP, o->otp))
        return err_set(err, ERR_INVALID, "the one-time password is mistyped or cut off: copy it again");
    return 0;
}

/* What agent.conf says must not contradict what is about to be done. */
static int check_config(const struct enrolment *e, struct err *err)
{
    const char *configured = config_text(e->agent->config, "SERVER_URL");
    const char *id = config_text(e->agent->config, "AGENT_ID");
    struct url a;
    struct url b;
    if (id != NULL && id[0] != '\0')
        return err_set(err, ERR_CONFLICT, "the configuration names AGENT_ID and API_KEY: remove them to enrol");
    if (configured == NULL || configured[0] == '\0')
        return 0;
    int rc = url_parse(configured, &a, err);
    if (rc == 0)
        rc = url_parse(e->server_url, &b, err);
    if (rc == 0 && !url_same_origin(&a, &b))
        rc = err_set(err, ERR_CONFLICT, "the configuration says SERVER_URL=%.150s: change it first", configured);
    return rc;
}

static int check_enrolled(const struct enrolment *e, bool *ret_already, struct err *err)
{
    const struct identity *identity = &e->agent->identity;
    *ret_already = false;
    if (e->options->force || !agent_enrolled(e->agent))
        return 0;
    if (strcmp(identity->server_url, e->server_url) != 0)
        return err_set(err, ERR_CONFLICT, "this host is enrolled at %.150s as %s; --force enrols it anew",
                       identity->server_url, identity->id);
    *ret_already = true;
    return 0;
}

static int take_lock(struct enrolment *e, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(e->agent, "enroll.lock", path, err);
    if (rc != 0)
        return rc;
    e->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (e->lock_fd < 0)
        return err_sys(err, ERR_IO, "open %s", path);
    if (flock(e->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_CONFLICT, "another enrolment of this host is under way");
    return 0;
}

/* The key of an enrolment that was not finished, or a fresh one, on disk before anybody hears of it. */
static int pending_key(struct enrolment *e, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(e->agent, "enroll.key", path, err);
    if (rc == 0)
        rc = file_read(path, PEM_MAX, &e->key_pem, NULL, err);
    if (rc == 0) {
        rc = pki_csr_new(e->key_pem, &e->csr_pem, err);
        if (rc != ERR_INVALID)
            return rc;
        free(e->key_pem); /* damaged: it can only be made anew */
        e->key_pem = NULL;
    } else if (rc != ERR_NOT_FOUND) {
        return rc;
    }
    rc = pki_key_new(&e->key_pem, err);
    if (rc == 0)
        rc = file_write(path, e->key_pem, strlen(e->key_pem), 0600, err);
    return rc != 0 ? rc : pki_csr_new(e->key_pem, &e->csr_pem, err);
}

static int open_connection(struct enrolment *e, struct err *err)
{
    int rc = tls_trust_new(e->agent->clock, &e->trust, err);
    if (rc != 0)
        return rc;
    tls_trust_pin(e->trust, e->pin);
    e->http = http_new(e->trust);
    return e->http != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

/* --- asking --- */

static json_t *request_body(const struct enrolment *e)
{
    json_t *body = describe_agent(e->agent);
    if (body == NULL)
        return NULL;
    bool whole = json_object_set_new(body, "otp", json_string(e->options->otp)) == 0 &&
                 json_object_set_new(body, "csr", json_string(e->csr_pem)) == 0 &&
                 json_object_set_new(body, "hostname", json_string(e->agent->hostname)) == 0 &&
                 (e->options->name == NULL || json_object_set_new(body, "name", json_string(e->options->name)) == 0);
    if (whole)
        return body;
    json_decref(body);
    return NULL;
}

/* The server's refusal in words that say what to do. */
static int explain(const struct api_result *result, int rc, struct err *err)
{
    if (strcmp(result->problem, "otp-taken") == 0)
        return err_set(err, ERR_CONFLICT,
                       "another key has used this password: somebody else got there first, or this host lost its key; "
                       "the server has raised an alert. Ask for a new one");
    if (result->status == 401)
        return err_prefix(err,
                          "the one-time password is not accepted: mistyped, expired or used up; ask for a new one");
    if (result->status == 404)
        return err_set(
            err, ERR_NOT_FOUND,
            "nobody enrols at this address: agents have a port of their own, usually the one after people's");
    return rc;
}

static bool worth_retrying(int rc)
{
    return rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT;
}

static void sleep_ms(int64_t ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

static int try_once(struct enrolment *e, struct api_result *result, struct err *err)
{
    json_t *body = request_body(e);
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "out of memory, or --name is not UTF-8");
    const struct api_request request = {
        .server_url = e->server_url, .method = "POST", .path = "/api/agent/enroll", .body = body, .timeout_ms = TRY_MS};
    return api_send(e->http, &request, &e->reply, result, err);
}

/* The same key and password again and again are one enrolment to the server, so a lost reply is simply asked for again.
 */
static int ask(struct enrolment *e, struct err *err)
{
    struct backoff backoff = {.base_ms = 500, .cap_ms = 10000};
    const struct clock *clock = e->agent->clock;
    int64_t deadline_ms = clock_monotonic_ms(clock) + e->options->timeout_ms;
    for (;;) {
        struct api_result result = {.retry_after_s = -1};
        int rc = try_once(e, &result, err);
        if (rc == 0)
            return 0;
        if (!worth_retrying(rc))
            return explain(&result, rc, err);
        int64_t wait_ms = backoff_next(&backoff, result.retry_after_s, backoff_random());
        if (clock_monotonic_ms(clock) + wait_ms >= deadline_ms)
            return err_prefix(err, "gave up after %d s", e->options->timeout_ms / 1000);
        log_warning("enrolment: %s; trying again", err->msg);
        sleep_ms(wait_ms);
    }
}

/* --- the answer --- */

static int read_grant(const json_t *reply, struct grant *ret, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    struct jsonread agent;
    jsonread_init(&r, reply, &wrong);
    jsonread_object(&r, "agent", &agent);
    *ret = (struct grant){
        .id = jsonread_str(&agent, "id", 1, 39),
        .name = jsonread_str_or(&agent, "name", 0, 255, ""),
        .api_key = jsonread_str(&agent, "apiKey", 1, 63),
        .certificate = jsonread_text(&r, "certificate", 1, PEM_MAX),
        .ca_bundle = jsonread_text(&r, "caBundle", 1, PEM_MAX),
        .ca_rev = jsonread_int_or(&r, "caBundleRev", 0, INT64_MAX, 0),
        .server_time_ms = jsonread_int_or(&r, "serverTime_ms", 0, INT64_MAX, 0),
    };
    if (wrong.failed)
        return err_set(err, ERR_INVALID, "the server's reply: %s %s", wrong.pointer, wrong.reason);
    if (!token_well_formed(TOKEN_API_KEY, ret->api_key))
        return err_set(err, ERR_INVALID, "the server's reply: /agent/apiKey is not an API key");
    return 0;
}

static int save(const struct agent *agent, const char *name, const char *text, mode_t mode, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(agent, name, path, err);
    return rc != 0 ? rc : file_write(path, text, strlen(text), mode, err);
}

static int save_identity(const struct enrolment *e, const struct grant *g, struct err *err)
{
    char path[PATH_MAX];
    struct identity identity = {.ca_rev = g->ca_rev, .enrolled_ms = clock_now_ms(e->agent->clock)};
    (void)snprintf(identity.id, sizeof identity.id, "%s", g->id);
    (void)snprintf(identity.api_key, sizeof identity.api_key, "%s", g->api_key);
    (void)snprintf(identity.server_url, sizeof identity.server_url, "%s", e->server_url);
    int rc = agent_state_path(e->agent, "identity.json", path, err);
    if (rc == 0)
        rc = identity_save(path, &identity, err);
    identity_done(&identity);
    return rc;
}

static int store(const struct enrolment *e, const struct grant *g, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(e->agent, "ca.pem", path, err);
    if (rc == 0)
        rc = identity_save_ca(path, g->ca_bundle, g->ca_rev, err);
    if (rc == 0)
        rc = save(e->agent, "cert.pem", g->certificate, 0644, err);
    if (rc == 0)
        rc = save(e->agent, "key.pem", e->key_pem, 0600, err);
    if (rc == 0)
        rc = save_identity(e, g, err); /* the commit */
    if (rc == 0)
        rc = agent_state_path(e->agent, "enroll.key", path, err);
    return rc != 0 ? rc : file_remove(path, err);
}

static int take_answer(struct enrolment *e, struct enroll_result *ret, struct err *err)
{
    struct grant g;
    struct pki_validity validity;
    char clock_path[PATH_MAX];
    int rc = read_grant(e->reply, &g, err);
    if (rc == 0)
        rc = agent_state_path(e->agent, "clock", clock_path, err);
    if (rc == 0)
        rc = trusttime_observe(clock_path, g.server_time_ms, http_peer_not_after_ms(e->http), err);
    if (rc == 0)
        rc = pki_bundle_check(g.ca_bundle, e->pin, err);
    if (rc == 0)
        rc = pki_cert_check(g.certificate, e->key_pem, g.ca_bundle, err);
    if (rc == 0)
        rc = pki_cert_validity(g.certificate, &validity, err);
    if (rc == 0)
        rc = store(e, &g, err);
    if (rc != 0)
        return rc;
    ret->certificate_not_after_ms = validity.not_after_ms;
    (void)snprintf(ret->id, sizeof ret->id, "%s", g.id);
    (void)snprintf(ret->name, sizeof ret->name, "%s", g.name);
    return 0;
}

/* Before the password is sent: a root that is not the one meant costs nothing yet. */
static int pin_root(const struct enrolment *e, struct err *err)
{
    const struct enroll_options *o = e->options;
    struct buf fetched;
    if (o->tuf_root != NULL)
        return root_pin(e->agent, o->tuf_root, o->tuf_root_len, err);
    if (o->tuf_fingerprint == NULL)
        return 0;
    buf_init(&fetched, ROOT_MAX);
    int rc = root_fetch(e->http, e->server_url, e->tuf_pin, &fetched, err);
    if (rc == 0)
        rc = root_pin(e->agent, fetched.data, fetched.len, err);
    buf_done(&fetched);
    return rc;
}

static int enrol(struct enrolment *e, struct enroll_result *ret, struct err *err)
{
    int rc = take_lock(e, err);
    if (rc == 0)
        rc = pending_key(e, err);
    if (rc == 0)
        rc = open_connection(e, err);
    if (rc == 0)
        rc = pin_root(e, err);
    if (rc == 0)
        rc = ask(e, err);
    return rc != 0 ? rc : take_answer(e, ret, err);
}

int enroll_check(const struct enroll_options *options, struct err *err)
{
    struct enrolment e = {.options = options, .lock_fd = -1};
    return read_options(&e, err);
}

int enroll_run(const struct agent *agent, const struct enroll_options *options, struct enroll_result *ret,
               struct err *err)
{
    struct enrolment e = {.agent = agent, .options = options, .lock_fd = -1};
    struct enroll_result result = {.already = false};
    int rc = read_options(&e, err);
    if (rc == 0)
        rc = check_config(&e, err);
    if (rc == 0)
        rc = check_enrolled(&e, &result.already, err);
    if (rc == 0 && result.already)
        (void)snprintf(result.id, sizeof result.id, "%s", agent->identity.id);
    else if (rc == 0)
        rc = enrol(&e, &result, err);
    if (rc == 0)
        *ret = result;
    json_decref(e.reply);
    http_free(e.http);
    tls_trust_free(e.trust);
    free(e.csr_pem);
    wipe_str(e.key_pem);
    free(e.key_pem);
    if (e.lock_fd >= 0)
        (void)close(e.lock_fd);
    return rc;
}
