// Detects compression by the first bytes, and decompresses.
#ifndef STAGELOG_CLI_SEND_UNPACKING_H_
#define STAGELOG_CLI_SEND_UNPACKING_H_

#include <memory>
#include <string>
#include <string_view>

#include "cli/send/byte_source.h"

namespace stagelog::cli {

enum class Packing { kNone, kGzip, kZstd, kXz, kBzip2, kUtf16 };

// By the first bytes of a file, four or all there are.
Packing PackingOf(std::string_view head);

// True while `head`, fewer than four bytes, may still turn out to be one of them.
bool MayBePacked(std::string_view head);

// What to do about a packing that is not unpacked here; empty for the others.
std::string AdviceOn(Packing packing, const std::string& name);

// The bytes of `packed` (from their first one on) unpacked. kNone: as they are. A failure that
// names `name` where they are damaged or end too early.
std::unique_ptr<ByteSource> Unpack(Packing packing, std::unique_ptr<ByteSource> packed,
                                   const std::string& name);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_UNPACKING_H_
