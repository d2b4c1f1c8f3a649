#include "update/workload.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cursor.h"
#include "common/jsonread.h"

enum { CONTAINERS_MAX = 64, CONDITIONS_MAX = 64, PODS_MAX = 1000 * 1000 };

/* --- which one --- */

/* In the order of the enum. */
static const struct {
    const char *name;
    const char *plural;
} kinds[] = {{"deployment", "deployments"}, {"daemonset", "daemonsets"}, {"statefulset", "statefulsets"}};

const char *workload_kind_name(enum workload_kind kind)
{
    return kinds[kind].name;
}

const char *workload_kind_plural(enum workload_kind kind)
{
    return kinds[kind].plural;
}

/* RFC 1123 as Kubernetes has it: lower case, no dash at either end, 63 bytes. */
static bool is_label(struct span s)
{
    if (s.len == 0 || s.len >= WORKLOAD_LABEL_SIZE || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\0' || strchr("abcdefghijklmnopqrstuvwxyz0123456789-", s.ptr[i]) == NULL)
            return false;
    return true;
}

static bool is_subdomain(struct span s)
{
    struct cursor c;
    struct span label;
    cursor_init(&c, s);
    if (s.len == 0 || s.len >= WORKLOAD_NAME_SIZE || s.ptr[s.len - 1] == '.')
        return false;
    while (cursor_field(&c, '.', &label))
        if (!is_label(label))
            return false;
    return true;
}

static bool parse_kind(struct span s, enum workload_kind *ret)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!span_equal_nocase(s, kinds[i].name))
            continue;
        *ret = (enum workload_kind)i;
        return true;
    }
    return false;
}

int workload_id_parse(const char *text, struct workload_id *ret, struct err *err)
{
    struct workload_id read;
    struct cursor c;
    struct span space;
    struct span kind;
    if (strlen(text) > WORKLOAD_TEXT_MAX)
        return err_set(err, ERR_INVALID, "must be namespace/kind/name of at most %d bytes", WORKLOAD_TEXT_MAX);
    cursor_init(&c, span_of(text));
    if (!cursor_until(&c, '/', &space) || !cursor_until(&c, '/', &kind))
        return err_set(err, ERR_INVALID, "must be namespace/kind/name");
    struct span name = {.ptr = c.at, .len = (size_t)(c.end - c.at)};
    if (!is_label(space))
        return err_set(err, ERR_INVALID, "must be namespace/kind/name: that is no name of a namespace");
    if (!parse_kind(kind, &read.kind))
        return err_set(err, ERR_INVALID, "must be namespace/kind/name: kind is deployment, daemonset or statefulset");
    if (!is_subdomain(name))
        return err_set(err, ERR_INVALID, "must be namespace/kind/name: that is no name of a %s",
                       workload_kind_name(read.kind));
    (void)snprintf(read.space, sizeof read.space, "%.*s", (int)space.len, space.ptr);
    (void)snprintf(read.name, sizeof read.name, "%.*s", (int)name.len, name.ptr);
    *ret = read;
    return 0;
}

void workload_id_text(const struct workload_id *id, char ret[WORKLOAD_TEXT_SIZE])
{
    (void)snprintf(ret, WORKLOAD_TEXT_SIZE, "%s/%s/%s", id->space, workload_kind_name(id->kind), id->name);
}

void workload_id_path(const struct workload_id *id, char ret[WORKLOAD_PATH_SIZE])
{
    (void)snprintf(ret, WORKLOAD_PATH_SIZE, "/apis/apps/v1/namespaces/%s/%s/%s", id->space,
                   workload_kind_plural(id->kind), id->name);
}

/* --- what the API says --- */

static int64_t count(struct jsonread *r, const char *key, int64_t fallback)
{
    return jsonread_int_or(r, key, 0, PODS_MAX, fallback);
}

/* A Deployment's controller gives up when nothing has moved for progressDeadlineSeconds. */
static void read_conditions(struct jsonread *status, struct workload *w)
{
    const json_t *list;
    size_t n = jsonread_array_or_none(status, "conditions", CONDITIONS_MAX, &list);
    for (size_t i = 0; i < n; i++) {
        struct jsonread item;
        jsonread_item(status, "conditions", list, i, &item);
        const char *type = jsonread_str_or(&item, "type", 0, 256, "");
        const char *is = jsonread_str_or(&item, "status", 0, 32, "");
        const char *reason = jsonread_str_or(&item, "reason", 0, 1024, "");
        if (!status->error->failed && strcmp(type, "Progressing") == 0 && strcmp(is, "False") == 0)
            (void)snprintf(w->given_up, sizeof w->given_up, "%.64s", reason[0] != '\0' ? reason : "Progressing=False");
    }
}

