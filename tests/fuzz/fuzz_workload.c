/* Any bytes as the Kubernetes API's answer about a workload, alone and laid over a good one, and as the names around
 * it: whatever is taken gives a patch that is one JSON object, and a judgement that makes sense. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/jsonread.h"
/* clang-format off */
#include "update/image.c"
#include "update/workload.c"
/* clang-format on */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed_names(const char *text)
{
    struct image image;
    struct workload_id id;
    char again[WORKLOAD_TEXT_SIZE];
    char path[WORKLOAD_PATH_SIZE];
    struct err err = {0};
    if (image_parse(text, &image, &err) == 0) {
        assert(strncmp(text, image.repository, strlen(image.repository)) == 0);
        assert(strpbrk(image.repository, " @\"\\\n") == NULL && image.repository[0] != '/');
    }
    if (workload_id_parse(text, &id, &err) == 0) {
        workload_id_text(&id, again);
        assert(strcasecmp(again, text) == 0);
        workload_id_path(&id, path);
        assert(strpbrk(path, "?#%\\ ") == NULL && strstr(path, "..") == NULL && strstr(path, "//") == NULL);
    }
}

static void feed_answer(const json_t *answer, enum workload_kind kind)
{
    const struct workload_id id = {.space = "s", .kind = kind, .name = "w"};
    struct workload w;
    struct workload_progress progress;
    struct workload_container container;
    struct err err = {0};
    if (workload_read(answer, &id, &w, &err) != 0) {
        assert(err.code == ERR_INVALID && err.msg[0] != '\0');
        return;
    }
    workload_judge(&w, &progress);
    assert(progress.updated >= 0 && progress.updated <= progress.total && progress.text[0] != '\0');
    (void)workload_check_rolls(&w, &err);
    if (workload_container_find(&w, NULL, "r/a", &container, &err) != 0)
        return;
    char *patch = NULL;
    assert(strncmp(container.image, "r/a", 3) == 0);
    assert(workload_patch(&w, &container, "r/a:2", &patch, &err) == 0);
    json_t *value = jsonread_parse(span_of(patch), &err);
    assert(json_object_size(value) == 2);
    json_decref(value);
    free(patch);
}

static const char good[] =
    "{\"metadata\":{\"name\":\"w\",\"resourceVersion\":\"1\",\"generation\":2},\"spec\":{\"replicas\":3,"
    "\"updateStrategy\":"
    "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"partition\":1}},\"template\":{\"spec\":{\"containers\":[{"
    "\"name\":\"a\","
    "\"image\":\"r/a:1\"}]}}},\"status\":{\"observedGeneration\":2,\"updatedReplicas\":1,\"readyReplicas\":3}}";

static void feed_laid_over_good(json_t *value, enum workload_kind kind)
{
    struct err err;
    json_t *answer = jsonread_parse(span_of(good), &err);
    assert(answer != NULL);
    if (json_is_object(value) && json_object_update_recursive(answer, value) == 0)
        feed_answer(answer, kind);
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    feed_names(text);
    json_t *value = jsonread_parse((struct span){.ptr = text, .len = size}, &err);
    for (int kind = WORKLOAD_DEPLOYMENT; value != NULL && kind <= WORKLOAD_STATEFULSET; kind++) {
        feed_answer(value, (enum workload_kind)kind);
        feed_laid_over_good(value, (enum workload_kind)kind);
    }
    json_decref(value);
    free(text);
    return 0;
}
