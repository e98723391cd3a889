#include "cli/send/text_level.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/text.h"
#include "cli/send/text_time.h"
#include "core/level_words.h"

namespace stagelog::cli {
namespace {

bool IsCapital(char c) { return c >= 'A' && c <= 'Z'; }
bool IsWordCharacter(char c) { return IsCapital(c) || (c >= 'a' && c <= 'z'); }

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
      "config", "http",    "default", "log",        "fine", "finer",   "finest", "note",
      "spam",   "success", "silly",   "diagnostic", "ok",   "failed",  "fail",   "failure",
      "verb",   "verbose", "tracing", "notice",     "deb",  "caution", "assert", "debugging"};
  // Even in capitals: Postgres prints "DETAIL:" below an error.
  constexpr std::string_view kNeverLeading[] = {"detail", "audit"};
  if (word.size() < 2) return {};
  const std::string lower = LowerCase(word);
  const bool is_never = std::find(std::begin(kNeverLeading), std::end(kNeverLeading), lower) !=
                        std::end(kNeverLeading);
  if (is_never) return {};
  const std::string_view level = LevelOfWord(word);
  if (level.empty() || IsInCapitals(word)) return level;
  const bool is_ambiguous = std::find(std::begin(kOtherMeanings), std::end(kOtherMeanings),
                                      lower) != std::end(kOtherMeanings);
  return is_ambiguous ? std::string_view() : level;
}

std::string_view InBrackets(std::string_view text, char closing) {
  const std::string_view inside = WithoutBlanksAndColors(text.substr(1));
  const std::string_view word = WordOf(inside);
  const std::string_view rest = WithoutBlanksAndColors(inside.substr(word.size()));
  if (!rest.starts_with(closing)) return {};
  const bool is_letter = word.size() == 1 && IsCapital(word.front());
  return is_letter ? LevelOfWord(word) : LevelOfLeadingWord(word);
}

// "##[error]text" of Azure's and GitHub's runners, "::error file=a.c::text" as a step prints it.
std::string_view OfWorkflowCommand(std::string_view text) {
  if (text.starts_with("##[")) return InBrackets(text.substr(2), ']');
  const std::string_view word = WordOf(text.substr(2));
  const std::string_view rest = text.substr(2 + word.size());
  const bool is_command = rest.starts_with("::") || rest.starts_with(' ');
  const bool is_known = word == "error" || word == "warning" || word == "notice" || word == "debug";
  return is_command && is_known ? LevelOfWord(word) : std::string_view();
}

// Behind a word: "[0012]", as logrus counts the seconds.
std::string_view WithoutSeconds(std::string_view text) {
  if (!text.starts_with('[')) return text;
  const size_t end = text.find_first_not_of("0123456789", 1);
  return end != text.npos && end > 1 && text[end] == ']' ? text.substr(end + 1) : text;
}

// "{subprocess.py:93} ", as Airflow prints the place of a message behind its time, also with two
// brackets.
std::string_view WithoutPlace(std::string_view text) {
  if (!text.starts_with('{')) return text;
  const size_t name = text.find_first_not_of('{');
  const size_t colon = text.find_first_of(":{} ", name);
  if (name > 2 || colon == text.npos || text[colon] != ':') return text;
  const size_t end = text.find_first_not_of("0123456789", colon + 1);
  const bool is_place = end != text.npos && end > colon + 1 &&
                        text.substr(end).starts_with(std::string_view("}}").substr(2 - name)) &&
                        text.substr(end + name).starts_with(' ');
  return is_place ? WithoutBlanksAndColors(text.substr(end + name)) : text;
}

// What stands between a time and a level: "2026-03-01 10:00:00 | ERROR | text", "... - ERROR -
// ...".
std::string_view WithoutSeparator(std::string_view text) {
  text = WithoutBlanksAndColors(text);
  if (text.size() < 2 || std::string_view("|-:,").find(text.front()) == std::string_view::npos) {
    return text;
  }
  return text[1] == ' ' ? WithoutBlanksAndColors(text.substr(1)) : text;
}

}  // namespace

std::string_view LevelOfText(std::string_view text) {
  text = WithoutBlanksAndColors(text);
  if (text.starts_with('<')) return OfPriority(text);
  if (const auto time = FindLeadingTime(text)) {
    text = WithoutPlace(WithoutSeparator(text.substr(time->size)));
  }
  if (text.starts_with("##[") || text.starts_with("::")) return OfWorkflowCommand(text);
  if (text.starts_with('[')) return InBrackets(text, ']');
  if (text.starts_with('(')) return InBrackets(text, ')');
  const std::string_view word = WordOf(text);
  const std::string_view level = LevelOfLeadingWord(word);
  if (level.empty()) return {};
  const std::string_view behind = text.substr(word.size());
  const std::string_view rest = WithoutBlanksAndColors(WithoutSeconds(behind));
  const bool is_followed = rest.size() < behind.size();  // by a blank, a color or seconds
  if (rest.starts_with(':')) return level;
  return IsInCapitals(word) && is_followed && !rest.empty() ? level : std::string_view();
}

}  // namespace stagelog::cli
