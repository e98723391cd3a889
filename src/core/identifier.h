// Names that become parts of paths and URLs: jobs, stages, gates, event ids.
#ifndef STAGELOG_CORE_IDENTIFIER_H_
#define STAGELOG_CORE_IDENTIFIER_H_

#include <string_view>

namespace stagelog {

// [A-Za-z0-9][A-Za-z0-9._-]{0,127}
bool IsName(std::string_view text);

// A name that begins neither with "stagelog." nor with "journal.json": those are the journal's own
// files.
bool IsJobId(std::string_view text);

// One name or several joined by '/', at most 512 bytes in all.
bool IsStagePath(std::string_view text);

// 1 to 128 printable ASCII characters.
bool IsEventId(std::string_view text);

// What the rules above allow, in words for an error message.
inline constexpr std::string_view kNameRule =
    "1 to 128 letters, digits, '.', '_' or '-', starting with a letter or digit";

}  // namespace stagelog

#endif  // STAGELOG_CORE_IDENTIFIER_H_
