// Converts names of other programs to valid names, without collisions.
#ifndef STAGELOG_CLI_SEND_LEGAL_NAME_H_
#define STAGELOG_CLI_SEND_LEGAL_NAME_H_

#include <string>
#include <string_view>

namespace stagelog::cli {

// The rule of all four. A name that is legal (core/identifier.h) stays as it is. Of another one
// each run of characters that may not stand there becomes a '-', what is then too long is cut, and
// "--" with the first digits of the SHA-256 of the whole original follows: 20 for names, 32 for
// ids. A legal name that ends in just that form is treated like an illegal one, so that it cannot
// be mistaken for one that was made:
//   "ALIGN (sample_A 1)" -> "ALIGN-sample_A-1--84819068659aec421bd0"
// The empty text becomes a name as well.

// For a gate, or one part of a stage's path.
std::string LegalName(std::string_view original);

// For a job, whose name may not begin like a file of the journal's either.
std::string LegalJobId(std::string_view original);

// For a stage: the parts between '/' each by themselves; where one of them is empty, or the path
// would be too long, the whole becomes one name.
std::string LegalStagePath(std::string_view original);

// For an event_id.
std::string LegalEventId(std::string_view original);

// For a type: x-<type>, in lower case, with '-' for each character that may not stand there. A type
// is a class of events, not a name: two spellings of one may meet. What is too long is cut and gets
// the digest. The empty text has no such name (empty).
std::string LegalTypeName(std::string_view original);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_LEGAL_NAME_H_