static void read_deployment(struct jsonread *spec, struct jsonread *status, struct workload *w)
{
    w->paused = jsonread_bool_or(spec, "paused", false);
    w->wanted = count(spec, "replicas", 1);
    w->existing = count(status, "replicas", 0);
    w->updated = count(status, "updatedReplicas", 0);
    w->ready = count(status, "availableReplicas", 0);
    read_conditions(status, w);
}

static void read_daemonset(struct jsonread *status, struct workload *w)
{
    w->wanted = count(status, "desiredNumberScheduled", 0);
    w->existing = w->wanted;
    w->updated = count(status, "updatedNumberScheduled", 0);
    w->ready = count(status, "numberAvailable", 0);
}

static void read_statefulset(struct jsonread *spec, struct jsonread *status, struct jsonread *strategy,
                             struct workload *w)
{
    struct jsonread rolling;
    jsonread_object_or_none(strategy, "rollingUpdate", &rolling);
    const char *current = jsonread_str_or(status, "currentRevision", 0, 300, "");
    const char *update = jsonread_str_or(status, "updateRevision", 0, 300, "");
    w->wanted = count(spec, "replicas", 1);
    w->existing = count(status, "replicas", 0);
    w->updated = count(status, "updatedReplicas", 0);
    w->ready = count(status, "readyReplicas", 0);
    int64_t partition = count(&rolling, "partition", 0);
    w->kept_old = partition < w->wanted ? partition : w->wanted;
    w->one_revision = !status->error->failed && strcmp(current, update) == 0;
}

int workload_read(const json_t *reply, const struct workload_id *id, struct workload *ret, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    struct jsonread metadata;
    struct jsonread spec;
    struct jsonread strategy;
    struct jsonread template;
    struct jsonread pod;
    struct jsonread status;
    struct workload read = {.kind = id->kind};
    jsonread_init(&r, reply, &wrong);
    jsonread_object(&r, "metadata", &metadata);
    jsonread_object(&r, "spec", &spec);
    jsonread_object_or_none(&spec, "updateStrategy", &strategy);
    jsonread_object(&spec, "template", &template);
    jsonread_object(&template, "spec", &pod);
    jsonread_object_or_none(&r, "status", &status);
    const char *version = jsonread_str(&metadata, "resourceVersion", 1, sizeof read.resource_version - 1);
    const char *name = jsonread_str(&metadata, "name", 1, WORKLOAD_NAME_SIZE - 1);
    read.generation = jsonread_int(&metadata, "generation", 0, INT64_MAX);
    read.observed = jsonread_int_or(&status, "observedGeneration", 0, INT64_MAX, 0);
    const char *how = jsonread_str_or(&strategy, "type", 0, 64, "RollingUpdate");
    read.by_hand = how != NULL && strcmp(how, "RollingUpdate") != 0;
    (void)jsonread_array(&pod, "containers", 1, CONTAINERS_MAX, &read.containers);
    switch (id->kind) {
    case WORKLOAD_DEPLOYMENT: read_deployment(&spec, &status, &read); break;
    case WORKLOAD_DAEMONSET: read_daemonset(&status, &read); break;
    case WORKLOAD_STATEFULSET: read_statefulset(&spec, &status, &strategy, &read); break;
    }
    if (wrong.failed)
        return err_set(err, ERR_INVALID, "the answer of the Kubernetes API: %s %s", wrong.pointer, wrong.reason);
    if (strcmp(name, id->name) != 0)
        return err_set(err, ERR_INVALID, "the answer of the Kubernetes API is about another workload");
    (void)snprintf(read.resource_version, sizeof read.resource_version, "%s", version);
    *ret = read;
    return 0;
}

/* --- the container --- */

static bool read_container(const json_t *item, struct workload_container *ret)
{
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *image = json_string_value(json_object_get(item, "image"));
    if (name == NULL || image == NULL || !is_label(span_of(name)) || strlen(image) >= IMAGE_SIZE)
        return false;
    (void)snprintf(ret->name, sizeof ret->name, "%s", name);
    (void)snprintf(ret->image, sizeof ret->image, "%s", image);
    return true;
}

static bool runs_from(const struct workload_container *c, const char *repository)
{
    struct image image;
    struct err ignored;
    return image_parse(c->image, &image, &ignored) == 0 && strcmp(image.repository, repository) == 0;
}

