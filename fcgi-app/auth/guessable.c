#include "auth/guessable.h"

#include <stdint.h>
#include <string.h>

#include "auth/common_words.h"
#include "common/wipe.h"

/* Longer ones are only looked at for repetition: no two words cover them. */
enum { COVERED_MAX = 96, DISTINCT_MIN = 5 };

/* What parts cost, and from where on a password is on the safe side: three words are, two and a sign or two are not. */
enum { COST_PART = 3, COST_CHARACTER = 1, COST_SAFE = 9, WORD_MIN = 4, ROW_MIN = 3 };

static bool on_the_list(uint64_t hash)
{
    size_t low = 0, high = common_words_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (common_words[middle] == hash)
            return true;
        if (common_words[middle] < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void lower_cost(unsigned char *at, int cost)
{
    if (cost < *at)
        *at = (unsigned char)cost;
}

/* How far a row goes on from s[0] that goes up or down by step each time. */
static size_t row_length(const unsigned char *s, size_t len, int step)
{
    size_t n = 1;
    while (n < len && s[n] - s[n - 1] == step)
        n++;
    return n;
}

/* Words of the list that begin at s: their ends become reachable for cost. */
static void reach_by_list(const unsigned char *s, size_t len, unsigned char *costs, int cost)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t n = 1; n <= len && n <= common_words_longest; n++) {
        hash = (hash ^ s[n - 1]) * UINT64_C(0x100000001b3);
        if (n >= WORD_MIN && on_the_list(hash))
            lower_cost(&costs[n], cost);
    }
}

static void reach_by_words(const unsigned char *s, size_t len, const char *const words[], unsigned char *costs,
                           int cost)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        size_t n = strlen(words[i]);
        if (n >= WORD_MIN && n <= len && memcmp(s, words[i], n) == 0)
            lower_cost(&costs[n], cost);
    }
}

/* The least cost of parts that cover s. */
static int cover(const unsigned char *s, size_t len, const char *const words[])
{
    unsigned char costs[COVERED_MAX + 1];
    memset(costs, COST_SAFE, sizeof costs);
    costs[0] = 0;
    for (size_t i = 0; i < len; i++) {
        if (costs[i] >= COST_SAFE)
            continue;
        unsigned char *here = &costs[i];
        int part = *here + COST_PART;
        lower_cost(&here[1], *here + COST_CHARACTER);
        lower_cost(&here[row_length(s + i, len - i, 0)], *here + COST_CHARACTER);
        for (int step = -1; step <= 1; step += 2) {
            size_t n = row_length(s + i, len - i, step);
            if (n >= ROW_MIN)
                lower_cost(&here[n], part);
        }
        reach_by_list(s + i, len - i, here, part);
        reach_by_words(s + i, len - i, words, here, part);
    }
    int cost = costs[len];
    wipe(costs, sizeof costs);
    return cost;
}

/* The same again: abcabcab. */
static bool repeats(const unsigned char *s, size_t len)
{
    for (size_t period = 1; period <= len / 2; period++)
        if (memcmp(s, s + period, len - period) == 0)
            return true;
    return false;
}

static bool few_characters(const unsigned char *s, size_t len)
{
    bool seen[256] = {false};
    int distinct = 0;
    for (size_t i = 0; i < len; i++) {
        distinct += !seen[s[i]];
        seen[s[i]] = true;
    }
    return distinct < DISTINCT_MIN;
}

/* Digits and signs that stand for letters. */
static unsigned char letter_of(unsigned char c)
{
    static const char signs[] = "0134578@$!", letters[] = "oieastbasi";
    const char *at = c != '\0' ? strchr(signs, c) : NULL;
    return at != NULL ? (unsigned char)letters[at - signs] : c;
}

bool guessable(const char *password, size_t len, const char *const words[])
{
    unsigned char text[COVERED_MAX] = {0};
    const unsigned char *bytes = (const unsigned char *)password;
    if (few_characters(bytes, len) || repeats(bytes, len))
        return true;
    if (len > COVERED_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        text[i] = bytes[i] >= 'A' && bytes[i] <= 'Z' ? (unsigned char)(bytes[i] + ('a' - 'A')) : bytes[i];
    bool found = repeats(text, len) || cover(text, len, words) < COST_SAFE;
    for (size_t i = 0; i < len && !found; i++)
        text[i] = letter_of(text[i]);
    found = found || cover(text, len, words) < COST_SAFE;
    wipe(text, sizeof text);
    return found;
}
