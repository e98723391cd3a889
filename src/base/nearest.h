// "Did you mean ...?": finds the known word nearest to an unknown one.
#ifndef STAGELOG_BASE_NEAREST_H_
#define STAGELOG_BASE_NEAREST_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace stagelog {

// The candidate with the fewest edits (insert, delete or replace one byte, swap two neighbours;
// case ignored) from `word`; the first of equals. Empty when none is near: at most one edit in the
// longer of the two words when it has 3 to 5 bytes, two in 6 to 8, three from 9 on. A word of at
// least 3 bytes is also near to one that begins with it.
std::string_view NearestWord(std::string_view word, std::span<const std::string_view> candidates);

// The number of such edits between two words.
size_t EditDistance(std::string_view a, std::string_view b);

// What follows "unknown key 'x'": "; did you mean 'y'?" where a candidate is near, else "; known
// are a, b, c" with all of them. Empty without candidates.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates);

// "a, b, c".
std::string JoinWords(std::span<const std::string_view> words);

}  // namespace stagelog

#endif  // STAGELOG_BASE_NEAREST_H_
