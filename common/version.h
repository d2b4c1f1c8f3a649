/* version.h: comparing versions by Semantic Versioning 2.0.0 §11: 0.1.9 < 0.1.10-rc.1 < 0.1.10; "+build" is ignored. */
#ifndef MUSTER_COMMON_VERSION_H
#define MUSTER_COMMON_VERSION_H

#include <stdbool.h>

/* Whether s is MAJOR.MINOR.PATCH with an optional -pre.release and +build, at most 64 bytes. */
bool version_valid(const char *s);

/* <0, 0, >0 as a is older, equal, newer. Both must be valid; an invalid one sorts before every valid one. */
int version_compare(const char *a, const char *b);

#endif
