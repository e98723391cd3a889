// "Did you mean ...?": the known word nearest to one that is not known.
#ifndef STAGELOG_BASE_NEAREST_H_
#define STAGELOG_BASE_NEAREST_H_

#include <span>
#include <string>
#include <string_view>

namespace stagelog {

// The candidate with the fewest edits (insert, delete, replace one byte; case ignored) from `word`;
// the first of equals. Empty when there is no candidate. Only the first 64 bytes of `word` count.
std::string_view NearestWord(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace stagelog

#endif  // STAGELOG_BASE_NEAREST_H_
