#include "../unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "archive_fixture.h"
#include "tempdir.h"

/* Archives that no honest agent writes. "to" is where they are extracted; "outside" must stay as it is. */
struct fixture {
    struct tempdir dir;
    struct packed packed;
    struct report report;
    struct archive *writer;
};

static la_ssize_t keep(struct archive *a, void *ctx, const void *data, size_t len)
{
    struct packed *p = ctx;
    (void)a;
    buf_add(&p->archive, data, len);
    return (la_ssize_t)len;
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    tempdir_make(&f.dir);
    assert_int_equal(mkdir(tempdir_path(&f.dir, "to"), 0755), 0);
    assert_int_equal(mkdir(tempdir_path(&f.dir, "outside"), 0755), 0);
    report_init(&f.report);
    report_init(&f.packed.report);
    buf_init(&f.packed.archive, PACKED_MAX);
    f.writer = archive_write_new();
    assert_int_equal(archive_write_set_format_pax(f.writer), ARCHIVE_OK);
    assert_int_equal(archive_write_set_options(f.writer, "hdrcharset=BINARY"), ARCHIVE_OK);
    assert_int_equal(archive_write_open2(f.writer, &f.packed, NULL, keep, NULL, NULL), ARCHIVE_OK);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->writer != NULL)
        (void)archive_write_free(f->writer);
    packed_done(&f->packed);
    report_done(&f->report);
    tempdir_remove(&f->dir);
    return 0;
}

static void add(struct fixture *f, const char *path, mode_t type, const char *symlink_to, const char *hardlink_to,
                const char *content)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_copy_pathname(entry, path);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0755);
    archive_entry_set_size(entry, (la_int64_t)strlen(content));
    if (symlink_to != NULL)
        archive_entry_copy_symlink(entry, symlink_to);
    if (hardlink_to != NULL)
        archive_entry_copy_hardlink(entry, hardlink_to);
    assert_int_equal(archive_write_header(f->writer, entry), ARCHIVE_OK);
    if (*content != '\0')
        assert_int_equal(archive_write_data(f->writer, content, strlen(content)), (la_ssize_t)strlen(content));
    archive_entry_free(entry);
}

static int extract(struct fixture *f)
{
    struct err err;
    assert_int_equal(archive_write_close(f->writer), ARCHIVE_OK);
    (void)archive_write_free(f->writer);
    f->writer = NULL;
    return unpack(&f->packed, tempdir_path(&f->dir, "to"), &f->report, &err);
}

static bool there(const struct fixture *f, const char *name)
{
    struct stat st;
    return lstat(tempdir_path(&f->dir, name), &st) == 0;
}

static void dot_dot_is_refused_and_the_rest_restored(void **state)
{
    struct fixture *f = *state;
    add(f, "../outside/evil", S_IFREG, NULL, NULL, "x");
    add(f, "a/../../outside/evil", S_IFREG, NULL, NULL, "x");
    add(f, "good", S_IFREG, NULL, NULL, "x");
    assert_int_equal(extract(f), 0);
    assert_int_equal(report_problems(&f->report), 2);
    assert_false(there(f, "outside/evil"));
    assert_true(there(f, "to/good"));
}

static void an_absolute_path_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[200];
    (void)snprintf(path, sizeof path, "%s/outside/evil", f->dir.path);
    add(f, path, S_IFREG, NULL, NULL, "x");
    assert_int_equal(extract(f), 0);
    assert_int_equal(report_problems(&f->report), 1);
    assert_false(there(f, "outside/evil"));
}

static void nothing_is_written_through_a_symlink(void **state)
{
    struct fixture *f = *state;
    add(f, "way", S_IFLNK, "../outside", NULL, "");
    add(f, "way/evil", S_IFREG, NULL, NULL, "x");
    add(f, "way/dir/evil", S_IFREG, NULL, NULL, "x");
    assert_int_equal(extract(f), 0);
    assert_int_equal(report_problems(&f->report), 2);
    assert_false(there(f, "outside/evil"));
    assert_false(there(f, "outside/dir"));
}

