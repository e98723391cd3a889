// Where does a line, an element, a part end? A batch is taken whole or refused at its first bad
// event, and cutting a stream into lines does not depend on how its bytes come in.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "cli/run/line_splitter.h"
#include "core/draft_decoder.h"
#include "log/file/line_reader.h"
#include "tests/fuzz/fuzz_target.h"

namespace stagelog {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view WithoutMark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

std::string_view WithoutSpace(std::string_view text) {
  while (!text.empty() && std::strchr(" \t\r\n", text.front()) && text.front() != 0) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::strchr(" \t\r\n", text.back()) && text.back() != 0) {
    text.remove_suffix(1);
  }
  return text;
}

void CheckSameDraft(const EventDraft& a, const EventDraft& b) {
  STAGELOG_CHECK(SameContent(a, b));
  CheckSameText("job_id", a.job_id, b.job_id);
  CheckSameText("event_id", a.event_id, b.event_id);
  STAGELOG_CHECK(a.occurred_at_micros == b.occurred_at_micros);
}

// A body line by line against each line by itself.
void CheckNdjson(std::string_view body, const DraftOrigin& origin) {
  const auto decoded = DecodeNdjsonBody(body, origin);
  size_t count = 0;
  int64_t line = 0;
  FuzzInput lines(body);
  while (!lines.empty()) {
    const std::string_view text = WithoutSpace(WithoutMark(lines.TakeLine()));
    ++line;
    if (text.empty()) continue;
    const auto draft = DecodeDraft(text, origin);
    if (!draft) {
      STAGELOG_CHECK(!decoded && decoded.error().line == line);
      CheckSameText("code", decoded.error().code, draft.error().code);
      CheckIsUtf8("detail", decoded.error().detail);
      return;
    }
    if (decoded) CheckSameDraft(decoded->drafts.at(count), *draft);
    ++count;
  }
  STAGELOG_CHECK(decoded.has_value() == (count > 0));
  if (decoded) STAGELOG_CHECK(decoded->drafts.size() == count);
  if (!decoded) CheckSameText("code", decoded.error().code, "empty_batch");
}

// A body of JSON against what another reader makes of it.
void CheckJson(std::string_view body, const DraftOrigin& origin) {
  const auto decoded = DecodeJsonBody(body, origin);
  const std::string_view text = WithoutMark(body);
  const bool has_nul = text.find('\0') != std::string_view::npos || text.starts_with('\xef');
  const Json json = Json::parse(text, nullptr, false);
  if (!decoded) {
    CheckIsUtf8("detail", decoded.error().detail);
    if (decoded.error().code == "malformed_json") STAGELOG_CHECK(json.is_discarded() || has_nul);
    return;
  }
  STAGELOG_CHECK(!json.is_discarded() && !has_nul);
  STAGELOG_CHECK(decoded->is_batch == json.is_array());
  STAGELOG_CHECK(decoded->drafts.size() == (json.is_array() ? json.size() : 1));
  for (size_t i = 0; i < decoded->drafts.size(); ++i) {
    const Json& event = json.is_array() ? json[i] : json;
    const Json message = event.value("message", Json());
    CheckSameText("message", decoded->drafts[i].message,
                  message.is_string() ? message.get<std::string>() : "");
  }
}

struct OwnedPart {
  std::string bytes;
  int part;
  bool continues;
  bool operator==(const OwnedPart&) const = default;
};

// `step` 0: all at once.
std::vector<OwnedPart> Split(std::string_view text, size_t step) {
  std::vector<OwnedPart> parts;
  const auto take = [&](const cli::LinePart& part) {
    parts.push_back({std::string(part.bytes), part.part, part.continues});
  };
  cli::LineSplitter splitter;
  while (!text.empty()) {
    const size_t size = std::min(step == 0 ? text.size() : step, text.size());
    splitter.Feed(text.substr(0, size), take);
    text.remove_prefix(size);
  }
  splitter.End(take);
  return parts;
}

void CheckSplitter(std::string_view text, size_t step) {
  const std::vector<OwnedPart> parts = Split(text, 0);
  std::string joined;
  int expected_part = 1;
  for (const OwnedPart& part : parts) {
    STAGELOG_CHECK(part.part == expected_part && part.bytes.size() <= cli::kMaxLinePartBytes);
    STAGELOG_CHECK(part.bytes.find('\n') == std::string::npos);
    joined += part.bytes;
    if (!part.continues) joined += '\n';
    expected_part = part.continues ? part.part + 1 : 1;
  }
  STAGELOG_CHECK(expected_part == 1);
  if (!text.empty() && !text.ends_with('\n')) joined.pop_back();
  // Of frames, which a carriage return ends, only the last is kept.
  if (text.find('\r') == std::string_view::npos) CheckSameText("joined parts", joined, text);
  STAGELOG_CHECK(Split(text, step) == parts);
}

class MemoryFile : public ReadFile {
 public:
  explicit MemoryFile(std::string_view bytes) : bytes_(bytes) {}

  Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) override {
    if (offset >= bytes_.size()) return size_t{0};
    return bytes_.copy(buffer, size, offset);
  }

 private:
  std::string_view bytes_;
};

void CheckLineReader(std::string_view text) {
  LineReader reader(std::make_unique<MemoryFile>(text));
  uint64_t offset = 0;
  while (true) {
    const auto line = reader.Next();
    STAGELOG_CHECK(line.has_value());
    if (!line->has_value()) break;
    STAGELOG_CHECK((*line)->offset == offset);
    STAGELOG_CHECK((*line)->end == offset + (*line)->text.size() + ((*line)->terminated ? 1 : 0));
    CheckSameText("line", (*line)->text, text.substr(offset, (*line)->text.size()));
    STAGELOG_CHECK((*line)->text.find('\n') == std::string_view::npos);
    if ((*line)->terminated) STAGELOG_CHECK(text[offset + (*line)->text.size()] == '\n');
    offset = (*line)->end;
  }
  STAGELOG_CHECK(offset == text.size());
}

}  // namespace

// The first byte says in which portions bytes come in, and how long a line gets.
STAGELOG_FUZZ_TARGET(ndjson) {
  FuzzInput bytes(input);
  const uint8_t shape = bytes.TakeByte();
  const std::string_view body = bytes.rest();
  for (const DraftOrigin& origin : {DraftOrigin{"job", "actor"}, DraftOrigin{"", "actor"}}) {
    CheckNdjson(body, origin);
    CheckJson(body, origin);
  }
  const size_t step = 1 + shape % 7;
  CheckSplitter(body, step);
  CheckLineReader(body);
  if (shape < 240 || body.empty()) return;
  std::string text;
  while (text.size() < 3 * cli::kMaxLinePartBytes) text += body;
  CheckSplitter(text, 1000 * step);
  CheckLineReader(text);
}

}  // namespace stagelog
