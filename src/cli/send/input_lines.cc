#include "cli/send/input_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/send/lone_surrogate.h"
#include "core/json_text.h"
#include "core/text_line.h"

namespace stagelog::cli {
namespace {

using State = JsonScanner::State;

constexpr size_t kChunkBytes = size_t{64} << 10;
constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kSpace = " \t\r\n";

// Also what only halves of characters make invalid: whoever takes the line repairs it.
bool IsJson(std::string_view text) {
  if (nlohmann::json::accept(text.begin(), text.end())) return true;
  const auto repaired = WithoutLoneSurrogates(text);
  return repaired && nlohmann::json::accept(*repaired);
}

std::string LineText(int64_t number) { return "line " + std::to_string(number); }

}  // namespace

CliResult<std::optional<InputLine>> InputLines::Next() {
  while (true) {
    auto line = NextOfAny();
    if (!line || !line->has_value()) return line;
    if ((*line)->is_too_long || !IsBlankLine((*line)->text)) return line;
  }
}

CliResult<std::optional<InputLine>> InputLines::NextOfAny() {
  if (!is_in_array_) {
    const auto shape = LookAhead();
    if (!shape) return tl::unexpected(shape.error());
    if (*shape == Shape::kLine) return ReadLine();
    if (*shape == Shape::kValue) return ReadValue();
  }
  return ReadElement();
}

CliStatus InputLines::Fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t kept = buffer_.size();
  buffer_.resize(kept + kChunkBytes);
  const Result<size_t> got = source_->Read(buffer_.data() + kept, kChunkBytes);
  buffer_.resize(kept + got.value_or(0));
  if (!got) return Fail(ExitCode::kBadFile, got.error().message);
  at_end_ = *got == 0;
  return {};
}

void InputLines::Advance(size_t bytes) {
  const auto first = buffer_.begin() + static_cast<ptrdiff_t>(at_);
  line_ += std::count(first, first + static_cast<ptrdiff_t>(bytes), '\n');
  at_ += bytes;
  past_ += bytes;
}

CliResult<size_t> InputLines::SkipAny(size_t offset, std::string_view blanks) {
  while (true) {
    const size_t found = Rest().find_first_not_of(blanks, offset);
    if (found != std::string_view::npos) return found;
    offset = Rest().size();
    if (at_end_ || offset > kMaxLineBytes) return offset;
    if (CliStatus filled = Fill(); !filled) return tl::unexpected(filled.error());
  }
}

CliResult<std::optional<InputLine>> InputLines::ReadLine() {
  InputLine line;
  size_t searched = at_;
  uint64_t passed_over = 0;
  while (true) {
    const size_t end = buffer_.find('\n', searched);
    const bool is_ended = end != std::string::npos;
    const size_t size = (is_ended ? end : buffer_.size()) - at_;
    line.is_too_long = line.is_too_long || size > kMaxLineBytes;
    if (is_ended || at_end_) {
      if (!is_ended && size == 0 && !line.is_too_long) return std::nullopt;
      if (!line.is_too_long) line.text = LineContent(Rest().substr(0, size));
      line.number = line_;
      line.is_ended = is_ended;
      Advance(size + (is_ended ? 1 : 0));
      return line;
    }
    if (line.is_too_long) {  // nothing of it is kept
      passed_over += size;
      Advance(size);
    }
    if (passed_over > kMaxUnbrokenBytes) {
      return Fail(ExitCode::kBadFile, LineText(line_) +
                                          " does not end within 64 MiB; this is not a file of "
                                          "lines");
    }
    searched = buffer_.size() - at_;
    if (CliStatus filled = Fill(); !filled) return tl::unexpected(filled.error());
  }
}

// --- JSON that is laid out otherwise ---

InputLines::Shape InputLines::AsText(size_t bytes) {
  const size_t newline = Rest().substr(0, bytes).rfind('\n');
  const size_t text = newline == std::string_view::npos ? 1 : newline + 1;
  text_until_ = std::max(text_until_, past_ + text);
  return Shape::kLine;
}

CliResult<InputLines::Scan> InputLines::ScanValue(size_t offset) {
  Scan scan;
  scanner_ = JsonScanner();
  while (true) {
    size_t used = 0;
    scan.state = scanner_.Add(Rest().substr(offset + scan.size), used);
    scan.size += used;
    if (scan.state != State::kMore || at_end_) return scan;
    scan.is_too_long = scan.size > kMaxLineBytes;
    if (scan.is_too_long) return scan;
    if (CliStatus filled = Fill(); !filled) return tl::unexpected(filled.error());
  }
}

