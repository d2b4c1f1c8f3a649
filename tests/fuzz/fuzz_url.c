/* Any bytes as a URL: refused, or a host, a port and a target without anything that could leave its place. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct url u;
    struct err err = {0};
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (url_parse(text, &u, &err) != 0) {
        assert(err.code == ERR_INVALID && err.msg[0] != '\0');
    } else {
        assert(u.host[0] != '\0' && strpbrk(u.host, "@/?# \r\n") == NULL);
        assert(atoi(u.port) > 0 && atoi(u.port) < 65536);
        assert(u.target[0] == '\0' || u.target[0] == '/' || u.target[0] == '?');
        assert(strpbrk(u.target, " \t\r\n#") == NULL);
        assert(url_same_origin(&u, &u));
    }
    free(text);
    return 0;
}
