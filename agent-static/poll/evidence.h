/* evidence.h: what a version on trial said before it was taken back: the launcher keeps it in
 * STATE_DIR/update/evidence/<version>.log, and the agent that runs again reports it. */
#ifndef MUSTER_AGENT_POLL_EVIDENCE_H
#define MUSTER_AGENT_POLL_EVIDENCE_H

struct poller;

/* Puts it into the event log; does nothing when there is none. The file stays for whoever looks at the host. */
void evidence_report(struct poller *p, const char *directory, const char *version);

#endif
