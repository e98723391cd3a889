#include "base/signing.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <memory>

#include "base/check.h"

namespace stagelog {
namespace {

using SigningKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

const unsigned char* BytesOf(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* BytesOf(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

SigningKey KeyOfSeed(std::string_view seed) {
  STAGELOG_CHECK(seed.size() == kEd25519SeedBytes);
  SigningKey key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, BytesOf(seed), seed.size()),
      &EVP_PKEY_free);
  STAGELOG_CHECK(key != nullptr);
  return key;
}

}  // namespace

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::getrandom(bytes.data() + filled, count - filled, 0);
    STAGELOG_CHECK(got > 0);
    filled += static_cast<size_t>(got);
  }
  return bytes;
}

std::string HmacSha256(std::string_view key, std::string_view text) {
  std::string digest(32, '\0');
  unsigned int size = 0;
  STAGELOG_CHECK(::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), BytesOf(text),
                        text.size(), BytesOf(digest), &size) != nullptr);
  return digest;
}

std::string Ed25519PublicKey(std::string_view seed) {
  std::string bytes(32, '\0');
  size_t size = bytes.size();
  STAGELOG_CHECK(EVP_PKEY_get_raw_public_key(KeyOfSeed(seed).get(), BytesOf(bytes), &size) == 1);
  return bytes;
}

std::string Ed25519Signature(std::string_view seed, std::string_view text) {
  const SigningKey key = KeyOfSeed(seed);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  std::string signature(64, '\0');
  size_t size = signature.size();
  STAGELOG_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  STAGELOG_CHECK(
      EVP_DigestSign(context.get(), BytesOf(signature), &size, BytesOf(text), text.size()) == 1);
  return signature;
}

}  // namespace stagelog
