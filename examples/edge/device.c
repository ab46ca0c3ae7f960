/* A device that takes signed bundles: device FOLDER [-k NAME PUBLIC.pem]... [-s NAME SECRET]... [BUNDLE]... < READS.
 *
 * What it has taken it keeps in FOLDER, and starts with the next time. Keys are checked by OpenSSL; with a module of
 * your own, fill in pw_keys yourself. Then it matches as match.c does. */
#include <platewatch.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Of a small file; how many bytes, 0 if it cannot be read. */
static size_t read_file(const char* path, char* out, size_t room) {
    FILE* const file = fopen(path, "rb");
    size_t size = 0;
    if (file != NULL) {
        size = fread(out, 1, room, file);
        fclose(file);
    }
    return size;
}

static pw_status add_key(pw_keyring* keyring, const char* option, const char* name, const char* path) {
    char text[4096];
    const size_t size = read_file(path, text, sizeof text);
    if (strcmp(option, "-k") == 0) return pw_keyring_add_public(keyring, name, text, (uint32_t)size);
    return size == PW_SECRET_SIZE ? pw_keyring_add_secret(keyring, name, (const uint8_t*)text) : PW_ERROR_FORMAT;
}

static int match_reads(pw_matcher* matcher) {
    pw_session* session = NULL;
    pw_options options = PW_OPTIONS_INIT;
    char line[1024];
    int failed = pw_session_new(matcher, &session) != PW_OK;
    options.flags = PW_HITS_ONLY;
    while (!failed && fgets(line, sizeof line, stdin) != NULL) {
        pw_read read = PW_READ_INIT;
        pw_matches found;
        uint32_t i;
        line[strcspn(line, "\r\n")] = '\0';
        read.text = line;
        read.text_size = (uint32_t)strlen(line);
        if (pw_match_read(session, &read, &options, &found) != PW_OK) {
            fprintf(stderr, "device: a read: %s\n", pw_last_error());
            continue;
        }
        for (i = 0; i < found.count; ++i)
            printf("%s\t%.1f %%\t%.*s\n", found.matches[i].grade == PW_NOTIFY ? "notify" : "check",
                   100 * found.matches[i].probability, (int)found.matches[i].id_size, found.matches[i].id);
    }
    pw_session_free(session);
    return failed;
}

int main(int argc, char** argv) {
    pw_keyring* keyring = NULL;
    pw_keys keys = PW_KEYS_INIT;
    pw_matcher* matcher = NULL;
    pw_device* device = NULL;
    pw_device_options options = PW_DEVICE_OPTIONS_INIT;
    pw_device_info info = PW_DEVICE_INFO_INIT;
    const int64_t now = (int64_t)time(NULL); /* PW_NO_CLOCK where the clock is dead */
    int at = 2, failed = 0;

    if (argc < 2) return fprintf(stderr, "device FOLDER [-k NAME PUBLIC.pem]... [-s NAME SECRET]... [BUNDLE]...\n"), 2;
    if (pw_keyring_new(&keyring) != PW_OK || pw_keyring_get_keys(keyring, &keys) != PW_OK) return 1;
    for (; at + 2 < argc && argv[at][0] == '-'; at += 3)
        if (add_key(keyring, argv[at], argv[at + 1], argv[at + 2]) != PW_OK)
            return fprintf(stderr, "device: %s: no key, or one too many of its name\n", argv[at + 2]), 1;
    options.directory = argv[1];
    options.keys = &keys;
    if (pw_matcher_new(NULL, &matcher) != PW_OK || pw_device_open(&options, matcher, &device) != PW_OK)
        return fprintf(stderr, "device: %s: %s\n", argv[1], pw_last_error()), 1;
    for (; at < argc; ++at) {
        const pw_status status = pw_device_accept_file(device, argv[at], now);
        if (status == PW_OK) continue;
        printf("%s: refused, %d: %s\n", argv[at], (int)status, pw_last_error());
        failed = 1;
    }
    if (pw_device_get_info(device, now, &info) != PW_OK) return 1;
    if (info.has_list) {
        printf("version %ld%s\n", (long)info.version, info.stale ? ", stale" : "");
        failed |= match_reads(matcher);
    }
    pw_device_close(device);
    pw_matcher_free(matcher);
    pw_keyring_free(keyring);
    return failed;
}
