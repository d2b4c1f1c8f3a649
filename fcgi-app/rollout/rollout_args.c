#include "rollout/rollout_args.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "common/config.h"
#include "common/cursor.h"
#include "common/version.h"
#include "fleet/fleet.h"

enum { SECONDS_MAX = 30 * 24 * 3600 };

const struct cli_option rollout_create_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"version", "VERSION", "the published release"},
    {"previous", "VERSION", "what a roll back puts in place [the newest older release]"},
    {"all", NULL, "every agent"},
    {"label", "KEY=VALUE", "agents with this label; repeated: with all of them"},
    {"agent", "AGENT", "this agent, by id or name; may be repeated"},
    {"stage", "LIST", "stages: numbers of agents and percentages [5,10%,50%,100%]"},
    {"soak", "TIME", "how long a stage is watched before the next: 30s, 10m, 1h [10m]"},
    {"manual", NULL, "go on to the next stage by 'rollout advance' alone"},
    {"k8s-automatic", NULL, "have workloads of containers roll out with their stage"},
    {"max-in-flight", "N", "agents under way at once at most [50]"},
    {"per-minute", "N", "offers a minute at most; 0: no limit [0]"},
    {"window", "WINDOW", "when to offer, UTC: \"mon-fri 22:00-04:00\"; may be repeated [always]"},
    {"fail-percent", "N", "pause above so many percent failed of those offered; none: never [10]"},
    {"fail-count", "N", "pause above so many failed; none: never [none]"},
    {"error-factor", "N", "how many times the errors of before make a host unhealthy; none: never [5]"},
    {"silence", "TIME", "an agent under way that is not heard of for as long has failed [15m]"},
    {"salt", "TEXT", "what the order of agents is drawn with [the version and a colon]"},
    {"wait", NULL, "show how it goes until it has ended or paused; exit 1 unless it is done"},
    {"timeout", "TIME", "how long to wait at most [1d]"},
    {0},
};

const char rollout_create_details[] =
    "Offers a published release to agents, stage by stage. A stage of a number is the first so many agents; a stage "
    "of\n"
    "a percentage those whose place, drawn from version and agent, is below it. The next stage begins when everybody\n"
    "of this one has ended and it was watched for the time of --soak. When too many fail, the rollout pauses itself.";

static bool parse_number(const char *text, int max, int *ret)
{
    uint64_t number = 0;
    if (!cursor_parse_uint(text, (uint64_t)max, &number))
        return false;
    *ret = (int)number;
    return true;
}

bool rollout_parse_seconds(const char *text, int max_s, int *ret)
{
    int64_t seconds = 0;
    if (!config_parse_duration(text, &seconds) || seconds > max_s)
        return false;
    *ret = (int)seconds;
    return true;
}

struct number_option {
    const char *name;
    int min, max;
    bool none; /* "none" is no limit */
    bool time;
    int *ret;
};

static int read_number(const struct cli_args *args, const struct number_option *o, struct err *err)
{
    const char *text = cli_option(args, o->name);
    int value = 0;
    if (text == NULL)
        return 0;
    if (o->none && strcmp(text, "none") == 0) {
        *o->ret = ROLLOUT_NO_LIMIT;
        return 0;
    }
    bool ok = o->time ? rollout_parse_seconds(text, o->max, &value) : parse_number(text, o->max, &value);
    if (!ok || value < o->min)
        return err_set(err, ERR_INVALID, "--%s %.40s: must be a %s from %d to %d%s", o->name, text,
                       o->time ? "time" : "number", o->min, o->max, o->none ? ", or none" : "");
    *o->ret = value;
    return 0;
}

static int read_numbers(const struct cli_args *args, struct rollout_plan *plan, int *ret_soak_s, struct err *err)
{
    const struct number_option options[] = {
        {"soak", 0, SECONDS_MAX, false, true, ret_soak_s},
        {"max-in-flight", 1, 100000, false, false, &plan->max_in_flight},
        {"per-minute", 0, 1000000, false, false, &plan->max_per_minute},
        {"fail-percent", 0, 100, true, false, &plan->fail_percent},
        {"fail-count", 0, 1000000, true, false, &plan->fail_count},
        {"error-factor", 2, 1000, true, false, &plan->error_factor},
        {"silence", 10, 7 * 24 * 3600, false, true, &plan->silence_s},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof options / sizeof options[0]; i++)
        rc = read_number(args, &options[i], err);
    return rc;
}

/* "5,10%" adds two stages; the option may be repeated, too. */
static int add_stages(const char *text, struct rollout_plan *plan, struct err *err)
{
    struct cursor c;
    struct span field;
    int rc = 0;
    cursor_init(&c, span_of(text));
    while (rc == 0 && cursor_field(&c, ',', &field)) {
        char one[24];
        (void)snprintf(one, sizeof one, "%.*s", (int)(field.len < 20 ? field.len : 20), field.ptr);
        if (plan->stage_count == ROLLOUT_STAGES_MAX)
            return err_set(err, ERR_INVALID, "--stage: at most %d stages", ROLLOUT_STAGES_MAX);
        rc = rollout_stage_parse(one, &plan->stages[plan->stage_count++], err);
    }
    return rc;
}

