/* Replays what tests/edge/conformance.py has written: replay ANSWERS TOLERANCE BUNDLE [DELTA FOLDER], the latter for a
 * device that takes first the one and then the other.
 *
 * Every match has to be the same; log-likelihoods and probabilities may differ by that much, relative to the
 * value: 0 for to the last bit. */
#include <math.h>
#include <platewatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_READS = 64, MOST_PARTS = 4096, MOST_LINE = 65536, MOST_FIELDS = 8 };

static char text[1 << 20]; /* of the reads that are asked about next */
static size_t text_used;
static pw_read reads[MOST_READS];
static pw_character characters[MOST_PARTS];
static pw_alternative alternatives[MOST_PARTS];
static pw_candidate candidates[MOST_PARTS];
static unsigned read_count, character_count, alternative_count, candidate_count;
static unsigned long line_number;

static void fail(const char* what) {
    fprintf(stderr, "line %lu: %s (%s)\n", line_number, what, pw_last_error());
    exit(1);
}

static const char* keep(const char* field) {
    const size_t size = strlen(field) + 1;
    char* out = text + text_used;
    if (text_used + size > sizeof text) fail("too much text");
    memcpy(out, field, size);
    text_used += size;
    return out;
}

static unsigned split(char* line, char** fields) {
    unsigned count = 0;
    line[strcspn(line, "\n")] = '\0';
    while (count < MOST_FIELDS) {
        char* tab = strchr(line, '\t');
        fields[count++] = line;
        if (tab == NULL) break;
        *tab = '\0';
        line = tab + 1;
    }
    return count;
}

/* A part of the last read. */
static void add(char** field) {
    pw_read* read = &reads[read_count - 1];
    const uint32_t size = (uint32_t)strlen(field[1]);
    const double p = strtod(field[2], NULL);
    if (read_count == 0 || character_count == MOST_PARTS || alternative_count == MOST_PARTS ||
        candidate_count == MOST_PARTS)
        fail("too many parts");
    if (field[0][0] == 'c') {
        pw_character c = {keep(field[1]), size, 0, &alternatives[alternative_count], p};
        if (read->character_count == 0) read->characters = &characters[character_count];
        characters[character_count++] = c;
        ++read->character_count;
    } else if (field[0][0] == 'a') {
        pw_alternative a = {keep(field[1]), size, 0, p};
        alternatives[alternative_count++] = a;
        ++characters[character_count - 1].alternative_count;
    } else {
        pw_candidate o = {keep(field[1]), size, 0, p};
        if (read->candidate_count == 0) read->candidates = &candidates[candidate_count];
        candidates[candidate_count++] = o;
        ++read->candidate_count;
    }
}

static void add_read(char** field) {
    pw_read read = PW_READ_INIT;
    if (read_count == MOST_READS) fail("too many reads");
    read.text_size = (uint32_t)strlen(field[1]);
    read.text = keep(field[1]);
    if (field[2][0] != '\0') read.engine = keep(field[2]);
    if (field[3][0] != '\0') read.camera = keep(field[3]);
    read.confidence = strtod(field[4], NULL);
    read.time = (int64_t)strtoll(field[5], NULL, 10);
    reads[read_count++] = read;
}

static int is_near(double a, double b, double tolerance) {
    return a == b || fabs(a - b) <= tolerance * fabs(b);
}

/* Puts the list in use by which the answers are compared. */
static pw_matcher* open_bundle(const char* path) {
    pw_list* list = NULL;
    pw_matcher* matcher = NULL;
    if (pw_list_open(path, NULL, &list) != PW_OK || pw_list_verify(list) != PW_OK ||
        pw_matcher_new(list, &matcher) != PW_OK)
        fail("the bundle cannot be opened");
    pw_list_close(list);
    return matcher;
}

#if !defined(NO_DEVICES) /* the library that only matches has none */
/* What is tested here are the answers. */
static int32_t believe(void* context, const char* algorithm, const char* key, const uint8_t* message,
                       size_t message_size, const uint8_t* signature, size_t signature_size) {
    (void)context, (void)message, (void)message_size, (void)signature, (void)signature_size;
    return strcmp(algorithm, "ed25519") == 0 && strcmp(key, "conformance") == 0;
}