static int find_named(const struct workload *w, const char *name, const char *repository,
                      struct workload_container *ret, struct err *err)
{
    struct workload_container c;
    for (size_t i = 0; i < json_array_size(w->containers); i++) {
        if (!read_container(json_array_get(w->containers, i), &c) || strcmp(c.name, name) != 0)
            continue;
        if (!runs_from(&c, repository))
            return err_set(err, ERR_DENIED, "container %s runs %.100s, which is not from %.100s: refused", name,
                           c.image, repository);
        *ret = c;
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "the workload has no container named %.63s", name);
}

int workload_container_find(const struct workload *w, const char *name, const char *repository,
                            struct workload_container *ret, struct err *err)
{
    struct workload_container c;
    struct workload_container found = {.name = ""};
    size_t fit = 0;
    if (name != NULL)
        return find_named(w, name, repository, ret, err);
    for (size_t i = 0; i < json_array_size(w->containers); i++) {
        if (!read_container(json_array_get(w->containers, i), &c) || !runs_from(&c, repository))
            continue;
        found = c;
        fit++;
    }
    if (fit == 0)
        return err_set(err, ERR_DENIED, "no container of the workload runs an image from %.150s: refused", repository);
    if (fit > 1)
        return err_set(err, ERR_CONFLICT,
                       "several containers run an image from %.150s: MUSTER_CONTAINER_NAME must say which", repository);
    *ret = found;
    return 0;
}

/* --- the change --- */

int workload_check_rolls(const struct workload *w, struct err *err)
{
    if (w->paused)
        return err_set(err, ERR_CONFLICT, "the deployment is paused: a new image would not be rolled out");
    if (w->by_hand)
        return err_set(err, ERR_CONFLICT,
                       "the %s's updateStrategy is not RollingUpdate: a new image would not be rolled out by itself",
                       workload_kind_name(w->kind));
    return 0;
}

int workload_patch(const struct workload *w, const struct workload_container *container, const char *image, char **ret,
                   struct err *err)
{
    json_t *root =
        json_pack("{s:{s:s}, s:{s:{s:{s:[{s:s, s:s}]}}}}", "metadata", "resourceVersion", w->resource_version, "spec",
                  "template", "spec", "containers", "name", container->name, "image", image);
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = text;
    return 0;
}

/* --- how far it is --- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Whether all is over; pods of the new template that work count as done, whichever are ready first. */
static bool is_complete(const struct workload *w)
{
    switch (w->kind) {
    case WORKLOAD_DEPLOYMENT: return w->updated >= w->wanted && w->existing <= w->updated && w->ready >= w->updated;
    case WORKLOAD_DAEMONSET: return w->updated >= w->wanted && w->ready >= w->wanted;
    case WORKLOAD_STATEFULSET:
        if (w->ready < w->wanted)
            return false;
        return w->kept_old > 0 ? w->updated >= w->wanted - w->kept_old : w->one_revision;
    }
    return false;
}

void workload_judge(const struct workload *w, struct workload_progress *ret)
{
    int64_t total = w->wanted - w->kept_old;
    bool seen = w->observed > 0 && w->observed >= w->generation;
    /* Old pods are among the ready ones; those that are missing are taken to be new. */
    int64_t missing = w->ready < w->wanted ? w->wanted - w->ready : 0;
    int64_t working = seen ? least(w->updated, total) - missing : 0;
    *ret =
        (struct workload_progress){.verdict = WORKLOAD_ROLLING, .updated = working > 0 ? working : 0, .total = total};
    if (!seen) {
        (void)snprintf(ret->text, sizeof ret->text, "the cluster has not begun yet");
    } else if (is_complete(w)) {
        ret->verdict = WORKLOAD_ROLLED_OUT;
        ret->updated = total;
        (void)snprintf(ret->text, sizeof ret->text, "%lld of %lld pods are updated", (long long)total,
                       (long long)total);
    } else {
        (void)snprintf(ret->text, sizeof ret->text, "%lld of %lld pods are updated, %lld work", (long long)w->updated,
                       (long long)total, (long long)w->ready);
    }
    if (seen && ret->verdict == WORKLOAD_ROLLING && w->given_up[0] != '\0') {
        ret->verdict = WORKLOAD_GIVEN_UP;
        (void)snprintf(ret->text, sizeof ret->text,
                       "its controller has given up (%.64s): %lld of %lld pods are updated", w->given_up,
                       (long long)ret->updated, (long long)total);
    }
}