static int read_stages(const struct cli_args *args, struct rollout_plan *plan, int soak_s, struct err *err)
{
    const char *text;
    int rc = 0;
    if (cli_option(args, "stage") != NULL)
        plan->stage_count = 0;
    for (size_t i = 0; rc == 0 && (text = cli_option_nth(args, "stage", i)) != NULL; i++)
        rc = add_stages(text, plan, err);
    for (size_t i = 0; i < plan->stage_count; i++) {
        plan->stages[i].soak_s = soak_s;
        plan->stages[i].manual = cli_switch(args, "manual");
        plan->stages[i].k8s_automatic = cli_switch(args, "k8s-automatic");
    }
    if (rc == 0 && rollout_stages_wrong(plan) != NULL)
        rc = err_set(err, ERR_INVALID, "--stage: %s", rollout_stages_wrong(plan));
    return rc;
}

static int read_windows(const struct cli_args *args, struct rollout_plan *plan, struct err *err)
{
    const char *text;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (text = cli_option_nth(args, "window", i)) != NULL; i++) {
        if (i == ROLLOUT_WINDOWS_MAX)
            return err_set(err, ERR_INVALID, "--window: at most %d windows", ROLLOUT_WINDOWS_MAX);
        rc = rollout_window_parse(text, &plan->windows[plan->window_count++], err);
    }
    return rc;
}

/* --- the target --- */

static int read_labels(const struct cli_args *args, json_t *labels, struct err *err)
{
    const char *text;
    for (size_t i = 0; (text = cli_option_nth(args, "label", i)) != NULL; i++) {
        const char *equals = strchr(text, '=');
        char key[129];
        if (equals == NULL || equals == text || equals - text > 128)
            return err_set(err, ERR_INVALID, "--label %.60s: must be KEY=VALUE", text);
        (void)snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
        if (json_object_set_new(labels, key, json_string(equals + 1)) != 0)
            return err_set(err, ERR_INVALID, "--label %.60s: must be UTF-8", text);
    }
    return 0;
}

static int read_agents(const struct cli_args *args, struct db *db, json_t *agents, struct err *err)
{
    const char *text;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (text = cli_option_nth(args, "agent", i)) != NULL; i++) {
        char id[UUID_SIZE];
        rc = fleet_agent_resolve(db, text, id, err);
        if (rc == 0 && json_array_append_new(agents, json_string(id)) != 0)
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    return rc;
}

static int read_target(const struct cli_args *args, struct db *db, json_t **ret, struct err *err)
{
    bool all = cli_switch(args, "all"), labels = cli_option(args, "label") != NULL,
         agents = cli_option(args, "agent") != NULL;
    if (all + labels + agents != 1)
        return err_set(err, ERR_INVALID, "say which agents: --all, --label KEY=VALUE or --agent AGENT");
    json_t *value = all ? json_true() : labels ? json_object() : json_array();
    *ret = json_pack("{s:o}", all ? "all" : labels ? "labels" : "agents", value);
    if (*ret == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return all ? 0 : labels ? read_labels(args, value, err) : read_agents(args, db, value, err);
}

static int read_version(const struct cli_args *args, const char *option, const char **ret, struct err *err)
{
    *ret = cli_option(args, option);
    if (*ret != NULL && !version_valid(*ret))
        return err_set(err, ERR_INVALID, "--%s %.64s: must be a version such as 0.2.0", option, *ret);
    return 0;
}

int rollout_args_read(const struct cli_args *args, struct db *db, struct rollout_new *ret, json_t **ret_target,
                      struct err *err)
{
    int soak_s = 600;
    rollout_plan_default(&ret->plan);
    ret->salt = cli_option(args, "salt");
    int rc = read_version(args, "version", &ret->version, err);
    if (rc == 0 && ret->version == NULL)
        rc = err_set(err, ERR_INVALID, "say which release: --version VERSION");
    if (rc == 0)
        rc = read_version(args, "previous", &ret->previous_version, err);
    if (rc == 0)
        rc = read_numbers(args, &ret->plan, &soak_s, err);
    if (rc == 0)
        rc = read_stages(args, &ret->plan, soak_s, err);
    if (rc == 0)
        rc = read_windows(args, &ret->plan, err);
    if (rc == 0 && ret->salt != NULL && strlen(ret->salt) > 64)
        rc = err_set(err, ERR_INVALID, "--salt: at most 64 bytes");
    if (rc == 0)
        rc = read_target(args, db, ret_target, err);
    ret->target = *ret_target;
    return rc;
}