static pw_matcher* open_by_delta(const char* before, const char* delta, const char* folder) {
    pw_keys keys = PW_KEYS_INIT;
    pw_device_options options = PW_DEVICE_OPTIONS_INIT;
    pw_matcher* matcher = NULL;
    pw_device* device = NULL;
    keys.verify = believe;
    options.directory = folder;
    options.keys = &keys;
    if (pw_matcher_new(NULL, &matcher) != PW_OK || pw_device_open(&options, matcher, &device) != PW_OK ||
        pw_device_accept_file(device, before, PW_NO_CLOCK) != PW_OK ||
        pw_device_accept_file(device, delta, PW_NO_CLOCK) != PW_OK)
        fail("the delta is not taken");
    pw_device_close(device);
    return matcher;
}
#else
static pw_matcher* open_by_delta(const char* before, const char* delta, const char* folder) {
    (void)before, (void)delta, (void)folder;
    fail("there are no devices");
    return NULL;
}
#endif

int main(int argc, char** argv) {
    static char line[MOST_LINE];
    char* field[MOST_FIELDS];
    pw_matcher* matcher = NULL;
    pw_session* session = NULL;
    pw_matches found = {NULL, NULL, 0, 0};
    unsigned long asked = 0, compared = 0;
    uint32_t next = 0;
    double tolerance;
    FILE* answers;
    if (argc != 4 && argc != 6)
        return fprintf(stderr, "replay ANSWERS TOLERANCE BUNDLE [DELTA FOLDER]\n"), 2;
    tolerance = strtod(argv[2], NULL);
    answers = fopen(argv[1], "r");
    if (answers == NULL) fail("the answers cannot be read");
    matcher = argc == 4 ? open_bundle(argv[3]) : open_by_delta(argv[3], argv[4], argv[5]);
    if (pw_session_new(matcher, &session) != PW_OK) fail("no session");
    while (fgets(line, sizeof line, answers) != NULL) {
        unsigned count;
        ++line_number;
        count = split(line, field);
        if (line[0] == 'r' && count == 6) {
            add_read(field);
        } else if (strchr("cao", line[0]) != NULL && count == 3) {
            add(field);
        } else if (line[0] == 'q' && count == 5) {
            pw_options options = PW_OPTIONS_INIT;
            pw_status status;
            if (next != found.count) fail("a match is too many");
            options.flags = (uint32_t)strtoul(field[2], NULL, 10);
            options.max_edits = (uint32_t)strtoul(field[3], NULL, 10);
            status = strcmp(field[1], "pass") == 0
                         ? pw_match_pass(session, reads, read_count, &options, &found)
                         : pw_match_read(session, reads, &options, &found);
            if (status != PW_OK) fail("it could not be matched");
            if (found.count != strtoul(field[4], NULL, 10)) fail("it has not as many matches");
            ++asked;
            next = read_count = character_count = alternative_count = candidate_count = 0;
            text_used = 0;
        } else if (line[0] == 'm' && count == 6) {
            const pw_match* match = &found.matches[next];
            if (next++ >= found.count) fail("a match is missing");
            if (match->id_size != strlen(field[1]) || memcmp(match->id, field[1], match->id_size) != 0)
                fail("another entry matches");
            if (match->edits != strtoul(field[2], NULL, 10)) fail("the edits differ");
            if (match->grade != strtoul(field[3], NULL, 10)) fail("the grade differs");
            if (!is_near(match->log_likelihood, strtod(field[4], NULL), tolerance))
                fail("the likelihood differs");
            if (!is_near(match->probability, strtod(field[5], NULL), tolerance))
                fail("the probability differs");
            ++compared;
        } else {
            fail("is no line of answers");
        }
    }
    if (next != found.count) fail("a match is too many");
    fclose(answers);
    pw_session_free(session);
    pw_matcher_free(matcher);
    printf("%lu questions, %lu matches: the same\n", asked, compared);
    return 0;
}
