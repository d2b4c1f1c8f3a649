#include "poll/evidence.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "poll/poller.h"

enum { FILE_MAX = 16 * 1024, REPORT_MAX = 3000 };

/* It is what a broken program wrote: any bytes. */
static void make_printable(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\n' && c != '\t') || c > '~')
            text[i] = '?';
    }
}

void evidence_report(struct poller *p, const char *directory, const char *version)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t len = 0;
    struct err err = {0};
    if (snprintf(path, sizeof path, "%s/%s.log", directory, version) >= (int)sizeof path)
        return;
    int rc = file_read(path, FILE_MAX, &text, &len, &err);
    if (rc == ERR_NOT_FOUND)
        return;
    if (rc == 0) {
        make_printable(text, len);
        const char *tail = len > REPORT_MAX ? text + len - REPORT_MAX : text;
        char message[REPORT_MAX + 128];
        (void)snprintf(message, sizeof message, "the last words of %s:\n%s", version, tail);
        rc = eventlog_append(p->events, LOG_ERROR, "update", message, json_pack("{s:s}", "version", version), &err);
    }
    if (rc != 0)
        log_warning("the last words of %s: %s", version, err.msg);
    free(text);
}