CliResult<InputLines::Shape> InputLines::LookAhead() {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (past_ < text_until_) return Shape::kLine;
  auto begin = SkipAny(0, kBlanks);
  while (begin && Rest().substr(*begin).starts_with(kByteOrderMark.front()) && !at_end_ &&
         Rest().size() < *begin + kByteOrderMark.size()) {
    if (CliStatus filled = Fill(); !filled) return tl::unexpected(filled.error());
  }
  if (begin && Rest().substr(*begin).starts_with(kByteOrderMark)) {
    begin = SkipAny(*begin + kByteOrderMark.size(), kBlanks);
  }
  if (begin && Rest().substr(*begin).starts_with(',')) begin = SkipAny(*begin + 1, kBlanks);
  if (!begin) return tl::unexpected(begin.error());
  const std::string_view rest = Rest().substr(*begin);
  if (rest.starts_with('{')) return LookAtObject(*begin);
  return rest.starts_with('[') ? LookAtArray(*begin) : CliResult<Shape>(Shape::kLine);
}

// Whether the line ends at `offset`, but for blanks, or goes on with one of `followers`.
CliResult<bool> InputLines::EndsLine(size_t offset, std::string_view followers) {
  const auto end = SkipAny(offset, kBlanks);
  if (!end) return tl::unexpected(end.error());
  if (*end == Rest().size()) return at_end_;
  const char c = Rest()[*end];
  if (c == ',' && followers.find(',') != std::string_view::npos) {
    return EndsLine(*end + 1, followers.substr(1));
  }
  return c == '\n' || followers.find(c) != std::string_view::npos;
}

CliResult<InputLines::Shape> InputLines::LookAtObject(size_t offset) {
  const auto scan = ScanValue(offset);
  if (!scan) return tl::unexpected(scan.error());
  const std::string_view text = Rest().substr(offset, scan->size);
  if (scan->state == State::kInvalid) return AsText(offset + scan->size);
  const bool is_on_one_line =
      text.substr(0, text.find_last_not_of(kSpace) + 1).find('\n') == std::string_view::npos;
  value_offset_ = offset;
  value_ = *scan;
  // An unfinished one is for who writes it to complete, a long one to be passed over.
  if (scan->state == State::kMore) return is_on_one_line ? Shape::kLine : Shape::kValue;
  const auto is_all = EndsLine(offset + scan->size, "");
  if (!is_all) return tl::unexpected(is_all.error());
  const bool has_comma = Rest().substr(0, offset).find(',') != std::string_view::npos;
  if (is_on_one_line && *is_all && !has_comma) return Shape::kLine;
  const auto is_apart = EndsLine(offset + scan->size, ",{[");
  if (!is_apart) return tl::unexpected(is_apart.error());
  if (!*is_apart || !IsJson(Rest().substr(offset, scan->size))) {
    return AsText(offset + scan->size);
  }
  return Shape::kValue;
}

CliResult<InputLines::Shape> InputLines::LookAtArray(size_t offset) {
  const auto first = SkipAny(offset + 1, kSpace);
  if (!first) return tl::unexpected(first.error());
  const auto has_newline = [&](size_t end) {  // before the last byte that is none
    const std::string_view text = Rest().substr(offset, end - offset);
    return text.substr(0, text.find_last_not_of(kSpace) + 1).find('\n') != std::string_view::npos;
  };
  const std::string_view begin = Rest().substr(*first);
  value_offset_ = offset;
  if (begin.starts_with(']')) {  // empty; in a text it is a text
    const auto end = SkipAny(*first + 1, kSpace);
    if (!end) return tl::unexpected(end.error());
    const bool is_whole = line_ == 1 && at_end_ && *end == Rest().size();
    return is_whole ? Shape::kArray : AsText(offset + 1);
  }
  if (begin.empty() && line_ == 1) return Shape::kArray;
  if (begin.empty() || (!begin.starts_with('{') && !has_newline(*first + 1)))
    return AsText(offset + 1);
  const auto scan = ScanValue(*first);
  if (!scan) return tl::unexpected(scan.error());
  const size_t end = *first + scan->size;
  if (scan->state == State::kInvalid) return AsText(end);
  if (scan->state == State::kMore) {
    const bool is_array = scan->is_too_long || has_newline(end);
    return is_array ? Shape::kArray : AsText(end);
  }
  const auto behind = SkipAny(end, kSpace);
  if (!behind) return tl::unexpected(behind.error());
  const bool is_closed = Rest().substr(*behind).starts_with(']');
  const bool is_continued = Rest().substr(*behind).starts_with(',') || *behind == Rest().size();
  const auto is_apart = is_closed ? EndsLine(*behind + 1, ",{[") : CliResult<bool>(is_continued);
  if (!is_apart) return tl::unexpected(is_apart.error());
  const bool is_array = *is_apart && IsJson(Rest().substr(*first, scan->size));
  return is_array ? Shape::kArray : AsText(*behind);
}

