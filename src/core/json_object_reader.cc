#include "core/json_object_reader.h"

#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "core/json_text.h"

namespace stagelog {
namespace {

using Json = nlohmann::json;

// Listens to nlohmann_json's parser, which keeps its own stack on the heap: depth is no danger to
// it, and the grammar, the numbers and UTF-8 are its work.
class TopLevelListener : public nlohmann::json_sax<Json> {
 public:
  explicit TopLevelListener(int max_depth) : max_depth_(max_depth) {}

  bool null() override { return Take({.kind = JsonMember::Kind::kNull}); }
  bool boolean(bool) override { return Take({.kind = JsonMember::Kind::kBoolean}); }
  bool number_integer(number_integer_t value) override {
    return Take({.kind = JsonMember::Kind::kInteger,
                 .integer = value,
                 .number = static_cast<double>(value)});
  }
  bool number_unsigned(number_unsigned_t value) override {
    const bool fits = value <= static_cast<uint64_t>(INT64_MAX);
    return Take({.kind = JsonMember::Kind::kInteger,
                 .integer = fits ? static_cast<int64_t>(value) : INT64_MAX,
                 .number = static_cast<double>(value)});
  }
  bool number_float(number_float_t value, const string_t&) override {
    return Take({.kind = JsonMember::Kind::kFloat, .number = value});
  }
  bool string(string_t& value) override {
    if (depth_ != 1) return Take({});
    return Take({.kind = JsonMember::Kind::kText, .text = std::move(value)});
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Open(JsonMember::Kind::kObject); }
  bool start_array(std::size_t) override { return Open(JsonMember::Kind::kArray); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& value) override {
    if (depth_ == 1) members_.push_back({.key = std::move(value)});
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& problem) override {
    Refuse("malformed_json",
           "not valid JSON at byte " + std::to_string(position) + ": " + Reason(problem.what()));
    return false;
  }

  std::vector<JsonMember>& members() { return members_; }
  Refusal& refusal() { return refusal_; }

 private:
  bool Take(JsonMember value) {
    if (depth_ == 0) return Refuse("not_an_object", "an event is a JSON object");
    if (depth_ != 1) return true;
    value.key = std::move(members_.back().key);
    members_.back() = std::move(value);
    return true;
  }

  bool Open(JsonMember::Kind kind) {
    if (depth_ == 0 && kind != JsonMember::Kind::kObject) {
      return Refuse("not_an_object", "an event is a JSON object");
    }
    if (depth_ == max_depth_) {
      return Refuse("too_deep",
                    "JSON is nested more than " + std::to_string(max_depth_) + " levels deep");
    }
    if (depth_ == 1) members_.back().kind = kind;
    ++depth_;
    return true;
  }

  bool Close() {
    --depth_;
    return true;
  }

  bool Refuse(std::string code, std::string detail) {
    refusal_ = {.code = std::move(code), .detail = std::move(detail)};
    return false;
  }

  // nlohmann's texts begin with a number of their own and end with the last token read, which may
  // be long or hold anything: what stands between says what is wrong.
  static std::string Reason(std::string text) {
    const size_t start = text.find(" - ");
    if (start != std::string::npos) text.erase(0, start + 3);
    if (text.starts_with("[json.exception")) text.erase(0, text.find(']') + 2);
    const size_t last_read = text.find("; last read");
    const size_t expected = text.rfind("; expected");  // the token may hold these words as well
    if (last_read != std::string::npos) {
      text.erase(last_read, expected == std::string::npos || expected < last_read
                                ? std::string::npos
                                : expected - last_read);
    }
    return QuotableText(text, 160);
  }

