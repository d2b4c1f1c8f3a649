/* Cross-site request forgery: a cookie travels with requests that other sites cause; our token and Origin do not. */
#include <string.h>

#include "app.h"
#include "common/wipe.h"
#include "http/exchange.h"
#include "route.h"

/* What the browser says of the page that asks; programs that are no browsers say nothing. */
static bool same_origin(const struct req *r)
{
    const char *origin = req_header(r, "Origin");
    const char *site = req_header(r, "Sec-Fetch-Site");
    const struct settings *settings = r->app->settings;
    if (origin != NULL && origin[0] != '\0' && strcmp(origin, settings->public_url) != 0)
        return false;
    return site == NULL || site[0] == '\0' || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
}

bool csrf_check(struct req *r)
{
    /* A token in a header is sent by nobody but the program that has it. */
    if (r->route->csrf == CSRF_NONE ||
        (r->principal.kind == PRINCIPAL_USER && r->principal.credential != CREDENTIAL_COOKIE))
        return true;
    if (!same_origin(r)) {
        reply_problem(r, PROBLEM_CSRF, "The request comes from another site than this server's own pages.");
        return false;
    }
    if (r->route->csrf == CSRF_ORIGIN)
        return true;
    const char *token = req_header(r, "X-CSRF-Token");
    if (token == NULL || r->principal.csrf_token == NULL || !wipe_equal_str(token, r->principal.csrf_token)) {
        reply_problem(r, PROBLEM_CSRF,
                      "The header X-CSRF-Token is missing or not this session's; load the page again.");
        return false;
    }
    return true;
}
