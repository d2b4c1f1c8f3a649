/* network.h: "192.0.2.0/24", "2001:db8::/32" or a single address, and whether an address lies in it. An IPv4 address
 * and the same one written as ::ffff:a.b.c.d are one. */
#ifndef MUSTER_FLEET_NETWORK_H
#define MUSTER_FLEET_NETWORK_H

#include <stdbool.h>

struct network {
    unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    int bits;                /* of these 128 */
};

/* False when text is none. Bits behind the prefix must be zero: "192.0.2.7/24" is a slip that would be guessed at. */
bool network_parse(const char *text, struct network *ret);

/* False also when address is none. */
bool network_contains(const struct network *network, const char *address);

#endif
