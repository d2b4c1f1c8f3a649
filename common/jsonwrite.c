#include "jsonwrite.h"

#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "wipe.h"

int jsonwrite_file(const char *path, json_t *value, size_t flags, struct err *err)
{
    char *text = value != NULL ? json_dumps(value, flags) : NULL;
    json_decref(value);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = file_write(path, text, strlen(text), 0600, err);
    wipe_str(text);
    free(text);
    return rc;
}
