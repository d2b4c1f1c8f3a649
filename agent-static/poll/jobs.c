#include "poll/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "poll/signals.h"

enum { ARGS_MAX = 12, EXIT_NOT_STARTED = 127 };

static struct job *free_place(struct jobs *jobs)
{
    for (size_t i = 0; i < JOBS_MAX; i++)
        if (jobs->list[i].pid == 0)
            return &jobs->list[i];
    return NULL;
}

bool jobs_can_start(const struct jobs *jobs, const char *config_id)
{
    size_t backups = 0;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        const struct job *j = &jobs->list[i];
        if (j->pid == 0 || j->kind != JOB_BACKUP)
            continue;
        backups++;
        if (strcmp(j->config_id, config_id) == 0)
            return false;
    }
    return backups < JOBS_BACKUPS_MAX;
}

/* Between fork and exec; never returns. */
static _Noreturn void become(const char *const args[ARGS_MAX], pid_t parent)
{
    char *argv[ARGS_MAX]; /* execv changes none of them, but its prototype does not say so */
    memcpy(argv, args, sizeof argv);
    signals_unblock();
    /* A child without the agent that watches over it would report to nobody. The second look is for a parent that
     * died before the first line. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_NOT_STARTED);
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        _exit(EXIT_NOT_STARTED);
    if (null > STDERR_FILENO)
        (void)close(null);
    (void)execv("/proc/self/exe", argv);
    _exit(EXIT_NOT_STARTED);
}

static int start(const char *const args[ARGS_MAX], struct job *job, struct err *err)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(err, ERR_UNAVAILABLE, "fork");
    if (pid == 0)
        become(args, parent);
    job->pid = pid;
    return 0;
}

/* args end with NULL and leave room for two more. */
static int start_in_free_place(struct jobs *jobs, const char *args[ARGS_MAX], const char *config_path,
                               const struct job *like, struct err *err)
{
    struct job *place = free_place(jobs);
    struct job job = *like;
    size_t count = 0;
    if (place == NULL)
        return err_set(err, ERR_CONFLICT, "too many children");
    while (args[count] != NULL)
        count++;
    if (config_path != NULL) {
        args[count++] = "--config";
        args[count] = config_path;
    }
    int rc = start(args, &job, err);
    if (rc == 0)
        *place = job;
    return rc;
}

int jobs_start_backup(struct jobs *jobs, const char *config_path, const char *config_id, const char *command_id,
                      struct err *err)
{
    if (!jobs_can_start(jobs, config_id))
        return err_set(err, ERR_CONFLICT, "a backup of this kind is running");
    const char *args[ARGS_MAX] = {"muster-agent", "backup", "--config-id", config_id, "--command-id", command_id};
    struct job job = {.kind = JOB_BACKUP};
    (void)snprintf(job.config_id, sizeof job.config_id, "%s", config_id);
    (void)snprintf(job.command_id, sizeof job.command_id, "%s", command_id);
    return start_in_free_place(jobs, args, config_path, &job, err);
}

int jobs_start_read_back(struct jobs *jobs, const char *config_path, bool verify, const char *job_id,
                         const char *command_id, struct err *err)
{
    if (jobs_run(jobs, JOB_READ_BACK))
        return err_set(err, ERR_CONFLICT, "a restore or a proof is under way");
    const char *args[ARGS_MAX] = {"muster-agent", verify ? "verify" : "restore", "--job", job_id};
    struct job job = {.kind = JOB_READ_BACK};
    (void)snprintf(job.config_id, sizeof job.config_id, "%s", job_id);
    (void)snprintf(job.command_id, sizeof job.command_id, "%s", command_id);
    return start_in_free_place(jobs, args, config_path, &job, err);
}

int jobs_start_reap(struct jobs *jobs, const char *config_path, struct err *err)
{
    if (jobs_run(jobs, JOB_REAP))
        return 0;
    const char *args[ARGS_MAX] = {"muster-agent", "backup", "--reap"};
    return start_in_free_place(jobs, args, config_path, &(struct job){.kind = JOB_REAP}, err);
}

int jobs_start_update(struct jobs *jobs, const char *config_path, const char *version, bool downgrade, struct err *err)
{
    if (jobs_run(jobs, JOB_UPDATE))
        return err_set(err, ERR_CONFLICT, "an update is under way");
    const char *check[ARGS_MAX] = {"muster-agent", "update", "check", "--note"};
    const char *stage[ARGS_MAX] = {"muster-agent", "update", "stage",
                                   version,        "--note", downgrade ? "--downgrade" : NULL};
    return start_in_free_place(jobs, version != NULL ? stage : check, config_path, &(struct job){.kind = JOB_UPDATE},
                               err);
}

bool jobs_run(const struct jobs *jobs, enum job_kind kind)
{
    for (size_t i = 0; i < JOBS_MAX; i++)
        if (jobs->list[i].pid != 0 && jobs->list[i].kind == kind)
            return true;
    return false;
}

int jobs_start_k8s_rollout(struct jobs *jobs, const char *config_path, const char *command_id, const char *version,
                           const char *state_path, struct err *err)
{
    if (jobs_run(jobs, JOB_K8S_ROLLOUT))
        return err_set(err, ERR_CONFLICT, "a roll-out is under way");
    const char *args[ARGS_MAX] = {"muster-agent", "update", "k8s-rollout", "--command-id", command_id,
                                  "--version",    version,  "--state",     state_path};
    struct job job = {.kind = JOB_K8S_ROLLOUT};
    (void)snprintf(job.command_id, sizeof job.command_id, "%s", command_id);
    return start_in_free_place(jobs, args, config_path, &job, err);
}

bool jobs_collect(struct jobs *jobs, struct job *ret, int *ret_status)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct job *j = &jobs->list[i];
        int status = 0;
        if (j->pid == 0)
            continue;
        pid_t pid = waitpid(j->pid, &status, WNOHANG);
        if (pid == 0 || (pid < 0 && errno == EINTR))
            continue;
        if (pid < 0)
            status = EXIT_NOT_STARTED << 8; /* somebody else has collected it: what became of it is not known */
        *ret = *j;
        *ret_status = status;
        *j = (struct job){.pid = 0};
        return true;
    }
    return false;
}

size_t jobs_running(const struct jobs *jobs)
{
    size_t n = 0;
    for (size_t i = 0; i < JOBS_MAX; i++)
        n += jobs->list[i].pid != 0;
    return n;
}

void jobs_signal(const struct jobs *jobs, int signal)
{
    for (size_t i = 0; i < JOBS_MAX; i++)
        if (jobs->list[i].pid != 0)
            (void)kill(jobs->list[i].pid, signal);
}

void jobs_signal_kind(const struct jobs *jobs, enum job_kind kind, int signal)
{
    for (size_t i = 0; i < JOBS_MAX; i++)
        if (jobs->list[i].pid != 0 && jobs->list[i].kind == kind)
            (void)kill(jobs->list[i].pid, signal);
}
