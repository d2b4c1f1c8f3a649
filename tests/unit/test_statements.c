/* Every statement of sql/queries prepares against the schema that the migrations make. */
#include "fixture_db.h"

#include <ctype.h>
#include <sqlite3.h>

static sqlite3 *open_raw(const struct fixture *f)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    return db;
}

static void every_statement_prepares(void **state)
{
    sqlite3 *db = open_raw(*state);
    for (size_t i = 0; i < DB_STATEMENT_COUNT; i++) {
        sqlite3_stmt *stmt = NULL;
        const char *tail = NULL;
        if (sqlite3_prepare_v2(db, db_statements[i].sql, -1, &stmt, &tail) != SQLITE_OK)
            fail_msg("%s: %s", db_statements[i].name, sqlite3_errmsg(db));
        if (tail[strspn(tail, " \n;")] != '\0')
            fail_msg("%s holds more than one statement", db_statements[i].name);
        (void)sqlite3_finalize(stmt);
    }
    (void)sqlite3_close(db);
}

static void every_parameter_has_a_name(void **state)
{
    sqlite3 *db = open_raw(*state);
    for (size_t i = 0; i < DB_STATEMENT_COUNT; i++) {
        sqlite3_stmt *stmt = NULL;
        (void)sqlite3_prepare_v2(db, db_statements[i].sql, -1, &stmt, NULL);
        for (int p = 1; p <= sqlite3_bind_parameter_count(stmt); p++) {
            const char *name = sqlite3_bind_parameter_name(stmt, p);
            if (name == NULL || name[0] != ':')
                fail_msg("%s: parameter %d has no :name", db_statements[i].name, p);
        }
        (void)sqlite3_finalize(stmt);
    }
    (void)sqlite3_close(db);
}

/* Word by word, without what stands in quotes. */
static bool uses_word(const char *sql, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = sql; *p != '\0'; p++) {
        if (*p == '\'') {
            p = strchr(p + 1, '\'');
            if (p == NULL)
                return false;
        } else if (strncasecmp(p, word, len) == 0 && (p == sql || !(isalnum((unsigned char)p[-1]) || p[-1] == '_')) &&
                   !(isalnum((unsigned char)p[len]) || p[len] == '_')) {
            return true;
        }
    }
    return false;
}

static void no_statement_uses_what_only_sqlite_has(void **state)
{
    static const char *const words[] = {"AUTOINCREMENT", "ROWID",        "GLOB",       "IFNULL",  "STRFTIME",
                                        "DATETIME",      "JULIANDAY",    "PRAGMA",     "REPLACE", "json_extract",
                                        "json_each",     "GROUP_CONCAT", "RANDOMBLOB", "TYPEOF",  "INSTR",
                                        "TOTAL",         "PRINTF"};
    (void)state;
    for (size_t i = 0; i < DB_STATEMENT_COUNT; i++)
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
            if (uses_word(db_statements[i].sql, words[w]))
                fail_msg("%s uses %s", db_statements[i].name, words[w]);
    for (const struct migration *m = migrations; m->sql != NULL; m++)
        assert_false(uses_word(m->sql, "AUTOINCREMENT") || uses_word(m->sql, "STRICT"));
}

static void statement_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < DB_STATEMENT_COUNT; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(db_statements[i].name, db_statements[j].name);
}

static void migrations_count_up_from_zero_without_a_gap(void **state)
{
    int64_t want = 0;
    (void)state;
    for (const struct migration *m = migrations; m->sql != NULL; m++)
        assert_int_equal(m->version, want++);
    assert_true(want > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_prepares),
        cmocka_unit_test(every_parameter_has_a_name),
        cmocka_unit_test(no_statement_uses_what_only_sqlite_has),
        cmocka_unit_test(statement_names_are_unique),
        cmocka_unit_test(migrations_count_up_from_zero_without_a_gap),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
