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

int api_open(const struct agent *agent, struct api **ret, struct err *err) MUSTER_NODISCARD;
void api_close(struct api *api); /* NULL does nothing */

struct api_result {
    int status;        /* of the HTTP reply; 0 when there was none */
    int retry_after_s; /* -1: none */
};

/* body is taken (also on failure); NULL for GET. *ret (may be NULL) is the caller's to json_decref. result may be NULL.
 * Blocks, at most timeout_ms in all (0: 60 s). */
int api_call(struct api *api, const char *method, const char *path, json_t *body, int timeout_ms, json_t **ret,
             struct api_result *result, struct err *err) MUSTER_NODISCARD;

/* A pre-signed URL of the store, on a connection of its own to that origin. Our key is never sent there. */
int api_store(struct api *api, const struct http_request *request, struct http_reply *ret, struct err *err) MUSTER_NODISCARD;

#endif
