/* version.h: which agent this is. An object of its own, so that tests link releases that differ in nothing else. */
#ifndef MUSTER_AGENT_VERSION_H
#define MUSTER_AGENT_VERSION_H

extern const char agent_version[];

#endif
