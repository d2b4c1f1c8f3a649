#include "http/csv.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* What spreadsheets take for the start of a formula, also behind what some of them skip. */
static bool is_formula(const char *text)
{
    text += strspn(text, " \"");
    return text[0] != '\0' && (strchr("=+-@", text[0]) != NULL || is_control(text[0]));
}

/* Where commas stand in numbers, spreadsheets begin a cell at a semicolon, and quotes around it do not keep them from
 * it. */
void csv_text(struct buf *out, bool first, const char *text)
{
    bool quoted = strpbrk(text, ",\"") != NULL || text[0] == ' ';
    if (!first)
        buf_addc(out, ',');
    if (quoted)
        buf_addc(out, '"');
    if (is_formula(text))
        buf_addc(out, '\'');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"')
            buf_addc(out, '"');
        buf_addc(out, is_control(*at) ? ' ' : *at);
        if (*at == ';' && is_formula(at + 1))
            buf_addc(out, '\'');
    }
    if (quoted)
        buf_addc(out, '"');
}

static const json_t *find(const json_t *row, const char *path)
{
    const json_t *at = row;
    char name[64];
    while (at != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        if (len >= sizeof name)
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        at = json_object_get(at, name);
        path += len + (path[len] == '.');
    }
    return at;
}

static void put_value(struct buf *out, bool first, const struct csv_column *column, const json_t *value)
{
    char time[CLOCK_RFC3339_SIZE];
    if (value == NULL || json_is_null(value)) {
        csv_text(out, first, "");
    } else if (json_is_string(value)) {
        csv_text(out, first, json_string_value(value));
    } else if (json_is_integer(value) && column->kind == CSV_TIME) {
        clock_format_rfc3339(json_integer_value(value), time);
        csv_text(out, first, time);
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        if (text == NULL)
            out->failed = true;
        else if (json_is_number(value))
            buf_addf(out, "%s%s", first ? "" : ",", text);
        else
            csv_text(out, first, text);
        free(text);
    }
}

void csv_head(struct buf *out, const struct csv_column columns[])
{
    for (const struct csv_column *c = columns; c->head != NULL; c++)
        csv_text(out, c == columns, c->head);
    buf_adds(out, "\r\n");
}

void csv_row(struct buf *out, const struct csv_column columns[], const json_t *row)
{
    for (const struct csv_column *c = columns; c->head != NULL; c++)
        put_value(out, c == columns, c, find(row, c->path));
    buf_adds(out, "\r\n");
}
