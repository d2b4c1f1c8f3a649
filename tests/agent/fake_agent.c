/* An agent for the tests of the launcher: does what a script says that is appended to the binary, so that each release
 * is a file of its own, and everything that is done to it is done to a real program.
 *
 *     #script
 *     name 0.2.0
 *     say TEXT          a line on standard error
 *     count N TEXT      N lines, with a number each
 *     ack, replayed …   words for the launcher
 *     serve EPOCH SEQ   from here on: with every tick, if there is a file "server": ack, replayed EPOCH SEQ
 *     sleep MS          ticking
 *     wait FILE         ticking, until there is such a file
 *     forget FILE       removes it
 *     hang              without a tick
 *     crash, exit N
 *     swap              from here on: with every tick, if there is a file "start": begins the update that lies beside
 *                       the binary, with the fields that it has, and asks for a restart
 *
 * After the last line it ticks until SIGTERM. FAKE_DIR: where those files are, and "runs", a line per start and end. A
 * file "kill-swap" with the name of a step has it die right after that step of swap.c. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/agent/agent_steps.c"

enum { TICK_MS = 50, SCRIPT_MAX = 8192 };

static char name[64] = "?";
static int watchdog_fd = -1;
static char served[128]; /* "": does not talk to a server */
static bool updates;
static char agent[PATH_MAX]; /* our binary */

static void note(const char *what)
{
    char line[160];
    int fd = open(steps_path("runs"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    int n = snprintf(line, sizeof line, "%s %s\n", name, what);
    if (fd < 0 || write(fd, line, (size_t)n) != n)
        abort();
    (void)close(fd);
}

static void word(const char *text)
{
    char line[160];
    int n = snprintf(line, sizeof line, "%s\n", text);
    if (write(watchdog_fd, line, (size_t)n) != n)
        _exit(6);
}

static void stop(int signal)
{
    (void)signal;
    note("stopped");
    _exit(0);
}

static void begin_update(void)
{
    struct swap_state start;
    struct err err = {0};
    char *text = NULL;
    size_t len = 0;
    if (file_read(steps_path("start"), SWAP_FILE_MAX, &text, &len, &err) != 0 ||
        swap_text_parse(text, len, &start, &err) != 0 || swap_begin(agent, &start, &err) != 0) {
        note(err.msg);
        return;
    }
    free(text);
    (void)unlink(steps_path("start"));
    note("swapped");
    _exit(SWAP_EXIT_RESTART);
}

/* What the agent does about an update that is over. */
static void look_after(void)
{
    struct swap_state state;
    struct err err = {0};
    char line[64];
    if (swap_state_read(agent, &state, &err) != 0 || (state.phase != SWAP_COMMITTED && state.phase != SWAP_REJECTED))
        return;
    (void)snprintf(line, sizeof line, "saw %s", state.phase == SWAP_COMMITTED ? "committed" : "rejected");
    note(line);
    if (swap_clear(agent, &err) != 0)
        note(err.msg);
}

static void tick(void)
{
    word("tick");
    if (served[0] != '\0' && access(steps_path("server"), F_OK) == 0) {
        char line[160];
        (void)snprintf(line, sizeof line, "replayed %s", served);
        word("ack");
        word(line);
    }
    look_after();
    (void)usleep(TICK_MS * 1000);
}

static void obey(const char *line)
{
    const char *rest = strchr(line, ' ');
    rest = rest != NULL ? rest + 1 : "";
    if (strncmp(line, "name ", 5) == 0) {
        (void)snprintf(name, sizeof name, "%s", rest);
        note("started");
    } else if (strncmp(line, "say ", 4) == 0)
        (void)fprintf(stderr, "%s\n", rest);
    else if (strncmp(line, "count ", 6) == 0)
        for (int i = 0; i < atoi(rest); i++)
            (void)fprintf(stderr, "line %d%s\n", i, strchr(rest, ' '));
    else if (strncmp(line, "forget ", 7) == 0)
        (void)unlink(steps_path(rest));
    else if (strncmp(line, "serve ", 6) == 0)
        (void)snprintf(served, sizeof served, "%s", rest);
    else if (strcmp(line, "ack") == 0 || strncmp(line, "replayed ", 9) == 0)
        word(line);
    else if (strncmp(line, "sleep ", 6) == 0)
        for (int left = atoi(rest); left > 0; left -= TICK_MS)
            tick();
    else if (strncmp(line, "wait ", 5) == 0)
        while (access(steps_path(rest), F_OK) != 0)
            tick();
    else if (strcmp(line, "hang") == 0)
        for (;;)
            (void)pause();
    else if (strcmp(line, "crash") == 0)
        abort();
    else if (strncmp(line, "exit ", 5) == 0)
        _exit(atoi(rest));
    else if (strcmp(line, "swap") == 0)
        updates = true;
    else
        abort();
}

/* What is appended to the binary at path. */
static char *script_of(const char *path)
{
    static char script[SCRIPT_MAX + 1];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        abort();
    off_t from = st.st_size > SCRIPT_MAX ? st.st_size - SCRIPT_MAX : 0;
    ssize_t n = pread(fd, script, SCRIPT_MAX, from);
    (void)close(fd);
    char mark[] = "?#script\n"; /* as it stands here it must not be found */
    mark[0] = '\n';
    char *start = n > 0 ? memmem(script, (size_t)n, mark, sizeof mark - 1) : NULL;
    return start != NULL ? start + sizeof mark - 1 : NULL;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc < 4 || strcmp(argv[1], "run") != 0 || strcmp(argv[2], "--watchdog-fd") != 0 ||
        swap_running_path(agent, &err) != 0)
        return 2;
    watchdog_fd = atoi(argv[3]);
    (void)signal(SIGTERM, stop);
    char *at = script_of(agent);
    if (at == NULL)
        return 3;
    obey(strtok(at, "\n")); /* its name */
    for (char *line; (line = strtok(NULL, "\n")) != NULL;)
        obey(line);
    for (;;) {
        tick();
        if (updates && access(steps_path("start"), F_OK) == 0)
            begin_update();
    }
}