static void a_directory_entry_does_not_enter_a_symlink_of_its_name(void **state)
{
    struct fixture *f = *state;
    add(f, "way", S_IFLNK, "../outside", NULL, "");
    add(f, "way", S_IFDIR, NULL, NULL, "");
    add(f, "way/inside", S_IFREG, NULL, NULL, "x");
    assert_int_equal(extract(f), 0);
    assert_false(there(f, "outside/inside"));
    assert_true(there(f, "to/way/inside"));
}

static void a_file_replaces_a_symlink_instead_of_writing_through_it(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    int fd = open(tempdir_path(&f->dir, "outside/victim"), O_WRONLY | O_CREAT, 0600);
    (void)close(fd);
    add(f, "way", S_IFLNK, "../outside/victim", NULL, "");
    add(f, "way", S_IFREG, NULL, NULL, "evil");
    assert_int_equal(extract(f), 0);
    assert_int_equal(stat(tempdir_path(&f->dir, "outside/victim"), &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(lstat(tempdir_path(&f->dir, "to/way"), &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void a_hard_link_cannot_reach_outside(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    int fd = open(tempdir_path(&f->dir, "outside/victim"), O_WRONLY | O_CREAT, 0600);
    (void)close(fd);
    add(f, "one", S_IFREG, NULL, "../outside/victim", "");
    add(f, "two", S_IFREG, NULL, "/etc/passwd", "");
    add(f, "way", S_IFLNK, "../outside", NULL, "");
    add(f, "three", S_IFREG, NULL, "way/victim", "");
    assert_int_equal(extract(f), 0);
    assert_int_equal(report_problems(&f->report), 3);
    assert_int_equal(stat(tempdir_path(&f->dir, "outside/victim"), &st), 0);
    assert_int_equal(st.st_nlink, 1);
}

static void a_file_linked_elsewhere_is_replaced_not_overwritten(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    int fd = open(tempdir_path(&f->dir, "outside/victim"), O_WRONLY | O_CREAT, 0600);
    (void)close(fd);
    assert_int_equal(link(tempdir_path(&f->dir, "outside/victim"), tempdir_path(&f->dir, "to/a")), 0);
    add(f, "a", S_IFREG, NULL, NULL, "new content");
    assert_int_equal(extract(f), 0);
    assert_int_equal(stat(tempdir_path(&f->dir, "outside/victim"), &st), 0);
    assert_int_equal(st.st_size, 0);
}

static void a_missing_link_target_is_told(void **state)
{
    struct fixture *f = *state;
    add(f, "one", S_IFREG, NULL, "never/was", "");
    assert_int_equal(extract(f), 0);
    assert_int_equal(report_problems(&f->report), 1);
}

static void what_is_no_archive_is_damaged(void **state)
{
    struct fixture *f = *state;
    struct err err;
    static const char *const texts[] = {"", "hello, this is no archive", "\x1f\x8b\x08 no gzip",
                                        "\x28\xb5\x2f\xfd no zstd"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        buf_clear(&f->packed.archive);
        buf_adds(&f->packed.archive, texts[i]);
        assert_int_equal(unpack(&f->packed, tempdir_path(&f->dir, "to"), &f->report, &err), ERR_CORRUPT);
    }
}

static void other_formats_are_not_read(void **state)
{
    struct fixture *f = *state;
    struct err err;
    static const char zip[] = "PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0ax";
    buf_add(&f->packed.archive, zip, sizeof zip);
    assert_int_equal(unpack(&f->packed, tempdir_path(&f->dir, "to"), &f->report, &err), ERR_CORRUPT);
    assert_false(there(f, "to/a"));
}

/* A real archive to do damage to, of noise, so that no compression hides it. */
static void make_real(struct fixture *f, enum compress_method method)
{
    static const struct walk_options everything;
    struct err err;
    char noise[50000];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof noise; i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (char)(x >> 24);
    }
    int fd = open(tempdir_path(&f->dir, "outside/noise"), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, noise, sizeof noise), sizeof noise);
    (void)close(fd);
    packed_done(&f->packed);
    assert_int_equal(pack_with(&f->packed, tempdir_path(&f->dir, "outside"), &everything, method, 1, &err), 0);
}

static void a_truncated_archive_is_damaged(void **state)
{
    struct fixture *f = *state;
    struct err err;
    static const enum compress_method methods[] = {COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD};
    for (size_t i = 0; i < 3; i++) {
        make_real(f, methods[i]);
        f->packed.archive.len /= 2;
        assert_int_equal(unpack(&f->packed, tempdir_path(&f->dir, "to"), &f->report, &err), ERR_CORRUPT);
    }
}

/* gzip's own check is not looked at by libarchive; there it is the SHA-256 of the whole that finds it. */
static void a_flipped_bit_is_found_by_zstd_s_own_check(void **state)
{
    struct fixture *f = *state;
    struct err err;
    make_real(f, COMPRESS_ZSTD);
    f->packed.archive.data[f->packed.archive.len / 2] ^= 0x10;
    assert_int_equal(unpack(&f->packed, tempdir_path(&f->dir, "to"), &f->report, &err), ERR_CORRUPT);
}

static void list_to(struct fixture *f, bool json, char **ret_text)
{
    size_t len;
    FILE *list = open_memstream(ret_text, &len);
    const struct extract_options options = {
        .mode = EXTRACT_LIST, .read = packed_read, .ctx = &f->packed, .report = &f->report, .list = list, .json = json};
    struct err err;
    f->packed.given = 0;
    assert_int_equal(extract_archive(&options, &err), 0);
    (void)fclose(list);
}

static void a_listing_extracts_nothing_and_cannot_drive_the_terminal(void **state)
{
    struct fixture *f = *state;
    char *text = NULL;
    add(f, "a\x1b[2J\nb", S_IFREG, NULL, NULL, "x");
    assert_int_equal(archive_write_close(f->writer), ARCHIVE_OK);
    list_to(f, false, &text);
    assert_non_null(strstr(text, " a\\033[2J\\012b\n"));
    assert_null(strchr(text, '\x1b'));
    free(text);
    assert_false(there(f, "to/a\x1b[2J\nb"));
}

static void a_json_listing_gives_the_exact_name_too(void **state)
{
    struct fixture *f = *state;
    char *text = NULL;
    add(f, "\xff", S_IFREG, NULL, NULL, "x");
    add(f, "l", S_IFLNK, "target", NULL, "");
    assert_int_equal(archive_write_close(f->writer), ARCHIVE_OK);
    list_to(f, true, &text);
    char whole[1024];
    (void)snprintf(whole, sizeof whole, "[%s]", text);
    json_t *list = json_loads(whole, 0, NULL);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "path")), "\\377");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "pathBase64")), "/w==");
    assert_null(json_object_get(json_array_get(list, 1), "pathBase64"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "target")), "target");
    json_decref(list);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dot_dot_is_refused_and_the_rest_restored, setup, teardown),
        cmocka_unit_test_setup_teardown(an_absolute_path_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_written_through_a_symlink, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_entry_does_not_enter_a_symlink_of_its_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_replaces_a_symlink_instead_of_writing_through_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hard_link_cannot_reach_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_linked_elsewhere_is_replaced_not_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_link_target_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_archive_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(other_formats_are_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_truncated_archive_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flipped_bit_is_found_by_zstd_s_own_check, setup, teardown),
        cmocka_unit_test_setup_teardown(a_listing_extracts_nothing_and_cannot_drive_the_terminal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_json_listing_gives_the_exact_name_too, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
