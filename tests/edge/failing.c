/* What a call gives back that fails: failing BUNDLE, by the library that matches without exceptions.
 *
 * Opens the bundle and matches by it, again and again, while each request for memory in turn is refused: every call
 * says so or succeeds, the next one is as good as ever, and at the end all memory and every mapping is given back. Then
 * the same with a bundle that is cut short or damaged, at many places. */
#include <platewatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long held, asked, refused_at;

static void* allocate(void* context, size_t bytes, size_t alignment) {
    (void)context;
    if (++asked == refused_at) return NULL;
    ++held;
    return aligned_alloc(alignment, bytes);
}

static void release(void* context, void* memory, size_t bytes, size_t alignment) {
    (void)context, (void)bytes, (void)alignment;
    --held;
    free(memory);
}

static void fail(const char* what) {
    fprintf(stderr, "request %lu: %s (%s)\n", refused_at, what, pw_last_error());
    exit(1);
}

/* Lines of this process's memory that name the file. */
static unsigned mappings_of(const char* path) {
    FILE* const file = fopen("/proc/self/maps", "r");
    const char* const slash = strrchr(path, '/');
    char line[4096];
    unsigned found = 0;
    if (file == NULL) fail("no /proc");
    while (fgets(line, sizeof line, file) != NULL) found += strstr(line, slash == NULL ? path : slash + 1) != NULL;
    fclose(file);
    return found;
}

static const char kText[] = "12\xEA\xB0\x80""3456"; /* 12가3456 */
static const char kPlate[] = "12\xEA\xB1\xB0""3456"; /* 12거3456 */

static pw_read a_read(void) {
    static const pw_alternative other = {"8", 1, 0, 0.2};
    static const pw_candidate candidate = {kPlate, sizeof kPlate - 1, 0, 0.3};
    static pw_character characters[7];
    pw_read read = PW_READ_INIT;
    unsigned i;
    for (i = 0; i < 7; ++i) {
        const unsigned in_front = i < 3 ? i : i + 2;
        characters[i].text = kText + in_front;
        characters[i].text_size = i == 2 ? 3 : 1;
        characters[i].alternatives = &other;
        characters[i].alternative_count = i == 3;
        characters[i].p = 0.9;
    }
    read.text = kText;
    read.text_size = sizeof kText - 1;
    read.characters = characters;
    read.character_count = 7;
    read.candidates = &candidate;
    read.candidate_count = 1;
    return read;
}

typedef pw_status (*call)(pw_session* session, const pw_read* reads, pw_matches* found);

static pw_status match_one(pw_session* session, const pw_read* reads, pw_matches* found) {
    pw_options options = PW_OPTIONS_INIT;
    options.max_edits = 3;
    options.flags = PW_ALTERNATIVES;
    return pw_match_read(session, reads, &options, found);
}

static pw_status match_batch(pw_session* session, const pw_read* reads, pw_matches* found) {
    return pw_match_batch(session, reads, 2, NULL, found);
}

static pw_status match_pass(pw_session* session, const pw_read* reads, pw_matches* found) {
    return pw_match_pass(session, reads, 2, NULL, found);
}

static pw_status explain(pw_session* session, const pw_read* reads, pw_matches* found) {
    pw_explanation explanation;
    memset(found, 0, sizeof *found);
    return pw_explain(session, reads, kPlate, &explanation);
}

static const call calls[] = {match_one, match_batch, match_pass, explain};
enum { CALLS = sizeof calls / sizeof *calls };

/* `from` is the file, or NULL: then it is in memory. A status that may not be is a failure. */
static pw_status story(const char* from, const void* bytes, size_t size, int damaged) {
    pw_list* list = NULL;
    pw_matcher* matcher = NULL;
    pw_session* session = NULL;
    pw_read reads[2];
    unsigned i;
    pw_status status = from != NULL ? pw_list_open(from, NULL, &list) : pw_list_map(bytes, size, NULL, &list);
    if (status == PW_OK) status = pw_list_verify(list);
    if (status == PW_OK || damaged) status = pw_matcher_new(list, &matcher) == PW_OK ? status : PW_ERROR_MEMORY;
    if (matcher != NULL && list != NULL && pw_matcher_swap(matcher, list) != PW_OK) status = PW_ERROR_MEMORY;
    if (matcher != NULL && pw_session_new(matcher, &session) != PW_OK) status = PW_ERROR_MEMORY;
    reads[0] = reads[1] = a_read();
    for (i = 0; session != NULL && list != NULL && i < CALLS; ++i) {
        pw_matches found;
        const pw_status once = calls[i](session, reads, &found);
        if (once == PW_OK) continue;
        if (damaged) continue;
        if (once != PW_ERROR_MEMORY) fail("the wrong status");
        status = once;
        if (calls[i](session, reads, &found) != PW_OK) fail("a session is no longer fit");
    }
    pw_session_free(session);
    pw_matcher_free(matcher);
    pw_list_close(list);
    if (held != 0) fail("memory is not given back");
    return status;
}

/* The requests that a story makes until one is refused: all of the first hundreds, then some of them. */
static unsigned long next(unsigned long number) { return number < 400 ? number + 1 : number + number / 50; }

int main(int argc, char** argv) {
    pw_allocator allocator = {sizeof allocator, 0, allocate, release, NULL};
    unsigned long refusals = 0, damages = 0, all;
    unsigned char *bytes, *copy;
    size_t size, at;
    FILE* file;
    if (argc != 2) return fprintf(stderr, "failing BUNDLE\n"), 2;
    if (pw_set_allocator(&allocator) != PW_OK) fail("the allocator is not taken");
    if (story(argv[1], NULL, 0, 0) != PW_OK) fail("it goes wrong by itself");
    all = asked;
    for (refused_at = 1; refused_at <= all; refused_at = next(refused_at)) {
        asked = 0;
        if (story(argv[1], NULL, 0, 0) != PW_ERROR_MEMORY) fail("it is not told");
        if (mappings_of(argv[1]) != 0) fail("the file is still mapped");
        ++refusals;
    }
    refused_at = 0;

    file = fopen(argv[1], "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) fail("the bundle cannot be read");
    size = (size_t)ftell(file);
    rewind(file);
    bytes = aligned_alloc(64, (size + 63) / 64 * 64);
    copy = aligned_alloc(64, (size + 63) / 64 * 64);
    if (bytes == NULL || copy == NULL || fread(bytes, 1, size, file) != size) fail("the bundle cannot be read");
    fclose(file);
    for (at = 0; at < size; at += at < 8192 ? 41 : 1 + size / 211) {
        memcpy(copy, bytes, size);
        if (story(NULL, copy, at, 1) == PW_OK) fail("a torn bundle is taken");
        copy[at] ^= 0x10;
        if (story(NULL, copy, size, 1) == PW_OK) fail("a damaged bundle is taken");
        damages += 2;
    }
    free(bytes);
    free(copy);
    printf("%lu requests for memory, %lu refused; %lu bundles torn or damaged: all told, all given back\n", all, refusals,
           damages);
    return 0;
}