  const int max_depth_;
  int depth_ = 0;
  std::vector<JsonMember> members_;
  Refusal refusal_;
};

// Longer texts are rare, and the parser keeps several times the longest one's size.
constexpr size_t kMaxFastBytes = size_t{32} << 10;

// The member but for its key and its raw bytes.
JsonMember MemberOf(const simdjson::dom::element& value) {
  using Type = simdjson::dom::element_type;
  switch (value.type()) {
    case Type::NULL_VALUE:
      return {.kind = JsonMember::Kind::kNull};
    case Type::BOOL:
      return {.kind = JsonMember::Kind::kBoolean};
    case Type::INT64: {
      const int64_t number = value.get_int64().value_unsafe();
      return {.kind = JsonMember::Kind::kInteger,
              .integer = number,
              .number = static_cast<double>(number)};
    }
    case Type::UINT64:
      return {.kind = JsonMember::Kind::kInteger,
              .integer = INT64_MAX,
              .number = static_cast<double>(value.get_uint64().value_unsafe())};
    case Type::DOUBLE:
      return {.kind = JsonMember::Kind::kFloat, .number = value.get_double().value_unsafe()};
    case Type::STRING:
      return {.kind = JsonMember::Kind::kText,
              .text = std::string(value.get_string().value_unsafe())};
    case Type::OBJECT:
      return {.kind = JsonMember::Kind::kObject};
    case Type::ARRAY:
      break;
  }
  return {.kind = JsonMember::Kind::kArray};
}

// simdjson's reading of what is plainly right. What is wrong in any way, or not so plain, is left
// to the other reader, which says what.
std::optional<std::vector<JsonMember>> ReadFast(std::string_view json, int max_depth) {
  // A byte order mark is refused, which versions of simdjson see in different ways.
  const bool is_plain = !json.empty() && json.size() <= kMaxFastBytes && !json.starts_with('\xef');
  if (!is_plain || max_depth < 2) return std::nullopt;
  thread_local simdjson::dom::parser parser;
  // Less than is allowed: where the two count depth differently the other reader decides.
  const size_t depth = static_cast<size_t>(max_depth) - 1;
  if (parser.max_depth() != depth || parser.capacity() < json.size()) {
    if (parser.allocate(std::max<size_t>(json.size(), 1024), depth) != simdjson::SUCCESS) {
      return std::nullopt;
    }
  }
  simdjson::dom::object object;
  if (parser.parse(json.data(), json.size()).get(object) != simdjson::SUCCESS) return std::nullopt;
  std::vector<JsonMember> members;
  members.reserve(object.size());
  for (const simdjson::dom::key_value_pair field : object) {
    members.push_back(MemberOf(field.value));
    members.back().key = field.key;
  }
  return members;
}

tl::expected<std::vector<JsonMember>, Refusal> ReadMembers(std::string_view json, int max_depth) {
  if (auto fast = ReadFast(json, max_depth)) return std::move(*fast);
  // nlohmann_json passes over a byte order mark, and takes a NUL for the end of the text.
  const size_t foreign = json.starts_with('\xef') ? 0 : json.find('\0');
  if (foreign != std::string_view::npos) {
    return tl::unexpected(Refusal{
        .code = "malformed_json",
        .detail = "not valid JSON at byte " + std::to_string(foreign + 1) + ": invalid literal"});
  }
  TopLevelListener listener(max_depth);
  if (!Json::sax_parse(json.begin(), json.end(), &listener)) {
    return tl::unexpected(std::move(listener.refusal()));
  }
  return std::move(listener.members());
}

// CompactJson() of valid JSON.
std::string Minified(std::string_view json) {
  std::string compact(json.size(), '\0');
  size_t size = 0;
  if (simdjson::minify(json.data(), json.size(), compact.data(), size) != simdjson::SUCCESS) {
    return CompactJson(json);
  }
  compact.resize(size);
  return compact;
}

}  // namespace

tl::expected<std::vector<JsonMember>, Refusal> ReadJsonObject(std::string_view json,
                                                              int max_depth) {
  auto members = ReadMembers(json, max_depth);
  if (!members) return members;
  const std::string compact = Minified(json);
  JsonMembers slices(compact);
  for (JsonMember& member : *members) {
    slices.Next();
    member.raw = slices.value();
  }
  return members;
}

Refusal DuplicateKey(std::string_view key) {
  const std::string name = QuotableText(key, 128);
  return {.code = "duplicate_key", .detail = "duplicate key '" + name + "'", .field = name};
}

}  // namespace stagelog
