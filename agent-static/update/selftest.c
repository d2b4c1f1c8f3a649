#include "update/selftest.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "common/file.h"
#include "net/api.h"
#include "net/tls.h"
#include "poll/eventlog.h"
#include "update/known_answers.h"

/* Starting children and the next update depend on it. */
static int check_own_file(struct err *err)
{
    unsigned char head[4];
    size_t len = 0;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, ERR_IO, "/proc/self/exe");
    int rc = file_read_all(fd, head, sizeof head, &len, err);
    (void)close(fd);
    if (rc == 0 && (len != sizeof head || memcmp(head, "\177ELF", sizeof head) != 0))
        rc = err_set(err, ERR_IO, "/proc/self/exe is not this program");
    return rc;
}

/* Entropy, the library's start, and the CAs. A host that is not enrolled may have none yet. */
static int check_tls(const struct agent *agent, struct err *err)
{
    struct tls_trust *trust = NULL;
    int rc = api_trust_anonymous(agent, false, &trust, err);
    tls_trust_free(trust);
    return rc == ERR_NOT_FOUND && !agent_enrolled(agent) ? 0 : rc;
}

static int check_eventlog(const struct agent *agent, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(agent, "events", path, err);
    if (rc == 0)
        rc = eventlog_check(path, err);
    return rc != 0 ? err_prefix(err, "event log") : 0;
}

int selftest_self(const char *config_path, struct err *err)
{
    struct agent *agent = NULL;
    int rc = known_answers_check(err);
    if (rc == 0)
        rc = check_own_file(err);
    if (rc == 0)
        rc = agent_look(config_path, &agent, err);
    if (rc == 0)
        rc = check_tls(agent, err);
    if (rc == 0)
        rc = check_eventlog(agent, err);
    agent_close(agent);
    return rc;
}
