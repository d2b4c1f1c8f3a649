/* The backup configs as last seen: STATE_DIR/configs.json. A backup fetches its own; this is for people and scripts. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "poll/poller.h"

static int save(const struct poller *p, const json_t *reply, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(p->agent, "configs.json", path, err);
    if (rc != 0)
        return rc;
    char *text = json_dumps(reply, JSON_INDENT(2));
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = file_write(path, text, strlen(text), 0600, err);
    free(text);
    return rc;
}

int configs_refresh(struct poller *p, int64_t rev, struct err *err)
{
    json_t *reply = NULL;
    if (rev == p->status.configs_rev)
        return 0;
    int rc = api_call(p->api, "GET", "/api/agent/configs", NULL, POLLER_REQUEST_MS, &reply, NULL, err);
    if (rc != 0)
        return err_prefix(err, "backup configs");
    if (!json_is_array(json_object_get(reply, "configs")))
        rc = err_set(err, ERR_INVALID, "backup configs: the server's reply has none");
    if (rc == 0)
        rc = save(p, reply, err);
    if (rc == 0) {
        p->status.configs_rev = rev;
        log_info("backup configs: %zu", json_array_size(json_object_get(reply, "configs")));
    }
    json_decref(reply);
    return rc;
}
