/* What a keyring does not take: keyring PUBLIC.pem. */
#include <platewatch.h>
#include <stdio.h>
#include <string.h>

static int failed = 0;
#define EXPECT(wanted, call)                                                          \
    do {                                                                              \
        const int got = (int)(call);                                                  \
        if (got != (int)(wanted)) {                                                   \
            fprintf(stderr, "%s: %d, not %s\n", #call, got, #wanted);                 \
            failed = 1;                                                               \
        }                                                                             \
    } while (0)

int main(int argc, char** argv) {
    static const uint8_t secret[PW_SECRET_SIZE] = {7};
    const char* const longest = "1234567890123456789012345678901234567890123456789012345678901234";
    char pem[4096], too_long[66];
    pw_keys keys = PW_KEYS_INIT, no_size = PW_KEYS_INIT;
    pw_keyring* keyring = NULL;
    FILE* file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    uint32_t size;
    if (file == NULL) return 2;
    size = (uint32_t)fread(pem, 1, sizeof pem, file);
    fclose(file);
    snprintf(too_long, sizeof too_long, "%s5", longest);
    no_size.size = 4;

    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_new(NULL));
    EXPECT(PW_OK, pw_keyring_new(&keyring));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_add_public(NULL, "k", pem, size));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_add_public(keyring, NULL, pem, size));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_add_public(keyring, "k", NULL, size));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_add_public(keyring, "", pem, size));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_add_public(keyring, too_long, pem, size));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_add_public(keyring, "k", pem, UINT32_MAX));
    EXPECT(PW_ERROR_FORMAT, pw_keyring_add_public(keyring, "k", pem, 0));
    EXPECT(PW_ERROR_FORMAT, pw_keyring_add_public(keyring, "k", pem, size / 2));
    EXPECT(PW_ERROR_FORMAT, pw_keyring_add_public(keyring, "k", "no key", 6));
    EXPECT(PW_OK, pw_keyring_add_public(keyring, longest, pem, size));
    EXPECT(PW_OK, pw_keyring_add_public(keyring, "k", pem, size));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_add_public(keyring, "k", pem, size));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_add_secret(NULL, "k", secret));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_add_secret(keyring, "k", NULL));
    EXPECT(PW_OK, pw_keyring_add_secret(keyring, "k", secret));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_add_secret(keyring, "k", secret));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_get_keys(NULL, &keys));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_get_keys(keyring, NULL));
    EXPECT(PW_ERROR_ARGUMENT, pw_keyring_get_keys(keyring, &no_size));
    EXPECT(PW_OK, pw_keyring_get_keys(keyring, &keys));
    EXPECT(0, keys.verify(keys.context, "ed25519", "other", secret, 1, secret, 1));
    EXPECT(0, keys.verify(keys.context, "rsa", "k", secret, 1, secret, 1));
    EXPECT(0, keys.decrypt(keys.context, "other", secret, 12, secret, 16, (uint8_t*)pem));
    EXPECT(0, keys.decrypt(keys.context, "k", secret, 11, secret, 16, (uint8_t*)pem));
    EXPECT(0, keys.decrypt(keys.context, "k", secret, 12, secret, 15, (uint8_t*)pem));
    EXPECT(0, keys.decrypt(keys.context, "k", secret, 12, secret, 16, (uint8_t*)pem));
    pw_keyring_free(keyring);
    pw_keyring_free(NULL);
    return failed;
}
