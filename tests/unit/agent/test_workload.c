#include "../unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/jsonread.h"
#include "update/workload.h"

/* --- names --- */

static void a_name_is_taken_apart_and_gives_a_path(void **state)
{
    (void)state;
    struct workload_id id;
    struct err err = {0};
    char text[WORKLOAD_TEXT_SIZE];
    char path[WORKLOAD_PATH_SIZE];
    assert_int_equal(workload_id_parse("tools/DaemonSet/muster.agent-1", &id, &err), 0);
    assert_string_equal(id.space, "tools");
    assert_int_equal(id.kind, WORKLOAD_DAEMONSET);
    assert_string_equal(id.name, "muster.agent-1");
    workload_id_text(&id, text);
    assert_string_equal(text, "tools/daemonset/muster.agent-1");
    workload_id_path(&id, path);
    assert_string_equal(path, "/apis/apps/v1/namespaces/tools/daemonsets/muster.agent-1");
    assert_int_equal(workload_id_parse("a/deployment/b", &id, &err), 0);
    workload_id_path(&id, path);
    assert_string_equal(path, "/apis/apps/v1/namespaces/a/deployments/b");
    assert_int_equal(workload_id_parse("a/STATEFULSET/b", &id, &err), 0);
    workload_id_path(&id, path);
    assert_string_equal(path, "/apis/apps/v1/namespaces/a/statefulsets/b");
}

static void what_is_no_name_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "a",
                                        "a/deployment",
                                        "a/deployment/",
                                        "/deployment/b",
                                        "a//b",
                                        "a/pod/b",
                                        "a/deployments/b",
                                        "a/deployment/b/c",
                                        "A/deployment/b",
                                        "a/deployment/B",
                                        "-a/deployment/b",
                                        "a-/deployment/b",
                                        "a.b/deployment/b",
                                        "a/deployment/.b",
                                        "a/deployment/b.",
                                        "a/deployment/b..c",
                                        "a/deployment/b.-c",
                                        "a/deployment/..",
                                        "a/deployment/b?x=y",
                                        "a/deployment/b%2f",
                                        "a/deployment/b c",
                                        "a/deployment/b\nc",
                                        " a/deployment/b",
                                        "a/deployment/\xc3\xa4",
                                        "a/deployment/b_c"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct workload_id id;
        struct err err = {0};
        if (workload_id_parse(wrong[i], &id, &err) != ERR_INVALID)
            fail_msg("taken: %s", wrong[i]);
    }
}

static void names_have_the_limits_of_kubernetes(void **state)
{
    (void)state;
    struct workload_id id;
    struct err err;
    char text[600];
    char label[65];
    memset(label, 'a', sizeof label);
    (void)snprintf(text, sizeof text, "%.63s/deployment/%.63s.%.61s", label, label, label);
    assert_int_equal(workload_id_parse(text, &id, &err), 0);
    (void)snprintf(text, sizeof text, "%.64s/deployment/b", label);
    assert_int_equal(workload_id_parse(text, &id, &err), ERR_INVALID);
    (void)snprintf(text, sizeof text, "%.63s/deployment/%.63s.%.62s", label, label, label);
    assert_int_equal(workload_id_parse(text, &id, &err), ERR_INVALID);
}

/* --- the API's answer --- */

#define CONTAINERS                                                                                                     \
    "'containers':[{'name':'proxy','image':'registry/proxy:1'},"                                                       \
    "{'name':'agent','image':'registry/muster-agent:0.1.0','env':[]}]"
#define OBJECT(spec, status)                                                                                           \
    "{'metadata':{'name':'w','resourceVersion':'77','generation':3},'spec':{" spec "'template':{'spec':{" CONTAINERS   \
    "}}},'status':{" status "}}"

