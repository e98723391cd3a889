// Random bytes from the kernel, and the identifiers made of them.
#ifndef STAGELOG_BASE_RANDOM_H_
#define STAGELOG_BASE_RANDOM_H_

#include <cstdint>
#include <string>

namespace stagelog {

// 64 bits that nobody can guess.
uint64_t RandomBits();

// A UUID version 7 (RFC 9562, section 5.7): the first 48 bits are `unix_micros` in milliseconds, so
// identifiers made later sort later.
std::string MakeUuidV7(int64_t unix_micros);

}  // namespace stagelog

#endif  // STAGELOG_BASE_RANDOM_H_
