/* known_answers.h: whether the libraries that this binary was built with compute rightly on this machine: some of their
 * code is chosen by what the processor can do. Takes under 10 ms. */
#ifndef MUSTER_AGENT_UPDATE_KNOWN_ANSWERS_H
#define MUSTER_AGENT_UPDATE_KNOWN_ANSWERS_H

#include "common/err.h"

/* ERR_INTERNAL names what does not. */
int known_answers_check(struct err *err) MUSTER_NODISCARD;

#endif
