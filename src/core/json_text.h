// JSON as text: the few operations that preserve a client's bytes. They expect valid JSON;
// nlohmann_json checks the grammar.
#ifndef STAGELOG_CORE_JSON_TEXT_H_
#define STAGELOG_CORE_JSON_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace stagelog {

// Appends `text` (UTF-8) inside its characters' escapes, without the quotes: RFC 8259 section 7,
// the short escape where there is one, \u00xx for other control characters, everything else as it
// is.
void AppendJsonEscaped(std::string& out, std::string_view text);

// The same with the quotes.
void AppendJsonString(std::string& out, std::string_view text);
std::string JsonString(std::string_view text);

// Adds a member to an object that is not closed yet; an empty `object` is opened. `json` is the
// member's value.
void AppendJsonMember(std::string& object, std::string_view key, std::string_view json);

// A client's text, made safe to quote in an answer: at most `max_bytes`, cut between characters,
// with '?' for each byte that is not well-formed UTF-8 (Unicode 15, table 3-7).
std::string QuotableText(std::string_view text, size_t max_bytes);

// `json` (valid) without the white space between its tokens.
std::string CompactJson(std::string_view json);

// The end of the value that begins at `start` in `json` (valid and compact).
size_t JsonValueEnd(std::string_view json, size_t start);

// Walks the members of an object (valid and compact) in order.
//   for (JsonMembers members(object); members.Next();) Use(members.key(), members.value());
class JsonMembers {
 public:
  explicit JsonMembers(std::string_view object) : object_(object) {}

  bool Next();
  std::string_view key() const { return key_; }      // without quotes, escapes as they are
  std::string_view value() const { return value_; }  // with its quotes or brackets

 private:
  std::string_view object_;
  size_t at_ = 0;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_JSON_TEXT_H_
