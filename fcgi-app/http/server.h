/* server.h: the FastCGI side: the socket nginx connects to, and the threads that take requests from it.
 *
 * Each thread blocks in accept(2) on the one socket; the kernel wakes one of them per connection, so no lock of our own
 * stands around it. nginx opens a connection per request (fastcgi_keep_conn off): with kept connections a thread would
 * stay with one, and clients beyond the number of threads would wait for ever. */
#ifndef MUSTER_HTTP_SERVER_H
#define MUSTER_HTTP_SERVER_H

#include <stdbool.h>

#include "common/err.h"

struct app;
struct http_server;

/* Binds the socket (mode 0660; group as configured) and starts the threads. ERR_CONFLICT when another server answers
 * there. Warns when the kernel caps the backlog. Signals the server waits for must be blocked before. */
int http_server_start(struct app *app, struct http_server **ret, struct err *err) MUSTER_NODISCARD;

/* Refuses new connections, lets the threads finish what was accepted or waits in the backlog. False, and the threads
 * still run, when that takes longer than timeout_ms: the process must then end without freeing what they use. Frees s
 * otherwise. NULL does nothing. */
bool http_server_stop(struct http_server *s, int timeout_ms);

#endif
