#include "base/nearest.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"

namespace stagelog {
namespace {

constexpr size_t kMinPrefixBytes = 3;

bool SameLetter(char a, char b) { return LowerCase(a) == LowerCase(b); }

size_t AllowedEdits(size_t bytes) {
  if (bytes < 3) return 0;
  return std::min<size_t>(3, bytes / 3);
}

bool BeginsWith(std::string_view text, std::string_view beginning) {
  return text.size() >= beginning.size() &&
         std::equal(beginning.begin(), beginning.end(), text.begin(), SameLetter);
}

}  // namespace

// "Optimal string alignment": Levenshtein distance in which two neighbours may be swapped at the
// cost of one edit. Three rows of the table are kept.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (SameLetter(a[i - 1], b[j - 1]) ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool is_swap =
          i > 1 && j > 1 && SameLetter(a[i - 1], b[j - 2]) && SameLetter(a[i - 2], b[j - 1]);
      if (is_swap) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string_view NearestWord(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view nearest;
  size_t fewest = SIZE_MAX;
  for (const std::string_view candidate : candidates) {
    // What is longer by so much is not near, and need not be looked at: it may be a megabyte.
    if (word.size() > candidate.size() + 3) continue;
    const size_t distance = EditDistance(word, candidate);
    const bool is_near = distance <= AllowedEdits(std::max(word.size(), candidate.size())) ||
                         (word.size() >= kMinPrefixBytes && BeginsWith(candidate, word));
    if (is_near && distance < fewest) {
      fewest = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates) {
  if (candidates.empty()) return "";
  const std::string nearest(NearestWord(word, candidates));
  if (!nearest.empty()) return "; did you mean '" + nearest + "'?";
  return "; expected one of: " + JoinWords(candidates);
}

std::string JoinWords(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

}  // namespace stagelog