CliResult<std::optional<InputLine>> InputLines::ReadValue() {
  Advance(value_offset_);
  if (value_.is_too_long) return SkipValue();
  InputLine line;
  line.number = line_;
  line.is_ended = value_.state == State::kDone;
  const std::string_view text = Rest().substr(0, value_.size);
  line.text = line.is_ended ? CompactJson(text) : std::string(text);
  Advance(value_.size);
  // The end of its line belongs to it.
  const auto ends_line = EndsLine(0, ",");
  if (!ends_line) return tl::unexpected(ends_line.error());
  const size_t newline = std::min(Rest().find('\n'), Rest().size());
  const size_t blanks = std::min(Rest().find_first_not_of(kBlanks), Rest().size());
  Advance(*ends_line ? std::min(newline + 1, Rest().size()) : blanks);
  return line;
}

CliResult<std::optional<InputLine>> InputLines::SkipValue() {
  InputLine line;
  line.number = line_;
  line.is_too_long = true;
  uint64_t passed_over = value_.size;
  Advance(value_.size);
  while (true) {
    size_t used = 0;
    const State state = scanner_.Add(Rest(), used);
    Advance(used);
    passed_over += used;
    if (state == State::kDone) return line;
    if (state == State::kInvalid || at_end_ || passed_over > kMaxUnbrokenBytes) {
      return Fail(ExitCode::kBadFile,
                  LineText(line.number) + ": the JSON value that begins here does not end" +
                      (passed_over > kMaxUnbrokenBytes ? " within 64 MiB" : ""));
    }
    if (CliStatus filled = Fill(); !filled) return tl::unexpected(filled.error());
  }
}

CliResult<std::optional<InputLine>> InputLines::ReadElement() {
  if (!is_in_array_) {
    Advance(value_offset_);
    array_line_ = line_;
    Advance(1);
    is_in_array_ = true;
    needs_comma_ = false;
  }
  const std::string array = " the JSON array that begins in line " + std::to_string(array_line_);
  const auto wrong = [&](int64_t number, const std::string& what) {
    return Fail(ExitCode::kBadFile, LineText(number) + ": " + what);
  };
  const std::string cut = "the input ends inside" + array + "; it was cut off, or is still written";
  while (true) {
    const auto blanks = SkipAny(0, kSpace);
    if (!blanks) return tl::unexpected(blanks.error());
    Advance(*blanks);
    if (Rest().empty() && !at_end_) continue;
    if (!Rest().starts_with(',')) break;
    Advance(1);
    needs_comma_ = false;
  }
  if (Rest().empty()) return wrong(line_, cut);
  if (Rest().starts_with(']')) {
    is_in_array_ = false;
    value_ = {State::kDone, 0, false};
    Advance(1);
    value_offset_ = 0;
    return ReadValue();  // of no bytes: passes over the end of the line
  }
  if (needs_comma_) return wrong(line_, "a comma is missing in" + array);
  const auto scan = ScanValue(0);
  if (!scan) return tl::unexpected(scan.error());
  needs_comma_ = true;
  value_ = *scan;
  if (scan->is_too_long) return SkipValue();
  if (scan->state == State::kMore) return wrong(line_, cut);
  const std::string_view text = Rest().substr(0, scan->size);
  if (scan->state == State::kInvalid || !IsJson(text)) {
    const int64_t number = line_ + std::count(text.begin(), text.end(), '\n');
    return wrong(number, "invalid JSON in" + array);
  }
  InputLine line;
  line.number = line_;
  line.text = CompactJson(text);
  Advance(scan->size);
  return line;
}

bool InputLines::WouldWait() {
  if (at_end_) return false;
  const std::string_view rest = Rest();
  const size_t end = rest.find('\n');
  const size_t first = rest.find_first_not_of(kSpace);
  const bool is_json =
      is_in_array_ || (first != rest.npos && (rest[first] == '{' || rest[first] == '['));
  // An object on a line, or the end of one over several, is likely to be whole.
  const bool is_there = end != rest.npos && (!is_json || rest.find('}') != rest.npos);
  return !is_there && source_->WouldWait();
}

}  // namespace stagelog::cli
