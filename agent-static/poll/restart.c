#include "poll/restart.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "poll/poller.h"

enum { UNIT_MAX = 256, CGROUP_MAX = 16 * 1024, EXIT_NOT_STARTED = 127 };

/* The last path segment that ends in .service: "0::/system.slice/muster-agent.service". */
bool restart_unit_of(const char *cgroup, char *ret)
{
    static const char suffix[] = ".service";
    const char *end = NULL;
    for (const char *at = cgroup; (at = strstr(at, suffix)) != NULL; at += sizeof suffix - 1)
        if (strchr("/\n", at[sizeof suffix - 1]) != NULL)
            end = at + sizeof suffix - 1;
    if (end == NULL)
        return false;
    const char *start = end;
    while (start > cgroup && start[-1] != '/' && start[-1] != '\n')
        start--;
    if (start == cgroup || start[-1] != '/' || end - start >= UNIT_MAX || start[0] == '-')
        return false;
    (void)snprintf(ret, UNIT_MAX, "%.*s", (int)(end - start), start);
    return true;
}

/* systemd-run comes back as soon as the transient unit is queued. */
static int systemd_restart(const char *unit, struct err *err)
{
    const char *const args[] = {"systemd-run", "--quiet", "--collect", "--no-block", "systemctl",
                                "restart",     "--",      unit,        NULL};
    char *argv[sizeof args / sizeof args[0]];
    int status = 0;
    memcpy(argv, args, sizeof argv); /* execvp changes none of them, but its prototype does not say so */
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(err, ERR_UNAVAILABLE, "fork");
    if (pid == 0) {
        signals_unblock();
        (void)execvp(argv[0], argv);
        _exit(EXIT_NOT_STARTED);
    }
    while (waitpid(pid, &status, 0) < 0)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, ERR_UNAVAILABLE, "systemd-run did not take it (exit code %d)",
                       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return 0;
}

static int ask_systemd(struct err *err)
{
    char unit[UNIT_MAX];
    char *cgroup = NULL;
    int rc = file_read("/proc/self/cgroup", CGROUP_MAX, &cgroup, NULL, err);
    if (rc == 0 && !restart_unit_of(cgroup, unit))
        rc = err_set(err, ERR_NOT_FOUND, "this process runs in no systemd service");
    free(cgroup);
    return rc == 0 ? systemd_restart(unit, err) : rc;
}

void restart_ask(struct poller *p)
{
    const char *method = config_text(p->agent->config, "UPDATE_RESTART_METHOD");
    struct err err = {0};
    if (strcmp(method, "signal") == 0 && kill(getpid(), SIGHUP) == 0)
        return;
    if (strcmp(method, "systemd") == 0) {
        if (ask_systemd(&err) == 0)
            return;
        log_warning("UPDATE_RESTART_METHOD=systemd: %s; restarting as exec does", err.msg);
    }
    p->updates.restart = true;
}
