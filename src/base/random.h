// Random bytes from the kernel, and the identifiers made of them.
#ifndef STAGELOG_BASE_RANDOM_H_
#define STAGELOG_BASE_RANDOM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stagelog {

// 64 unpredictable bits.
uint64_t RandomBits();

// A UUID version 7 (RFC 9562, section 5.7): the first 48 bits are `unix_micros` in milliseconds,
// the next twelve the rest of it (section 6.2, method 3), so identifiers made later sort later. Of
// the random bits the last 16 are a sum over the others, by which MicrosOfUuidV7() knows them
// again.
std::string MakeUuidV7(int64_t unix_micros);

// A version 7 UUID that MicrosOfUuidV7() does not accept: for client-side event_ids, from which the
// journal must not infer the place of the event.
std::string MakeForeignUuidV7(int64_t unix_micros);

// What MakeUuidV7() was given to make `text`; no value for what it did not make (but for one in
// 65,536 of those that others make).
std::optional<int64_t> MicrosOfUuidV7(std::string_view text);

// True for any version 7 UUID in lower case: such texts are in the order of the times they name.
bool IsUuidV7(std::string_view text);

// No MakeUuidV7() of a time up to this one gives a greater text.
std::string UuidV7Bound(int64_t unix_micros);

}  // namespace stagelog

#endif  // STAGELOG_BASE_RANDOM_H_
