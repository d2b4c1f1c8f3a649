/* Certificates that end and CAs that change. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/jsonread.h"
#include "common/wipe.h"
#include "net/pki.h"
#include "poll/poller.h"

enum { PEM_MAX = 64 * 1024, RETRY_MS = 60 * 60 * 1000 };

static int read_state(const struct poller *p, const char *name, char **ret, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(p->agent, name, path, err);
    return rc != 0 ? rc : file_read(path, PEM_MAX, ret, NULL, err);
}

static int write_state(const struct poller *p, const char *name, const char *text, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(p->agent, name, path, err);
    return rc != 0 ? rc : file_write(path, text, strlen(text), 0644, err);
}

/* --- our certificate --- */

static bool is_due(const struct pki_validity *v, int64_t now_ms)
{
    return now_ms >= v->not_before_ms + (v->not_after_ms - v->not_before_ms) / 3;
}

static int ask_certificate(struct poller *p, const char *key_pem, json_t **ret, struct err *err)
{
    char *csr = NULL;
    int rc = pki_csr_new(key_pem, &csr, err);
    if (rc != 0)
        return rc;
    json_t *body = json_pack("{s:s}", "csr", csr);
    free(csr);
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return api_call(p->api, "POST", "/api/agent/renew", body, POLLER_REQUEST_MS, ret, NULL, err);
}

static int take_certificate(struct poller *p, const json_t *reply, const char *key_pem, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    char *ca_pem = NULL;
    jsonread_init(&r, reply, &wrong);
    const char *certificate = jsonread_text(&r, "certificate", 1, PEM_MAX);
    if (wrong.failed)
        return err_set(err, ERR_INVALID, "the server's reply: %s %s", wrong.pointer, wrong.reason);
    int rc = read_state(p, "ca.pem", &ca_pem, err);
    if (rc == 0)
        rc = pki_cert_check(certificate, key_pem, ca_pem, err);
    if (rc == 0)
        rc = write_state(p, "cert.pem", certificate, err);
    free(ca_pem);
    return rc != 0 ? rc : poller_reconnect(p, err);
}

static int renew(struct poller *p, const char *key_pem, struct err *err)
{
    json_t *reply = NULL;
    p->renew_after_ms = poller_monotonic_ms(p) + RETRY_MS;
    int rc = ask_certificate(p, key_pem, &reply, err);
    if (rc == 0)
        rc = take_certificate(p, reply, key_pem, err);
    json_decref(reply);
    if (rc != 0)
        return err_prefix(err, "renewing the client certificate");
    poller_note(p, LOG_INFO, "log", "the client certificate was renewed");
    return 0;
}

/* An agent registered by key alone has neither key nor certificate, and nothing to do here. */
int renew_certificate_if_due(struct poller *p, struct err *err)
{
    char *cert_pem = NULL;
    char *key_pem = NULL;
    struct pki_validity validity;
    if (poller_monotonic_ms(p) < p->renew_after_ms)
        return 0;
    int rc = read_state(p, "key.pem", &key_pem, err);
    if (rc == 0)
        rc = read_state(p, "cert.pem", &cert_pem, err);
    if (rc == 0)
        rc = pki_cert_validity(cert_pem, &validity, err);
    if (rc == 0 && is_due(&validity, poller_now_ms(p)))
        rc = renew(p, key_pem, err);
    else
        p->renew_after_ms = poller_monotonic_ms(p) + RETRY_MS; /* the files need not be read at every poll */
    free(cert_pem);
    wipe_str(key_pem);
    free(key_pem);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* --- the CAs we trust --- */

/* The server must be reachable with the new bundle alone: one that locks us out is not taken. */
static int try_bundle(const struct poller *p, const char *pem, struct err *err)
{
    struct api *api = NULL;
    json_t *reply = NULL;
    int rc = api_open_trusting(p->agent, pem, &api, err);
    if (rc != 0)
        return rc;
    api_set_cancel(api, p->signals.stop_fd);
    rc = api_call(api, "GET", "/api/agent/ca-bundle", NULL, POLLER_REQUEST_MS, &reply, NULL, err);
    json_decref(reply);
    api_close(api);
    return rc;
}

static int take_bundle(struct poller *p, const json_t *reply, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    char path[PATH_MAX];
    jsonread_init(&r, reply, &wrong);
    int64_t rev = jsonread_int(&r, "caBundleRev", 1, INT64_MAX);
    const char *pem = jsonread_text(&r, "caBundle", 1, PEM_MAX);
    if (wrong.failed)
        return err_set(err, ERR_INVALID, "the server's reply: %s %s", wrong.pointer, wrong.reason);
    int rc = pki_bundle_check(pem, NULL, err);
    watchdog_tick(&p->watchdog);
    if (rc == 0)
        rc = try_bundle(p, pem, err);
    if (rc == 0)
        rc = agent_state_path(p->agent, "ca.pem", path, err);
    if (rc == 0)
        rc = identity_save_ca(path, pem, rev, err);
    if (rc == 0) {
        p->agent->identity.ca_rev = rev;
        rc = poller_reconnect(p, err);
    }
    return rc;
}

int renew_ca_bundle(struct poller *p, int64_t rev, struct err *err)
{
    json_t *reply = NULL;
    if (rev == 0 || rev == p->agent->identity.ca_rev || poller_monotonic_ms(p) < p->ca_after_ms)
        return 0;
    int rc = api_call(p->api, "GET", "/api/agent/ca-bundle", NULL, POLLER_REQUEST_MS, &reply, NULL, err);
    if (rc == 0)
        rc = take_bundle(p, reply, err);
    json_decref(reply);
    if (rc != 0) {
        p->ca_after_ms = poller_monotonic_ms(p) + RETRY_MS;
        return err_prefix(err, "the server's new CA bundle was not taken");
    }
    poller_note(p, LOG_INFO, "log", "the CA bundle is now revision %lld", (long long)p->agent->identity.ca_rev);
    return 0;
}
