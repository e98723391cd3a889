#include "cli/send/text_level.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/ascii_case.h"
#include "core/level_words.h"

namespace stagelog::cli {
namespace {

bool IsCapital(char c) { return c >= 'A' && c <= 'Z'; }
bool IsWordCharacter(char c) { return IsCapital(c) || (c >= 'a' && c <= 'z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Blanks, and sequences of a terminal that set colours.
std::string_view WithoutLead(std::string_view text) {
  while (!text.empty()) {
    if (IsBlank(text.front())) {
      text.remove_prefix(1);
    } else if (text.starts_with("\x1b[")) {
      const size_t end = text.find('m', 2);
      if (end == text.npos || text.find_first_not_of("0123456789;", 2) != end) return text;
      text.remove_prefix(end + 1);
    } else {
      return text;
    }
  }
  return text;
}

std::string_view OfPriority(std::string_view text) {
  constexpr int kMaxPriority = 191;
  constexpr int kSeverities = 8;
  const size_t end = text.find('>');
  if (end == text.npos || end < 2 || end > 4) return {};
  int priority = 0;
  const auto [stop, error] = std::from_chars(text.data() + 1, text.data() + end, priority);
  const bool is_priority = error == std::errc() && stop == text.data() + end && IsDigit(text[1]) &&
                           priority <= kMaxPriority;
  if (!is_priority) return {};
  return LevelOfNumber(*FindLevelScale("syslog"), priority % kSeverities);
}

// Letters, and the digit behind them (DEBUG2).
std::string_view WordOf(std::string_view text) {
  size_t size = 0;
  while (size < text.size() && IsWordCharacter(text[size])) ++size;
  if (size > 0 && size < text.size() && IsDigit(text[size])) ++size;
  return text.substr(0, size);
}

bool IsInCapitals(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return IsCapital(c) || IsDigit(c); });
}

std::string_view LevelOfLeadingWord(std::string_view word) {
  constexpr std::string_view kOtherMeanings[] = {
      "config", "http",    "default", "log",        "fine", "finer",  "finest", "note",
      "spam",   "success", "silly",   "diagnostic", "ok",   "failed", "fail",   "failure",
      "verb",   "verbose", "tracing", "notice",     "deb",  "caution"};
  if (word.size() < 2) return {};
  const std::string_view level = LevelOfWord(word);
  if (level.empty() || IsInCapitals(word)) return level;
  const std::string lower = LowerCase(word);
  const bool is_ambiguous = std::find(std::begin(kOtherMeanings), std::end(kOtherMeanings),
                                      lower) != std::end(kOtherMeanings);
  return is_ambiguous ? std::string_view() : level;
}

std::string_view InBrackets(std::string_view text, char closing) {
  const std::string_view inside = WithoutLead(text.substr(1));
  const std::string_view word = WordOf(inside);
  const std::string_view rest = WithoutLead(inside.substr(word.size()));
  if (!rest.starts_with(closing)) return {};
  const bool is_letter = word.size() == 1 && IsCapital(word.front());
  return is_letter ? LevelOfWord(word) : LevelOfLeadingWord(word);
}

}  // namespace

std::string_view LevelOfText(std::string_view text) {
  text = WithoutLead(text);
  if (text.starts_with('<')) return OfPriority(text);
  if (text.starts_with('[')) return InBrackets(text, ']');
  if (text.starts_with('(')) return InBrackets(text, ')');
  const std::string_view word = WordOf(text);
  const std::string_view level = LevelOfLeadingWord(word);
  if (level.empty()) return {};
  const std::string_view rest = WithoutLead(text.substr(word.size()));
  const bool is_followed = rest.size() < text.size() - word.size();  // by a blank or a colour
  if (rest.starts_with(':')) return level;
  return IsInCapitals(word) && is_followed && !rest.empty() ? level : std::string_view();
}

}  // namespace stagelog::cli
