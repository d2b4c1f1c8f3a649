/* Codes as people type them: six digits, or a backup code, never both. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mfa/backup_code.h"
#include "mfa/totp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char digits[TOTP_DIGITS + 1], letters[BACKUP_CODE_LETTERS + 1], again[BACKUP_CODE_LETTERS + 1];
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    bool code = totp_parse(text, digits);
    bool backup = backup_code_parse(text, letters);
    assert(!(code && backup));
    assert(strspn(digits, "0123456789") == (code ? TOTP_DIGITS : 0) && strlen(digits) == (code ? TOTP_DIGITS : 0));
    if (backup) {
        assert(strspn(letters, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == BACKUP_CODE_LETTERS);
        assert(backup_code_parse(letters, again) && strcmp(letters, again) == 0);
    }
    free(text);
    return 0;
}
