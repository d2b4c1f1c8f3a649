#include "deployment.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool exists(const char *root, const char *path)
{
    char full[PATH_MAX];
    int len = snprintf(full, sizeof full, "%s%s", root, path);
    return len > 0 && len < (int)sizeof full && access(full, F_OK) == 0;
}

enum deployment deployment_detect(const char *override, const char *kubernetes_host, const char *root)
{
    if (override != NULL && override[0] != '\0')
        return strcmp(override, "container") == 0 ? DEPLOYMENT_CONTAINER : DEPLOYMENT_VM;
    if (kubernetes_host != NULL && kubernetes_host[0] != '\0')
        return DEPLOYMENT_CONTAINER;
    return exists(root, "/.dockerenv") || exists(root, "/run/.containerenv") ? DEPLOYMENT_CONTAINER : DEPLOYMENT_VM;
}

const char *deployment_name(enum deployment d)
{
    return d == DEPLOYMENT_CONTAINER ? "container" : "vm";
}
