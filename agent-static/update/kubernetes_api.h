/* kubernetes_api.h: calls to the API of the cluster this process runs in, with the pod's own service account.
 *
 * The address comes from KUBERNETES_SERVICE_HOST and _PORT, as the kubelet sets them; token and CA from
 * /var/run/secrets/kubernetes.io/serviceaccount or, for a projected volume elsewhere, from the absolute path in
 * MUSTER_K8S_CREDENTIALS. Both are the environment of this process, which whoever starts it decides, like its
 * agent.conf; nothing that a server says gets there. The CA beside the token is all that is trusted, so the token goes
 * to nobody but the API that the CA vouches for. The token is read again for each call, since the kubelet replaces it.
 */
#ifndef MUSTER_AGENT_UPDATE_KUBERNETES_API_H
#define MUSTER_AGENT_UPDATE_KUBERNETES_API_H

#include <jansson.h>

#include "common/clock.h"
#include "common/err.h"
#include "update/workload.h"

struct kubernetes_api;

/* Does not connect. ERR_NOT_FOUND: not in a cluster, or without a service account. */
int kubernetes_api_open(const struct clock *clock, struct kubernetes_api **ret, struct err *err) MUSTER_NODISCARD;
void kubernetes_api_close(struct kubernetes_api *api); /* NULL does nothing */

struct kubernetes_result {
    int status;        /* of the reply; 0: there was none */
    int retry_after_s; /* -1: not said */
};

/* GET of the workload. *ret is the caller's. Errors by status: 401, 403 ERR_DENIED, 404 ERR_NOT_FOUND, 409
 * ERR_CONFLICT, 429 and 5xx ERR_UNAVAILABLE, others ERR_INVALID; those of transport as in net/http.h. Blocks for 30 s
 * at most. */
int kubernetes_api_get(struct kubernetes_api *api, const struct workload_id *id, json_t **ret,
                       struct kubernetes_result *result, struct err *err) MUSTER_NODISCARD;

/* Strategic merge patch of the workload, by the field manager "muster-agent". The same errors. */
int kubernetes_api_patch(struct kubernetes_api *api, const struct workload_id *id, const char *patch,
                         struct kubernetes_result *result, struct err *err) MUSTER_NODISCARD;

#endif
