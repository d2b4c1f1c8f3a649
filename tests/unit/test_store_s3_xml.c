/* The XML replies of S3 stores, as Amazon documents them and as others write them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_s3_xml.h"
#include "unit.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NS   " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static int setup(void **state)
{
    *state = malloc(sizeof(struct s3_reply));
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static int read_text(void **state, const char *text)
{
    return s3_reply_read(text, strlen(text), *state, NULL);
}

static void an_error_says_code_and_message(void **state)
{
    const struct s3_reply *r = *state;
    assert_int_equal(read_text(state, HEAD "<Error><Code>NoSuchUpload</Code><Message>It &lt;is&gt; gone</Message>"
                                           "<RequestId>1</RequestId></Error>"),
                     0);
    assert_string_equal(r->error.code, "NoSuchUpload");
    assert_string_equal(r->error.message, "It <is> gone");
    assert_false(r->completed);
    assert_int_equal(read_text(state, "<Error/>"), 0);
    assert_string_not_equal(r->error.code, "");
}

static void an_error_inside_something_else_is_none(void **state)
{
    const struct s3_reply *r = *state;
    assert_int_equal(read_text(state, "<Fine><Error><Code>x</Code></Error></Fine>"), 0);
    assert_string_equal(r->error.code, "");
}

static void an_upload_has_an_id_that_is_never_cut(void **state)
{
    const struct s3_reply *r = *state;
    char text[2000];
    assert_int_equal(read_text(state, HEAD "<InitiateMultipartUploadResult" NS "><Bucket>b</Bucket><Key>k</Key>"
                                           "<UploadId>VXBs.b2Fk_SUQ~</UploadId></InitiateMultipartUploadResult>"),
                     0);
    assert_string_equal(r->upload_id, "VXBs.b2Fk_SUQ~");
    (void)snprintf(text, sizeof text,
                   "<InitiateMultipartUploadResult><UploadId>%0*d</UploadId></InitiateMultipartUploadResult>",
                   STORE_UPLOAD_ID_SIZE, 7);
    assert_int_equal(read_text(state, text), 0);
    assert_string_equal(r->upload_id, "");
}

static void a_completion_is_told_by_its_root(void **state)
{
    const struct s3_reply *r = *state;
    assert_int_equal(read_text(state, HEAD "   \n<CompleteMultipartUploadResult" NS "><Location>l</Location>"
                                           "<ETag>&quot;3858f62230ac3c915f300c664312c11f-9&quot;</ETag>"
                                           "</CompleteMultipartUploadResult>"),
                     0);
    assert_true(r->completed);
    assert_string_equal(r->etag, "3858f62230ac3c915f300c664312c11f-9");
    assert_int_equal(read_text(state, "<CompleteMultipartUploadResult><ETag/></CompleteMultipartUploadResult>"), 0);
    assert_true(r->completed);
    assert_string_equal(r->etag, "");
}

static void parts_come_in_pages(void **state)
{
    const struct s3_reply *r = *state;
    assert_int_equal(read_text(state,
                               HEAD "<ListPartsResult" NS "><PartNumberMarker>1</PartNumberMarker>"
                                    "<NextPartNumberMarker>3</NextPartNumberMarker><MaxParts>2</MaxParts>"
                                    "<IsTruncated>true</IsTruncated>"
                                    "<Part><PartNumber>2</PartNumber><ETag>\"aa\"</ETag><Size>10485760</Size></Part>"
                                    "<Part><PartNumber>3</PartNumber><ETag>bb</ETag><Size>-1</Size></Part>"
                                    "</ListPartsResult>"),
                     0);
    assert_true(r->parts_listed && r->truncated);
    assert_int_equal(r->next_part, 3);
    assert_int_equal(r->part_count, 2);
    assert_int_equal(r->parts[0].number, 2);
    assert_int_equal(r->parts[0].size, 10485760);
    assert_string_equal(r->parts[0].etag, "aa");
    assert_string_equal(r->parts[1].etag, "bb");
    assert_int_equal(r->parts[1].size, -1);
}

static void uploads_have_keys_ids_and_an_age(void **state)
{
    const struct s3_reply *r = *state;
    assert_int_equal(read_text(state, HEAD
                               "<ListMultipartUploadsResult" NS "><NextKeyMarker>users/z</NextKeyMarker>"
                               "<NextUploadIdMarker>u9</NextUploadIdMarker><IsTruncated>true</IsTruncated>"
                               "<Upload><Key>users/a</Key><UploadId>u1</UploadId><Initiator><ID>i</ID></Initiator>"
                               "<Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>"
                               "<Upload><Key>users/b</Key><UploadId>u2</UploadId><Initiated>then</Initiated></Upload>"
                               "</ListMultipartUploadsResult>"),
                     0);
    assert_true(r->uploads_listed && r->truncated);
    assert_string_equal(r->next_key, "users/z");
    assert_string_equal(r->next_upload_id, "u9");
    assert_int_equal(r->upload_count, 2);
    assert_string_equal(r->uploads[0].key, "users/a");
    assert_string_equal(r->uploads[0].upload_id, "u1");
    assert_int_equal(r->uploads[0].started_ms, INT64_C(1289422113000));
    assert_int_equal(r->uploads[1].started_ms, 0);
}

static void objects_have_keys_alone(void **state)
{
    const struct s3_reply *r = *state;
    assert_int_equal(read_text(state, HEAD "<ListBucketResult" NS "><Name>b</Name><IsTruncated>false</IsTruncated>"
                                           "<Contents><Key>users/a</Key><Size>1</Size></Contents>"
                                           "<Contents><Key>users/b</Key><Owner><ID>o</ID></Owner></Contents>"
                                           "</ListBucketResult>"),
                     0);
    assert_true(r->objects_listed && !r->uploads_listed && !r->truncated);
    assert_int_equal(r->upload_count, 2);
    assert_string_equal(r->uploads[1].key, "users/b");
    assert_string_equal(r->uploads[1].upload_id, "");
    assert_int_equal(read_text(state, HEAD "<ListBucketResult" NS "/>"), 0);
    assert_true(r->objects_listed);
    assert_int_equal(r->upload_count, 0);
}

static void what_is_no_reply_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "fine",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        HEAD,
        "<a>\x01</a>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>",
        "<a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (read_text(state, texts[i]) != ERR_INVALID)
            fail_msg("accepted: %s", texts[i]);
    assert_int_equal(s3_reply_read("<a>\0</a>", 8, *state, NULL), ERR_INVALID);
}

static void more_than_a_page_is_refused(void **state)
{
    enum { SIZE = 64 * (S3_PARTS_MAX + 2) };
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t count = S3_PARTS_MAX; count <= S3_PARTS_MAX + 1; count++) {
        char *at = stpcpy(text, "<ListPartsResult>");
        for (size_t i = 0; i < count; i++)
            at = stpcpy(at, "<Part><PartNumber>1</PartNumber></Part>");
        (void)stpcpy(at, "</ListPartsResult>");
        assert_int_equal(read_text(state, text), count == S3_PARTS_MAX ? 0 : ERR_INVALID);
    }
    free(text);
}

static void a_text_has_its_limit(void **state)
{
    enum { SIZE = 4000 };
    char text[SIZE];
    (void)snprintf(text, sizeof text, "<Error><Code>%02000d</Code></Error>", 7);
    assert_int_equal(read_text(state, text), 0);
    (void)snprintf(text, sizeof text, "<Error><Code>%03000d</Code></Error>", 7);
    assert_int_equal(read_text(state, text), ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_error_says_code_and_message),
        TEST(an_error_inside_something_else_is_none),
        TEST(an_upload_has_an_id_that_is_never_cut),
        TEST(a_completion_is_told_by_its_root),
        TEST(parts_come_in_pages),
        TEST(uploads_have_keys_ids_and_an_age),
        TEST(objects_have_keys_alone),
        TEST(what_is_no_reply_is_refused),
        TEST(more_than_a_page_is_refused),
        TEST(a_text_has_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
