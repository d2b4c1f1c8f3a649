/* deployment.h: whether this host is a machine of its own or a container, which decides how it is updated. */
#ifndef MUSTER_AGENT_DEPLOYMENT_H
#define MUSTER_AGENT_DEPLOYMENT_H

enum deployment { DEPLOYMENT_VM, DEPLOYMENT_CONTAINER };

/* override: "vm", "container" or NULL. Otherwise Kubernetes' environment variable or the mark that Docker and Podman
 * leave in root ("" for the real one) tells. */
enum deployment deployment_detect(const char *override, const char *kubernetes_host, const char *root);

/* "vm", "container". */
const char *deployment_name(enum deployment d);

#endif
