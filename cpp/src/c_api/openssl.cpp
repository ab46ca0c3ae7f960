// The ready verifier and decryptor over OpenSSL 3: a library of its own, which needs nothing of the others,
// nor of what C++ brings at run time.
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "platewatch.h"

namespace {

constexpr std::size_t kMostName = 64, kNonce = 12, kTag = 16, kPart = std::size_t{1} << 20;

struct Key {
    char name[kMostName + 1];
    EVP_PKEY* public_key;  // null: a secret one
    std::uint8_t secret[PW_SECRET_SIZE];
    Key* next;
};

// Frees what OpenSSL has made.
template <class T, void (*kFree)(T*)>
struct Made {
    explicit Made(T* made) noexcept : it(made) {}
    Made(const Made&) = delete;
    Made& operator=(const Made&) = delete;
    ~Made() {
        if (it != nullptr) kFree(it);
        ERR_clear_error();
    }
    T* it;
};
void free_bio(BIO* bio) { BIO_free(bio); }

// Null if it is neither Ed25519 nor on P-256.
const char* algorithm_of(const EVP_PKEY* key) noexcept {
    if (EVP_PKEY_is_a(key, "ED25519") == 1) return "ed25519";
    char group[32];
    if (EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1 &&
        std::strcmp(group, SN_X9_62_prime256v1) == 0)
        return "ecdsa-p256-sha256";
    return nullptr;
}

}  // namespace

struct pw_keyring {
    Key* first;
};

namespace {

const Key* find(const pw_keyring& in, const char* name, bool is_secret) noexcept {
    for (const Key* key = in.first; key != nullptr; key = key->next) {
        if (std::strcmp(key->name, name) == 0 && (key->public_key == nullptr) == is_secret) return key;
    }
    return nullptr;
}

pw_status add(pw_keyring& to, const char* name, EVP_PKEY* public_key, const std::uint8_t* secret) noexcept {
    auto* const key = static_cast<Key*>(OPENSSL_zalloc(sizeof(Key)));
    if (key == nullptr) return PW_ERROR_MEMORY;
    std::memcpy(key->name, name, std::strlen(name));
    key->public_key = public_key;
    if (secret != nullptr) std::memcpy(key->secret, secret, sizeof key->secret);
    key->next = to.first;
    to.first = key;
    return PW_OK;
}

bool can_be_added(const pw_keyring* to, const char* name, bool is_secret) noexcept {
    if (to == nullptr || name == nullptr) return false;
    const std::size_t size = strnlen(name, kMostName + 1);
    return size > 0 && size <= kMostName && find(*to, name, is_secret) == nullptr;
}

std::int32_t verify(void* context, const char* algorithm, const char* name, const std::uint8_t* message,
                    std::size_t message_size, const std::uint8_t* signature, std::size_t signature_size) {
    const Key* const key = find(*static_cast<const pw_keyring*>(context), name, false);
    if (key == nullptr || std::strcmp(algorithm, algorithm_of(key->public_key)) != 0) return 0;
    const bool hashes_itself = EVP_PKEY_is_a(key->public_key, "ED25519") == 1;
    const Made<EVP_MD_CTX, EVP_MD_CTX_free> digest(EVP_MD_CTX_new());
    return digest.it != nullptr &&
           EVP_DigestVerifyInit(digest.it, nullptr, hashes_itself ? nullptr : EVP_sha256(), nullptr,
                                key->public_key) == 1 &&
           EVP_DigestVerify(digest.it, signature, signature_size, message, message_size) == 1;
}

std::int32_t decrypt(void* context, const char* name, const std::uint8_t* nonce, std::size_t nonce_size,
                     const std::uint8_t* sealed, std::size_t sealed_size, std::uint8_t* out) {
    const Key* const key = find(*static_cast<const pw_keyring*>(context), name, true);
    if (key == nullptr || nonce_size != kNonce || sealed_size < kTag) return 0;
    const Made<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> cipher(EVP_CIPHER_CTX_new());
    if (cipher.it == nullptr ||
        EVP_DecryptInit_ex(cipher.it, EVP_aes_256_gcm(), nullptr, key->secret, nonce) != 1)
        return 0;
    const std::size_t size = sealed_size - kTag;
    for (std::size_t at = 0; at < size; at += kPart) {  // an int says how many
        const auto part = static_cast<int>(size - at < kPart ? size - at : kPart);
        int written = 0;
        if (EVP_DecryptUpdate(cipher.it, out + at, &written, sealed + at, part) != 1 || written != part)
            return 0;
    }
    std::uint8_t tag[kTag], rest[kTag];
    std::memcpy(tag, sealed + size, kTag);
    int written = 0;
    return EVP_CIPHER_CTX_ctrl(cipher.it, EVP_CTRL_AEAD_SET_TAG, kTag, tag) == 1 &&
           EVP_DecryptFinal_ex(cipher.it, rest, &written) == 1;
}

}  // namespace

pw_status pw_keyring_new(pw_keyring** keyring) {
    if (keyring == nullptr) return PW_ERROR_ARGUMENT;
    *keyring = static_cast<pw_keyring*>(OPENSSL_zalloc(sizeof(pw_keyring)));
    return *keyring == nullptr ? PW_ERROR_MEMORY : PW_OK;
}

pw_status pw_keyring_add_public(pw_keyring* keyring, const char* name, const char* pem, uint32_t pem_size) {
    if (!can_be_added(keyring, name, false) || pem == nullptr || pem_size > INT_MAX) return PW_ERROR_ARGUMENT;
    const Made<BIO, free_bio> text(BIO_new_mem_buf(pem, static_cast<int>(pem_size)));
    if (text.it == nullptr) return PW_ERROR_MEMORY;
    EVP_PKEY* const key = PEM_read_bio_PUBKEY(text.it, nullptr, nullptr, nullptr);
    if (key == nullptr) return PW_ERROR_FORMAT;
    const pw_status status =
        algorithm_of(key) == nullptr ? PW_ERROR_FORMAT : add(*keyring, name, key, nullptr);
    if (status != PW_OK) EVP_PKEY_free(key);
    return status;
}

pw_status pw_keyring_add_secret(pw_keyring* keyring, const char* name, const uint8_t* secret) {
    if (!can_be_added(keyring, name, true) || secret == nullptr) return PW_ERROR_ARGUMENT;
    return add(*keyring, name, nullptr, secret);
}

pw_status pw_keyring_get_keys(pw_keyring* keyring, pw_keys* keys) {
    if (keyring == nullptr || keys == nullptr || keys->size < sizeof(pw_keys)) return PW_ERROR_ARGUMENT;
    keys->verify = verify;
    keys->decrypt = decrypt;
    keys->context = keyring;
    return PW_OK;
}

void pw_keyring_free(pw_keyring* keyring) {
    if (keyring == nullptr) return;
    for (Key* key = keyring->first; key != nullptr;) {
        Key* const next = key->next;
        EVP_PKEY_free(key->public_key);
        OPENSSL_clear_free(key, sizeof(Key));
        key = next;
    }
    OPENSSL_free(keyring);
}
