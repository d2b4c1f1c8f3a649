#include "mfa/qr.h"

#include <errno.h>
#include <qrencode.h>

#include "common/blocking.h"
#include "common/wipe.h"

enum { QUIET = 4 }; /* modules of white around it, as the standard asks */

/* One rectangle per run of dark modules in a row. */
static void draw(const QRcode *code, struct buf *ret)
{
    int side = code->width + 2 * QUIET;
    buf_addf(ret,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\" "
             "role=\"img\"><title>QR code</title><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"",
             side, side, side, side);
    for (int y = 0; y < code->width; y++) {
        const unsigned char *row = code->data + (ptrdiff_t)y * code->width;
        for (int x = 0, run; x < code->width; x += run) {
            for (run = 1; x + run < code->width && (row[x + run] & 1) == (row[x] & 1);)
                run++;
            if ((row[x] & 1) != 0)
                buf_addf(ret, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, run, run);
        }
    }
    buf_adds(ret, "\"/></svg>");
}

int qr_svg(const char *text, struct buf *ret, struct err *err)
{
    blocking_begin();
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    blocking_end();
    if (code == NULL)
        return err_sys(err, errno == ERANGE ? ERR_TOO_BIG : ERR_NOMEM, "making a QR code");
    draw(code, ret);
    wipe(code->data, (size_t)code->width * (size_t)code->width);
    QRcode_free(code);
    return buf_ok(ret) ? 0 : err_set(err, ERR_NOMEM, "the QR code is too large");
}
