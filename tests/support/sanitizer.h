// Whether the tests are built with a sanitizer, under which everything takes five to twenty times
// as long. The release build tries every case; a sanitized one may take a sample of cases that
// differ in their data only.
#ifndef STAGELOG_TESTS_SUPPORT_SANITIZER_H_
#define STAGELOG_TESTS_SUPPORT_SANITIZER_H_

namespace stagelog {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_SANITIZER_H_
