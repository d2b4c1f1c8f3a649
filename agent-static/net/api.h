/* api.h: calls to our server: JSON in, JSON out, problem+json understood, the API key and user agent added.
 *
 * Errors of transport come through as from http.h. A problem+json reply becomes: 401 ERR_DENIED with status 401, 403
 * ERR_DENIED, 404 ERR_NOT_FOUND, 409 ERR_CONFLICT, 422 and other 4xx ERR_INVALID, 429 and 5xx ERR_UNAVAILABLE with
 * retry_after_s; err->msg carries the title and detail. */
#ifndef MUSTER_AGENT_NET_API_H
#define MUSTER_AGENT_NET_API_H

#include <jansson.h>

#include "agent.h"
#include "net/http.h"

struct api; /* a connection to the server, with the identity's key and certificate */

/* Trusts CA_FILE and STATE_DIR/ca.pem. A client certificate that does not fit its key is left out: the API key alone is
 * enough. agent must outlive it. Does not connect yet. */
int api_open(const struct agent *agent, struct api **ret, struct err *err) MUSTER_NODISCARD;
void api_close(struct api *api); /* NULL does nothing */

/* As api_open, trusting the CAs of this PEM text and nothing else: to try a bundle before it is kept. */
int api_open_trusting(const struct agent *agent, const char *ca_pem, struct api **ret,
                      struct err *err) MUSTER_NODISCARD;

/* From now on every wait of api_call and api_store ends with ERR_UNAVAILABLE when fd is readable; -1: none. */
void api_set_cancel(struct api *api, int fd);

/* Closes connections; the next call opens one again. */
void api_disconnect(struct api *api);

/* When the certificate of the server we are connected to ends; 0: not known. */
int64_t api_peer_not_after_ms(const struct api *api);

enum { API_PROBLEM_SIZE = 48 };

struct api_result {
    int status;                     /* of the HTTP reply; 0 when there was none */
    int retry_after_s;              /* -1: none */
    char problem[API_PROBLEM_SIZE]; /* the slug of a problem's type: "otp-taken"; "" when there is none */
};

/* body is taken (also on failure); NULL for GET. *ret (may be NULL) is the caller's to json_decref. result may be NULL.
 * Blocks, at most timeout_ms in all (0: 60 s). */
int api_call(struct api *api, const char *method, const char *path, json_t *body, int timeout_ms, json_t **ret,
             struct api_result *result, struct err *err) MUSTER_NODISCARD;

/* One call on a connection of the caller's, for enrolment, when there is no identity yet. */
struct api_request {
    const char *server_url; /* no slash at the end */
    const char *api_key;    /* NULL: none */
    const char *method;
    const char *path;
    json_t *body; /* taken; NULL: none */
    int timeout_ms;
};
int api_send(struct http *http, const struct api_request *request, json_t **ret, struct api_result *result,
             struct err *err) MUSTER_NODISCARD;

/* A pre-signed URL of the store, on a connection of its own to that origin. Our key is never sent there; our
 * certificate only when the store is on our own server. Other stores are trusted by STORE_CA_FILE as well. */
int api_store(struct api *api, const struct http_request *request, struct http_reply *ret,
              struct err *err) MUSTER_NODISCARD;

/* What a connection that shows neither key nor certificate trusts: our CAs; and, when it is to another server than
 * ours, those of STORE_CA_FILE, the roots that public servers use. The caller's to tls_trust_free(). */
int api_trust_anonymous(const struct agent *agent, bool foreign, struct tls_trust **ret,
                        struct err *err) MUSTER_NODISCARD;

#endif
