#include "cli/send/json_scanner.h"

namespace stagelog::cli {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool IsOfWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E' || c == '-' || c == '+' ||
         c == '.';
}

bool BeginsWord(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == 't' || c == 'f' || c == 'n';
}

}  // namespace

JsonScanner::State JsonScanner::Add(std::string_view text, size_t& used) {
  for (used = 0; used < text.size(); ++used) {
    const char c = text[used];
    if (is_in_word_) {
      if (IsOfWord(c)) continue;
      is_in_word_ = false;
      if (AfterValue() == State::kDone) return State::kDone;  // `c` is not of it
    }
    const State state = Take(c);
    if (state == State::kMore) continue;
    ++used;
    return state;
  }
  return State::kMore;
}

JsonScanner::State JsonScanner::Take(char c) {
  if (is_in_string_) {
    if (static_cast<unsigned char>(c) < 0x20) return State::kInvalid;  // a newline, too
    if (is_escaped_) {
      is_escaped_ = false;
    } else if (c == '\\') {
      is_escaped_ = true;
    } else if (c == '"') {
      is_in_string_ = false;
      if (!is_key_) return AfterValue();
      expected_ = Expected::kColon;
    }
    return State::kMore;
  }
  if (IsBlank(c)) return State::kMore;
  switch (expected_) {
    case Expected::kValueOrEnd:
      if (c == ']') return Close(c);
      [[fallthrough]];
    case Expected::kValue:
      return Open(c);
    case Expected::kKeyOrEnd:
      if (c == '}') return Close(c);
      [[fallthrough]];
    case Expected::kKey:
      is_in_string_ = is_key_ = true;
      return c == '"' ? State::kMore : State::kInvalid;
    case Expected::kColon:
      expected_ = Expected::kValue;
      return c == ':' ? State::kMore : State::kInvalid;
    case Expected::kCommaOrEnd:
      if (c != ',') return Close(c);
      expected_ = open_.back() == '}' ? Expected::kKey : Expected::kValue;
      return State::kMore;
  }
  return State::kInvalid;
}

JsonScanner::State JsonScanner::Open(char c) {
  constexpr size_t kMaxDepth = size_t{1} << 20;
  if (c == '{' || c == '[') {
    if (open_.size() >= kMaxDepth) return State::kInvalid;
    open_ += c == '{' ? '}' : ']';
    expected_ = c == '{' ? Expected::kKeyOrEnd : Expected::kValueOrEnd;
    return State::kMore;
  }
  if (c == '"') {
    is_in_string_ = true;
    is_key_ = false;
    return State::kMore;
  }
  is_in_word_ = BeginsWord(c);
  return is_in_word_ ? State::kMore : State::kInvalid;
}

JsonScanner::State JsonScanner::Close(char c) {
  if (open_.empty() || open_.back() != c) return State::kInvalid;
  open_.pop_back();
  return AfterValue();
}

JsonScanner::State JsonScanner::AfterValue() {
  expected_ = Expected::kCommaOrEnd;
  return open_.empty() ? State::kDone : State::kMore;
}

}  // namespace stagelog::cli
