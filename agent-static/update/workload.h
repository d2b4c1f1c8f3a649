/* workload.h: a workload of Kubernetes (a Deployment, DaemonSet or StatefulSet of apps/v1): its name, what the API says
 * about it, the one change we make to it, and how far its roll-out is.
 *
 * Pure, no I/O: every rule can be tested without a cluster, and the parser fuzzed.
 *
 * The change is a strategic merge patch that names one container and its new image, and the resourceVersion it was
 * worked out from:
 *
 *     {"metadata":{"resourceVersion":"4711"},
 *      "spec":{"template":{"spec":{"containers":[{"name":"muster-agent","image":"registry/muster-agent:0.2.0"}]}}}}
 *
 * (in one line, without blanks). The resourceVersion changes nothing. It makes the API answer 409 when somebody has
 * changed the workload since we looked: a container that was renamed in between would otherwise be added anew. */
#ifndef MUSTER_AGENT_UPDATE_WORKLOAD_H
#define MUSTER_AGENT_UPDATE_WORKLOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "update/image.h"

enum {
    WORKLOAD_LABEL_SIZE = 64, /* a DNS label of RFC 1123: namespaces, containers */
    WORKLOAD_TEXT_MAX = 200,  /* what heartbeats have room for; Kubernetes alone would allow 100 more */
    WORKLOAD_NAME_SIZE = WORKLOAD_TEXT_MAX + 1,
    WORKLOAD_TEXT_SIZE = WORKLOAD_LABEL_SIZE + WORKLOAD_NAME_SIZE + 16,
    WORKLOAD_PATH_SIZE = 400,
    WORKLOAD_REASON_SIZE = 200,
};

/* --- which one --- */

enum workload_kind { WORKLOAD_DEPLOYMENT, WORKLOAD_DAEMONSET, WORKLOAD_STATEFULSET };

struct workload_id {
    char space[WORKLOAD_LABEL_SIZE]; /* its namespace */
    enum workload_kind kind;
    char name[WORKLOAD_NAME_SIZE];
};

/* "namespace/kind/name", the kind in any case, as kubectl has it: DaemonSet. At most WORKLOAD_TEXT_MAX bytes. The name
 * is checked to be a DNS subdomain (RFC 1123), the namespace a label of one, so that neither can leave its place in a
 * URL. ERR_INVALID with what is wrong. */
int workload_id_parse(const char *text, struct workload_id *ret, struct err *err) MUSTER_NODISCARD;

const char *workload_kind_name(enum workload_kind kind);   /* "daemonset" */
const char *workload_kind_plural(enum workload_kind kind); /* "daemonsets", as in paths and in Roles */

/* "namespace/kind/name" with the kind in lower case. */
void workload_id_text(const struct workload_id *id, char ret[WORKLOAD_TEXT_SIZE]);

/* "/apis/apps/v1/namespaces/…": no query, no slash at the end. */
void workload_id_path(const struct workload_id *id, char ret[WORKLOAD_PATH_SIZE]);

/* --- what the API says --- */

struct workload {
    enum workload_kind kind;
    char resource_version[64];
    int64_t generation;
    int64_t observed;                    /* the generation that status is about; 0: none yet */
    int64_t wanted;                      /* pods there shall be */
    int64_t existing;                    /* pods there are, old ones included; not said of a DaemonSet */
    int64_t updated;                     /* pods of the newest template */
    int64_t ready;                       /* pods that are available (StatefulSet: ready), old ones included */
    int64_t kept_old;                    /* StatefulSet: pods that its partition keeps from the new template */
    bool paused;                         /* Deployment */
    bool by_hand;                        /* updateStrategy OnDelete: nothing is rolled out by itself */
    bool one_revision;                   /* StatefulSet: the update is complete */
    char given_up[WORKLOAD_REASON_SIZE]; /* Deployment: why its controller has given up; "" while it has not */
    const json_t *containers;            /* of the pod template; borrowed from the reply */
};

/* Reads the API's reply about id. ret->containers lives as long as the reply. ERR_INVALID with what is wrong. */
int workload_read(const json_t *reply, const struct workload_id *id, struct workload *ret,
                  struct err *err) MUSTER_NODISCARD;

struct workload_container {
    char name[WORKLOAD_LABEL_SIZE];
    char image[IMAGE_SIZE];
};

/* The container that runs this agent: the one with this name or, when name is NULL, the only one whose image comes from
 * the repository. Never one of another repository, so that nothing but a newer version of what runs can be put there.
 * ERR_NOT_FOUND, ERR_CONFLICT (several fit: a name must be given), ERR_DENIED (that container runs another image). */
int workload_container_find(const struct workload *w, const char *name, const char *repository,
                            struct workload_container *ret, struct err *err) MUSTER_NODISCARD;

/* Whether a change of the template would be rolled out at all. ERR_CONFLICT with why not. */
int workload_check_rolls(const struct workload *w, struct err *err) MUSTER_NODISCARD;

/* The change as a text, which the caller frees. */
int workload_patch(const struct workload *w, const struct workload_container *container, const char *image, char **ret,
                   struct err *err) MUSTER_NODISCARD;

/* --- how far it is --- */

enum workload_verdict { WORKLOAD_ROLLING, WORKLOAD_ROLLED_OUT, WORKLOAD_GIVEN_UP };

struct workload_progress {
    enum workload_verdict verdict;
    int64_t updated; /* pods of the new template that are known to work, at most total */
    int64_t total;
    char text[WORKLOAD_REASON_SIZE]; /* "2 of 5 pods are updated" */
};

/* By the rules of `kubectl rollout status`. */
void workload_judge(const struct workload *w, struct workload_progress *ret);

#endif
