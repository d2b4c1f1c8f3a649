/* qr.h: a text as a QR code (ISO/IEC 18004), drawn as SVG without scripts and styles, so that it shows under any
 * Content-Security-Policy, inside a page as well as in an <img>. */
#ifndef MUSTER_MFA_QR_H
#define MUSTER_MFA_QR_H

#include "common/buf.h"
#include "common/err.h"

/* Appends to ret. ERR_TOO_BIG when no code holds the text. The text may be a secret, and then ret is one. */
int qr_svg(const char *text, struct buf *ret, struct err *err) MUSTER_NODISCARD;

#endif
