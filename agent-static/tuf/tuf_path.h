/* tuf_path.h: paths of targets: which patterns cover them, and how they are spelled in URLs and file names. */
#ifndef MUSTER_AGENT_TUF_PATH_H
#define MUSTER_AGENT_TUF_PATH_H

#include <stdbool.h>

/* PATHPATTERN of the specification, §4.5: '*' is any run of characters, '?' is one byte, and neither is a slash. */
bool tuf_path_match(const char *pattern, const char *path);

/* s with everything but letters, digits and -._~ as %XX (RFC 3986 §2.1); slashes stay when keep_slash. ret has room for
 * TUF_ENCODED_SIZE of its length. */
#define TUF_ENCODED_SIZE(len) (3 * (len) + 1)
void tuf_path_encode(const char *s, bool keep_slash, char *ret);

#endif
