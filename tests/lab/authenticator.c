/* A FIDO authenticator without a device, for tests: what `ssh` loads as SecurityKeyProvider (OpenSSH's PROTOCOL.u2f).
 * A key's handle is its private half, and whoever asks for a touch has it. */

#define OPENSSL_API_COMPAT 0x10100000L
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <openssl/sha.h>

enum { DONE = 0, FAILED = -1, UNSUPPORTED = -2, ECDSA = 0, COUNTER = 1 };

struct enrolled {
    uint8_t flags;
    uint8_t *public_key; size_t public_key_length;
    uint8_t *handle; size_t handle_length;
    uint8_t *signature; size_t signature_length;
    uint8_t *certificate; size_t certificate_length;
    uint8_t *said; size_t said_length;
};

struct signed_data {
    uint8_t flags;
    uint32_t counter;
    uint8_t *r; size_t r_length;
    uint8_t *s; size_t s_length;
};

uint32_t sk_api_version(void) { return API; }

int sk_enroll(uint32_t algorithm, const uint8_t *challenge, size_t challenge_length, const char *application, uint8_t flags,
              const char *pin, void **options, struct enrolled **enrolled)
{
    EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    if (algorithm != ECDSA) return UNSUPPORTED;
    if (!key || !EC_KEY_generate_key(key)) return FAILED;
    struct enrolled *made = *enrolled = calloc(1, sizeof *made);
    made->flags = flags;
    made->public_key_length = EC_KEY_key2buf(key, POINT_CONVERSION_UNCOMPRESSED, &made->public_key, NULL);
    made->handle_length = i2d_ECPrivateKey(key, &made->handle);
    made->signature = calloc(1, 1);
    EC_KEY_free(key);
    return DONE;
}

static uint8_t *bytes_of(const BIGNUM *number, size_t *length)
{
    uint8_t *bytes = malloc(*length = BN_num_bytes(number));
    BN_bn2bin(number, bytes);
    return bytes;
}

int sk_sign(uint32_t algorithm, const uint8_t *data, size_t length, const char *application, const uint8_t *handle,
            size_t handle_length, uint8_t flags, const char *pin, void **options, struct signed_data **signed_data)
{
    uint8_t all[SHA256_DIGEST_LENGTH + 5 + SHA256_DIGEST_LENGTH], digest[SHA256_DIGEST_LENGTH];
    EC_KEY *key = d2i_ECPrivateKey(NULL, &handle, handle_length);
    if (algorithm != ECDSA || !key) return UNSUPPORTED;
    SHA256((const uint8_t *)application, strlen(application), all);
    memcpy(all + SHA256_DIGEST_LENGTH, (uint8_t[]){flags, 0, 0, 0, COUNTER}, 5);
    SHA256(data, length, all + SHA256_DIGEST_LENGTH + 5);
    SHA256(all, sizeof all, digest);
    ECDSA_SIG *signature = ECDSA_do_sign(digest, sizeof digest, key);
    if (!signature) return FAILED;
    struct signed_data *made = *signed_data = calloc(1, sizeof *made);
    made->flags = flags;
    made->counter = COUNTER;
    made->r = bytes_of(ECDSA_SIG_get0_r(signature), &made->r_length);
    made->s = bytes_of(ECDSA_SIG_get0_s(signature), &made->s_length);
    ECDSA_SIG_free(signature);
    EC_KEY_free(key);
    return DONE;
}

int sk_load_resident_keys(const char *pin, void **options, void ***keys, size_t *count) { return UNSUPPORTED; }