static json_t *parsed(const char *text)
{
    struct err err = {0};
    char copy[4096];
    assert_true(strlen(text) < sizeof copy);
    (void)strcpy(copy, text);
    for (char *c = copy; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    json_t *value = jsonread_parse(span_of(copy), &err);
    if (value == NULL)
        fail_msg("%s in %s", err.msg, copy);
    return value;
}

static struct workload_id id_of(enum workload_kind kind)
{
    return (struct workload_id){.space = "s", .kind = kind, .name = "w"};
}

/* The reply lives on in *ret_json, whose containers w borrows. */
static struct workload take(enum workload_kind kind, const char *text, json_t **ret_json)
{
    struct workload w;
    struct err err = {0};
    const struct workload_id id = id_of(kind);
    *ret_json = parsed(text);
    if (workload_read(*ret_json, &id, &w, &err) != 0)
        fail_msg("%s", err.msg);
    return w;
}

static void assert_judged(enum workload_kind kind, const char *text, enum workload_verdict verdict, int updated,
                          int total)
{
    json_t *json;
    struct workload_progress progress;
    const struct workload w = take(kind, text, &json);
    workload_judge(&w, &progress);
    json_decref(json);
    if (progress.verdict != verdict || progress.updated != updated || progress.total != total)
        fail_msg("%s: verdict %d, %d of %d: %s", text, (int)progress.verdict, (int)progress.updated,
                 (int)progress.total, progress.text);
}

static void a_deployment_is_rolled_out_when_its_new_pods_work_and_the_old_are_gone(void **state)
{
    (void)state;
    const enum workload_kind kind = WORKLOAD_DEPLOYMENT;
#define DEPLOYMENT(observed, replicas, updated, available)                                                             \
    OBJECT("'replicas':3,", "'observedGeneration':" #observed ",'replicas':" #replicas ",'updatedReplicas':" #updated  \
                            ",'availableReplicas':" #available)
    assert_judged(kind, DEPLOYMENT(2, 3, 3, 3), WORKLOAD_ROLLING, 0,
                  3); /* all that is said is about the old template */
    assert_judged(kind, DEPLOYMENT(3, 4, 1, 3), WORKLOAD_ROLLING, 1, 3);
    assert_judged(kind, DEPLOYMENT(3, 4, 3, 3), WORKLOAD_ROLLING, 3, 3); /* an old one is still there */
    assert_judged(kind, DEPLOYMENT(3, 3, 3, 2), WORKLOAD_ROLLING, 2, 3);
    assert_judged(kind, DEPLOYMENT(3, 3, 2, 3), WORKLOAD_ROLLING, 2, 3);
    assert_judged(kind, DEPLOYMENT(3, 3, 3, 3), WORKLOAD_ROLLED_OUT, 3, 3);
    assert_judged(kind, DEPLOYMENT(4, 3, 3, 3), WORKLOAD_ROLLED_OUT, 3, 3);
    assert_judged(kind, OBJECT("'replicas':0,", "'observedGeneration':3"), WORKLOAD_ROLLED_OUT, 0, 0);
    assert_judged(kind, OBJECT("", ""), WORKLOAD_ROLLING, 0, 1);
}

static void a_deployment_whose_controller_gave_up_is_given_up(void **state)
{
    (void)state;
#define CONDITION(status)                                                                                              \
    "'observedGeneration':3,'replicas':3,'updatedReplicas':1,'availableReplicas':2,'conditions':[{'type':"             \
    "'Available','status':'False'},{'type':'Progressing','status':'" status "','reason':'ProgressDeadlineExceeded'}]"
    assert_judged(WORKLOAD_DEPLOYMENT, OBJECT("'replicas':3,", CONDITION("False")), WORKLOAD_GIVEN_UP, 0, 3);
    assert_judged(WORKLOAD_DEPLOYMENT, OBJECT("'replicas':3,", CONDITION("True")), WORKLOAD_ROLLING, 0, 3);
    /* That was the roll-out before this one. */
    assert_judged(
        WORKLOAD_DEPLOYMENT,
        OBJECT("'replicas':3,", "'observedGeneration':2,'conditions':[{'type':'Progressing','status':'False'}]"),
        WORKLOAD_ROLLING, 0, 3);
}

static void a_daemonset_is_rolled_out_when_every_node_has_a_new_pod_that_works(void **state)
{
    (void)state;
    const enum workload_kind kind = WORKLOAD_DAEMONSET;
#define DAEMONSET(observed, desired, updated, available)                                                               \
    OBJECT("'updateStrategy':{'type':'RollingUpdate'},",                                                               \
           "'observedGeneration':" #observed ",'desiredNumberScheduled':" #desired                                     \
           ",'updatedNumberScheduled':" #updated ",'numberAvailable':" #available)
    assert_judged(kind, DAEMONSET(2, 5, 5, 5), WORKLOAD_ROLLING, 0, 5);
    assert_judged(kind, DAEMONSET(3, 5, 2, 4), WORKLOAD_ROLLING, 1, 5);
    assert_judged(kind, DAEMONSET(3, 5, 5, 4), WORKLOAD_ROLLING, 4, 5);
    assert_judged(kind, DAEMONSET(3, 5, 4, 5), WORKLOAD_ROLLING, 4, 5);
    assert_judged(kind, DAEMONSET(3, 5, 5, 5), WORKLOAD_ROLLED_OUT, 5, 5);
    assert_judged(kind, DAEMONSET(3, 0, 0, 0), WORKLOAD_ROLLED_OUT, 0, 0);
}

static void a_statefulset_is_rolled_out_when_one_revision_is_left(void **state)
{
    (void)state;
    const enum workload_kind kind = WORKLOAD_STATEFULSET;
#define STATEFULSET(spec, updated, ready, current)                                                                     \
    OBJECT("'replicas':3," spec, "'observedGeneration':3,'replicas':3,'updatedReplicas':" #updated                     \
                                 ",'readyReplicas':" #ready ",'currentRevision':'" current "','updateRevision':'b'")
    assert_judged(kind, STATEFULSET("", 2, 3, "a"), WORKLOAD_ROLLING, 2, 3);
    assert_judged(kind, STATEFULSET("", 3, 2, "b"), WORKLOAD_ROLLING, 2, 3);
    assert_judged(kind, STATEFULSET("", 3, 3, "a"), WORKLOAD_ROLLING, 3, 3);
    assert_judged(kind, STATEFULSET("", 3, 3, "b"), WORKLOAD_ROLLED_OUT, 3, 3);
#define PARTITION "'updateStrategy':{'rollingUpdate':{'partition':2}},"
    assert_judged(kind, STATEFULSET(PARTITION, 0, 3, "a"), WORKLOAD_ROLLING, 0, 1);
    assert_judged(kind, STATEFULSET(PARTITION, 1, 3, "a"), WORKLOAD_ROLLED_OUT, 1, 1);
}

static void a_workload_that_would_not_roll_is_told_before_it_is_changed(void **state)
{
    (void)state;
    json_t *json;
    struct err err = {0};
    struct workload w = take(WORKLOAD_DEPLOYMENT, OBJECT("'paused':true,", ""), &json);
    assert_int_equal(workload_check_rolls(&w, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "paused"));
    json_decref(json);
    w = take(WORKLOAD_DAEMONSET, OBJECT("'updateStrategy':{'type':'OnDelete'},", ""), &json);
    assert_int_equal(workload_check_rolls(&w, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "updateStrategy"));
    json_decref(json);
    w = take(WORKLOAD_DAEMONSET, OBJECT("", ""), &json);
    assert_int_equal(workload_check_rolls(&w, &err), 0);
    json_decref(json);
}

static void an_answer_that_is_none_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *told;
    } wrong[] = {
        {"[]", "object"},
        {"{}", "/metadata"},
        {"{'metadata':{}}", "/spec"},
        {"{'metadata':{'name':'w','resourceVersion':'1'},'spec':{'template':{'spec':{" CONTAINERS "}}}}",
         "/generation"},
        {OBJECT("'updateStrategy':{'type':7},", ""), "/spec/updateStrategy/type"},
        {OBJECT("'updateStrategy':7,", ""), "/spec/updateStrategy"},
        {OBJECT("'replicas':-1,", ""), "/spec/replicas"},
        {OBJECT("'replicas':1e3,", ""), "/spec/replicas"},
        {OBJECT("", "'updatedReplicas':9223372036854775807"), "/status/updatedReplicas"},
        {OBJECT("", "'conditions':[7]"), "/status/conditions/0"},
        {OBJECT("", "'conditions':[{'type':{}}]"), "/status/conditions/0/type"},
        {"{'metadata':{'name':'w','resourceVersion':'1','generation':1},'spec':{'template':{'spec':{'containers':[]}}}"
         "}",
         "containers"},
        {"{'metadata':{'name':'v','resourceVersion':'1','generation':1},'spec':{'template':{'spec':{" CONTAINERS "}}}}",
         "another workload"},
    };
    const struct workload_id id = id_of(WORKLOAD_DEPLOYMENT);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct workload w;
        struct err err = {0};
        json_t *json = parsed(wrong[i].text);
        assert_int_equal(workload_read(json, &id, &w, &err), ERR_INVALID);
        if (strstr(err.msg, wrong[i].told) == NULL)
            fail_msg("%s: %s", wrong[i].told, err.msg);
        json_decref(json);
    }
}

/* --- the container --- */

static int find(const char *containers, const char *name, const char *repository, struct workload_container *ret,
                struct err *err)
{
    json_t *list = parsed(containers);
    const struct workload w = {.kind = WORKLOAD_DEPLOYMENT, .containers = list};
    int rc = workload_container_find(&w, name, repository, ret, err);
    json_decref(list);
    return rc;
}

static const char two[] = "[{'name':'proxy','image':'registry/proxy:1'},{'name':'agent','image':'registry/agent:1'}]";

static void the_container_is_found_by_its_repository_or_its_name(void **state)
{
    (void)state;
    struct workload_container c;
    struct err err = {0};
    assert_int_equal(find(two, NULL, "registry/agent", &c, &err), 0);
    assert_string_equal(c.name, "agent");
    assert_string_equal(c.image, "registry/agent:1");
    assert_int_equal(find(two, "agent", "registry/agent", &c, &err), 0);
    assert_string_equal(c.name, "agent");
}

static void a_container_of_another_repository_is_never_the_one(void **state)
{
    (void)state;
    struct workload_container c;
    struct err err = {0};
    assert_int_equal(find(two, NULL, "registry/agen", &c, &err), ERR_DENIED);
    assert_int_equal(find(two, NULL, "registry/agent2", &c, &err), ERR_DENIED);
    assert_int_equal(find(two, NULL, "evil/agent", &c, &err), ERR_DENIED);
    assert_int_equal(find(two, "proxy", "registry/agent", &c, &err), ERR_DENIED);
    assert_non_null(strstr(err.msg, "proxy"));
    assert_int_equal(find(two, "other", "registry/agent", &c, &err), ERR_NOT_FOUND);
    assert_int_equal(find("[7,{},{'name':'x'},{'name':'X/','image':'registry/agent:1'},{'name':'x','image':'?'}]", NULL,
                          "registry/agent", &c, &err),
                     ERR_DENIED);
}

static void two_that_fit_need_a_name(void **state)
{
    (void)state;
    static const char twins[] = "[{'name':'a','image':'registry/agent:1'},{'name':'b','image':'registry/agent:2'}]";
    struct workload_container c;
    struct err err = {0};
    assert_int_equal(find(twins, NULL, "registry/agent", &c, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "MUSTER_CONTAINER_NAME"));
    assert_int_equal(find(twins, "b", "registry/agent", &c, &err), 0);
    assert_string_equal(c.image, "registry/agent:2");
}

static void the_patch_names_one_container_its_image_and_the_version_looked_at(void **state)
{
    (void)state;
    const struct workload w = {.kind = WORKLOAD_DEPLOYMENT, .resource_version = "4711"};
    const struct workload_container c = {.name = "muster-agent", .image = "registry/muster-agent:0.1.0"};
    struct err err = {0};
    char *patch = NULL;
    assert_int_equal(workload_patch(&w, &c, "registry/muster-agent:0.2.0", &patch, &err), 0);
    assert_string_equal(patch,
                        "{\"metadata\":{\"resourceVersion\":\"4711\"},\"spec\":{\"template\":{\"spec\":"
                        "{\"containers\":[{\"name\":\"muster-agent\",\"image\":\"registry/muster-agent:0.2.0\"}]}}}}");
    free(patch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_taken_apart_and_gives_a_path),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(names_have_the_limits_of_kubernetes),
        cmocka_unit_test(a_deployment_is_rolled_out_when_its_new_pods_work_and_the_old_are_gone),
        cmocka_unit_test(a_deployment_whose_controller_gave_up_is_given_up),
        cmocka_unit_test(a_daemonset_is_rolled_out_when_every_node_has_a_new_pod_that_works),
        cmocka_unit_test(a_statefulset_is_rolled_out_when_one_revision_is_left),
        cmocka_unit_test(a_workload_that_would_not_roll_is_told_before_it_is_changed),
        cmocka_unit_test(an_answer_that_is_none_is_refused_with_its_place),
        cmocka_unit_test(the_container_is_found_by_its_repository_or_its_name),
        cmocka_unit_test(a_container_of_another_repository_is_never_the_one),
        cmocka_unit_test(two_that_fit_need_a_name),
        cmocka_unit_test(the_patch_names_one_container_its_image_and_the_version_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
