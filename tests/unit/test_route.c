/* Matching paths and methods with the real table. */
#include "unit.h"

#include <string.h>

#include "route.h"

static struct req request(struct arena *arena, enum http_method method, enum http_listener listener, const char *path)
{
    return (struct req){.arena = arena, .method = method, .listener = listener, .path = path};
}

static const struct route *find(void **state, enum http_method method, enum http_listener listener, const char *path,
                                const char **allow)
{
    struct req r = request(*state, method, listener, path);
    return route_find(&r, allow);
}

static int setup(void **state)
{
    *state = arena_new(1 << 20);
    return *state == NULL;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void the_table_is_sound(void **state)
{
    struct err err = {0};
    (void)state;
    if (route_check(&err) != 0)
        fail_msg("%s", err.msg);
}

static void parameters_are_taken_from_their_segments(void **state)
{
    struct req r = request(*state, HTTP_POST, HTTP_ADMIN, "/api/alerts/some id/acknowledge");
    const char *allow;
    const struct route *route = route_find(&r, &allow);
    assert_non_null(route);
    assert_string_equal(route->path, "/api/alerts/{id}/acknowledge");
    assert_string_equal(r.params[0], "some id");
    assert_null(r.params[1]);
}

static void the_rest_of_a_path_is_one_parameter(void **state)
{
    struct req r = request(*state, HTTP_GET, HTTP_AGENT, "/objects/users/u/agents/a/file.tar");
    const char *allow;
    assert_non_null(route_find(&r, &allow));
    assert_string_equal(r.params[0], "users/u/agents/a/file.tar");
}

static void a_path_on_the_other_listener_is_not_found(void **state)
{
    const char *allow = NULL;
    assert_null(find(state, HTTP_GET, HTTP_AGENT, "/api/agents", &allow));
    assert_null(allow);
    assert_null(find(state, HTTP_POST, HTTP_ADMIN, "/api/agent/heartbeat", &allow));
    assert_null(allow);
}

static void a_wrong_method_tells_the_right_ones(void **state)
{
    const char *allow = NULL;
    assert_null(find(state, HTTP_PATCH, HTTP_ADMIN, "/api/agents", &allow));
    assert_non_null(allow);
    assert_non_null(strstr(allow, "GET"));
    assert_non_null(strstr(allow, "POST"));
    assert_null(strstr(allow, "PATCH"));
}

static void a_head_is_answered_by_the_get_route(void **state)
{
    const char *allow = NULL;
    const struct route *route = find(state, HTTP_HEAD, HTTP_ADMIN, "/health", &allow);
    assert_non_null(route);
    assert_int_equal(route->method, HTTP_GET);
}

static void an_unknown_method_is_never_taken(void **state)
{
    const char *allow = NULL;
    assert_null(find(state, HTTP_OTHER, HTTP_ADMIN, "/health", &allow));
    assert_non_null(allow);
}

static void near_misses_are_not_found(void **state)
{
    static const char *const paths[] = {"/",
                                        "/api",
                                        "/api/agents/",
                                        "/health/",
                                        "/api/agents/x/unknown",
                                        "/healthy",
                                        "/api/alerts//acknowledge",
                                        "/objects",
                                        "/objects/"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *allow = NULL;
        if (find(state, HTTP_GET, HTTP_BOTH, paths[i], &allow) != NULL || allow != NULL)
            fail_msg("found: %s", paths[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(parameters_are_taken_from_their_segments),
        cmocka_unit_test(the_rest_of_a_path_is_one_parameter),
        cmocka_unit_test(a_path_on_the_other_listener_is_not_found),
        cmocka_unit_test(a_wrong_method_tells_the_right_ones),
        cmocka_unit_test(a_head_is_answered_by_the_get_route),
        cmocka_unit_test(an_unknown_method_is_never_taken),
        cmocka_unit_test(near_misses_are_not_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
